"""What running needs: no version is shut out without a reason, and the lowest ones can be tried."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def lines_of(file: str) -> list[str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-r"))]


def test_the_lowest_versions_are_those_that_are_allowed():
    lowest = dict(line.split("==") for line in lines_of("tests/constraints-lowest.txt"))
    allowed = dict(re.match(r"(\w+)>=([\d.]+)", line).groups() for line in lines_of("requirements.txt"))
    assert lowest.keys() == allowed.keys()
    for name, version in allowed.items():
        assert re.sub(r"(\.0)+$", "", lowest[name]) == re.sub(r"(\.0)+$", "", version), name


def test_what_is_shut_out_has_its_reason_beside_it():
    assert all("#" in line for line in lines_of("requirements.txt") if "<" in line)
