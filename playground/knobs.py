"""One thing to turn: what schedules and samplers say about each of their settings."""

from __future__ import annotations

import math
from dataclasses import dataclass

from playground.errors import UserError


@dataclass(frozen=True)
class Knob:
    """A number in [low, high] in steps of `step`, whole where the default is; or, with `choices`, one of
    them; or a text, where the default is one."""

    name: str
    default: float | int | str
    low: float = 0
    high: float = 1
    step: float = 0.01
    label: str = ""
    choices: tuple[str, ...] = ()

    def checked(self, value: object) -> float | int | str:
        """The value in this knob's type; raises UserError when it is no number, or out of range, or no
        choice."""
        if self.choices:
            if value not in self.choices:
                choices = ", ".join(self.choices)
                raise UserError("{label} must be one of: {choices}.", label=self.label, choices=choices)
            return value
        if isinstance(self.default, str):
            return str(value)
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        whole = isinstance(self.default, int)
        if not self.low <= number <= self.high or (whole and number != int(number)):
            template = "{label} must be a {number} between {low} and {high}; you gave {value}."
            raise UserError(
                template,
                label=self.label,
                number="whole number" if whole else "number",
                low=self.low,
                high=self.high,
                value=value,
            )
        return int(number) if whole else number
