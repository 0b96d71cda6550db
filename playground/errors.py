"""The one exception whose words a person is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """One sentence: what was wrong and what to do.

    `template` and `params` are kept apart so that the page can say the same sentence in another language:
    ``UserError("Steps must be between {low} and {high}.", low=1, high=1000)``.
    """

    def __init__(self, template: str, **params: object) -> None:
        self.template = template
        self.params = params
        super().__init__(template.format(**params) if params else template)
