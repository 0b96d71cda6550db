"""Every endpoint of the page against everything a script may send: always an answer or one sentence, never a
traceback."""

import inspect
import json
import math
import re
import shutil
import sys

import gradio as gr
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground import checkpoints
from playground.page.controls import CALM
from playground.runs.settings import DEFAULTS

ENDPOINTS = (
    "noise",
    "schedule_curves",
    "denoise",
    "inside",
    "generate",
    "compare_samplers",
    "edit",
    "interpolate",
    "inpaint",
    "draw",
    "interpolate_pictures",
    "score",
    "objective",
    "latent",
    "museum",
)
LONG = ("train_digits",)  # what is valid takes a minute there
QUICK = {"steps": 1, "count": 1, "particles": 2, "size": 16}  # so that what is valid is done soon
HOSTILE = [
    math.nan, math.inf, -math.inf, -1, 0, 1.5, 2**31, 10**400, -(10**400), True, "", "x", "NaN", "-1", "1e999",
    "x" * 100_000, "../../etc/passwd", "<script>alert(1)</script>", "{seed}", "%s%n", "\0", "貓", [], [None], [[]],
    [[math.nan, 1]], ["x"] * 5000, {}, {"a": 1}, {"path": "/etc/passwd"},
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, [{"sampler": "nope"}],
]  # fmt: skip


@pytest.fixture(scope="module")
def started(tiny_checkpoint, tmp_path_factory):
    """(what `python app.py --checkpoint …` warms, the page that it builds) for a model of a millisecond a step, whose
    schedule is not the table's."""
    import app

    folder = tmp_path_factory.mktemp("models") / "straight"
    shutil.copytree(tiny_checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"schedule": "linear"}))
    built = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "_offered", {})
        with patch.context() as starting:
            starting.setattr(app, "build", lambda *given, build=app.build: built.append(build(*given)) or sys.exit())
            starting.setattr(app, "engine_for", lambda *asked: built.append(asked))
            starting.setattr(sys, "argv", ["app.py", "--checkpoint", str(folder), "--device", "cpu"])
            with pytest.raises(SystemExit):
                app.main()
        yield sorted(built, key=lambda each: isinstance(each, gr.Blocks))


@pytest.fixture(scope="module")
def calls(started):
    """{endpoint: (its function, the names of its parameters)} of the whole page."""
    _warmed, demo = started
    public = [fn for fn in demo.fns.values() if fn.api_visibility == "public" and fn.fn is not None]
    return {fn.api_name: (fn.fn, list(inspect.signature(fn.fn).parameters)) for fn in public}


def outcome(call, names, given):
    """What a caller gets for some of the parameters, the others being quick or missing: files and JSON, or a
    sentence."""
    values = {name: QUICK.get(name) for name in names} | given
    try:
        paths, used = call(*values.values())
    except gr.Error as error:
        assert error.message != CALM, f"a bug, not a sentence, for {given!r:.200}"
        assert len(error.message) < 600 and "Traceback" not in error.message and error.message.strip()
        return error.message
    json.dumps(used, allow_nan=False)
    assert all(path.endswith(".png") for path in paths)
    return used


def test_they_are_all_there_and_nothing_else(calls):
    assert set(calls) == {*ENDPOINTS, *LONG}
    for _call, names in calls.values():
        assert all(re.fullmatch("[A-Za-z][a-z0-9_]*", name) for name in names)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_each_parameter_survives_each_hostile_value(calls, endpoint):
    call, names = calls[endpoint]
    plain = outcome(call, names, {})
    assert isinstance(plain, dict) or (endpoint, plain[:25]) in (
        ("draw", "This model takes no lines"),
        ("latent", "This model works on pixel"),
    )
    wrong = []
    for name in names:
        for value in HOSTILE:
            try:
                outcome(call, names, {name: value})
            except (AssertionError, TypeError, ValueError) as error:
                wrong.append(f"{name}={value!r:.60}: {error!r:.160}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("endpoint", LONG)
@pytest.mark.parametrize("value", [math.nan, [None], {"a": 1}])
def test_each_parameter_of_a_long_one_refuses_what_can_be_none(calls, endpoint, value):
    call, names = calls[endpoint]
    for name in names:
        assert isinstance(outcome(call, names, {name: value}), str), name


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_mixture_survives(calls, data):
    call, names = calls[data.draw(st.sampled_from(ENDPOINTS))]
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True))
    anything = (
        st.sampled_from(HOSTILE)
        | st.floats()
        | st.integers()
        | st.text(max_size=30)
        | st.lists(st.floats(), max_size=3)
    )
    outcome(call, names, {name: data.draw(anything) for name in chosen})


def test_a_page_that_starts_with_a_linear_model_is_linear_everywhere(started, calls):
    """Controls, endpoints and what is computed for the first look."""
    warmed, demo = started
    assert warmed == ("straight", "cpu")
    found = [block for block in demo.blocks.values() if (block.elem_id or "").endswith("-schedule")]
    assert len(found) > 5 and {block.value for block in found} == {"linear"}
    for name in ("noise", "score", "generate"):
        call, names = calls[name]
        assert outcome(call, names, {})["schedule"] == "linear", name
    assert DEFAULTS["schedule"].default == "cosine"
