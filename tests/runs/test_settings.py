"""The table of settings: what it takes, what it refuses and how it reads and writes a link."""

import math
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.errors import UserError
from playground.knobs import Knob
from playground.runs.rows import TABS
from playground.runs.settings import DEFAULTS, as_text, check, checked, from_query, knobs_of, to_query
from playground.samplers import SAMPLERS
from playground.schedules import SCHEDULES

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=5,
)


def valid(row):
    """A strategy for the values a row of the table takes."""
    if row.kind == "int":
        return st.integers(int(row.low), int(row.high))
    if row.kind == "float":
        return st.floats(row.low, row.high)
    if row.kind == "bool":
        return st.booleans()
    if row.kind == "names":
        names = st.lists(st.sampled_from(row.choices), min_size=int(row.low), max_size=int(row.high), unique=True)
        return names.map(tuple)
    if row.choices:
        return st.sampled_from(row.choices)
    letters = "abc XYZ-_.0189" if row.kind == "name" else "abc 貓♥&=+%?#/,:\"'<>"
    return st.text(letters, min_size=int(row.low), max_size=min(30, int(row.high)))


def test_every_default_is_valid_and_every_row_has_a_label():
    for name, row in DEFAULTS.items():
        assert row.name == name and row.label and set(row.tabs) <= set(TABS)
        if row.default is not None:
            assert check(name, row.default) == row.default
        assert check(name, None) == row.default


def test_every_knob_of_every_registry_is_a_row_that_takes_its_whole_range():
    for registry in (SCHEDULES, SAMPLERS):
        for method, entry in registry.items():
            for knob in entry.knobs:
                row = DEFAULTS[knob.name]
                assert method in row.methods
                values = knob.choices or ([knob.default] if isinstance(knob.default, str) else [knob.low, knob.high])
                for value in (knob.default, *values):
                    assert check(knob.name, value) == value


def test_knobs_of_gives_each_method_its_own_defaults_and_its_own_range():
    for registry in (SCHEDULES, SAMPLERS):
        for method, entry in registry.items():
            own = knobs_of(registry, method, {})
            for knob in entry.knobs:
                fixed = DEFAULTS[knob.name].default  # a row of the page's own, such as eta, has one default for all
                assert own[knob.name] == (knob.default if fixed is None else fixed)
    narrow = SimpleNamespace(knobs=(Knob("beta_end", 0.02, 0.01, 0.03, 0.001, "Last β"),))
    assert knobs_of({"narrow": narrow}, "narrow", {"beta_end": 0.03}) == {"beta_end": 0.03}
    with pytest.raises(UserError, match="0.03"):
        knobs_of({"narrow": narrow}, "narrow", {"beta_end": 0.05})


@pytest.mark.parametrize(
    ("name", "value", "want"),
    [("seed", "7", 7), ("seed", 7.0, 7), ("steps", " 20 ", 20), ("eta", "0.5", 0.5), ("eta", 1, 1.0),
     ("zero_terminal_snr", "true", True), ("zero_terminal_snr", "0", False), ("zero_terminal_snr", 1, True),
     ("schedules", "linear, sigmoid,linear", ("linear", "sigmoid")), ("schedules", ["cosine"], ("cosine",)),
     ("prompt", "red\ncat\0", "red cat "), ("sampler", "ddpm", "ddpm")],
)  # fmt: skip
def test_what_is_meant_is_understood(name, value, want):
    got = check(name, value)
    assert got == want and type(got) is type(want)


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", -1), ("seed", 2**31), ("seed", 1.5), ("seed", True), ("seed", "seven"), ("seed", math.nan),
     ("seed", math.inf), ("seed", 10**400), ("seed", "9" * 100), ("steps", 0), ("eta", 1.0001), ("eta", "nan"),
     ("sampler", "DDIM"), ("sampler", ""), ("sampler", ["ddim"]), ("schedules", ""), ("schedules", "linear,nope"),
     ("schedules", ["linear"] * 9), ("schedules", {"linear": 1}), ("prompt", "x" * 201), ("prompt", 7),
     ("zero_terminal_snr", "maybe"), ("zero_terminal_snr", 2), ("style", "<script>"), ("checkpoint", "a\0b"),
     ("nothing", 1)],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_one_short_sentence(name, value):
    with pytest.raises(UserError) as caught:
        check(name, value)
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 250 and "\n" not in str(caught.value)


@given(name=st.sampled_from(sorted(DEFAULTS)), value=ANYTHING)
def test_anything_at_all_is_a_value_or_a_sentence(name, value):
    row = DEFAULTS[name]
    try:
        got = check(name, value)
    except UserError as error:
        assert len(str(error)) < 400
    else:
        assert got == check(name, got)  # once through the door, always through it
        if row.kind in ("int", "float") and got is not None:
            assert row.low <= got <= row.high


def test_checked_fills_in_and_refuses():
    values = checked(seed="9", prompt=None)
    assert values["seed"] == 9 and values["prompt"] == DEFAULTS["prompt"].default and set(values) == set(DEFAULTS)
    with pytest.raises(UserError):
        checked(seed=-1)
    with pytest.raises(UserError):
        checked(nothing=1)


@given(st.fixed_dictionaries({}, optional={name: valid(row) for name, row in DEFAULTS.items() if name != "tab"}))
def test_a_link_brings_back_what_it_was_made_of(values):
    query = to_query(values, "generate")
    again, messages = from_query(dict(parse_qsl(query, keep_blank_values=True)))
    assert not messages and again.pop("tab") == "generate"
    for name, value in values.items():
        got = again.pop(name, DEFAULTS[name].default)
        assert got == (pytest.approx(value, rel=1e-9, abs=1e-300) if isinstance(value, float) else value), name
    assert set(again) <= {"seed"}


def test_a_link_is_readable():
    values = {"seed": 7, "sampler": "ddim", "steps": 25, "schedules": ("linear", "sigmoid"), "eta": 0.5, "T": 1000}
    assert to_query(values, "generate") == "tab=generate&seed=7&schedules=linear,sigmoid&sampler=ddim&steps=25&eta=0.5"
    assert as_text(0.1 + 0.2) == "0.3" and as_text(True) == "true" and as_text(1.0) == "1"


def test_a_bad_link_falls_back_and_says_so():
    values, messages = from_query({"seed": "9", "steps": "99999", "sampler": "nope", "__theme": "dark", "hide": "eta"})
    assert values == {"seed": 9}
    assert [str(message).split()[0] for message in messages] == ["Sampler", "Steps"]
    assert "99999" in str(messages[1]) and "1000" in str(messages[1])
