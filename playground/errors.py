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


def decoded(data: bytes, name: object) -> str:
    """The text in a file's bytes, UTF-8 with or without a byte-order mark; `name` is for the sentence.

    Raises:
        UserError: it is in another encoding: guessed at, words would change without anybody's notice.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError("{name} is not a text in UTF-8; save it as UTF-8 and try again.", name=name) from error
