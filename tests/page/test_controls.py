"""Components from the table of settings, and errors as a person meets them."""

import asyncio
import inspect
import io
import logging
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.data_classes import ImageData
from PIL import Image

from playground.checkpoints import Outline
from playground.errors import UserError
from playground.page.controls import (
    CALM,
    Page,
    control,
    errors_shown,
    safe_image,
)
from playground.page.parts.model import guidance_state, method_of, pupil
from playground.page.parts.run import stream
from playground.page.tabs import duel, generate, paint
from playground.runs.settings import DEFAULTS, check, with_defaults

ROWS = [(name, tab) for name, row in DEFAULTS.items() for tab in row.tabs[:1]]


@pytest.mark.parametrize(("name", "tab"), ROWS)
def test_every_row_makes_a_control_with_the_tables_limits(name, tab):
    row = DEFAULTS[name]
    made = control(name, tab)
    assert made.elem_id == f"{tab}-{name}" and made.label.key == row.label
    assert row.default is None or check(name, made.value) == row.default
    if row.kind in ("int", "float"):
        assert (made.minimum, made.maximum) == (row.low, row.high) and row.low <= made.value <= row.high
    elif row.choices:
        assert [value for _label, value in made.choices] == list(row.choices)
    elif row.kind in ("text", "name"):
        assert made.max_length == row.high


def test_overrides_and_other_kinds():
    made = control("style", "generate", choices=[("Noto", "noto"), ("Fluent", "fluent")], value="fluent", info=None)
    assert isinstance(made, gr.Dropdown) and made.value == "fluent" and made.elem_id == "generate-style"
    assert isinstance(control("start", "denoise", as_=gr.Radio), gr.Radio)
    assert isinstance(control("schedules", "schedules", as_=gr.CheckboxGroup), gr.CheckboxGroup)
    assert isinstance(control("seed", "noise"), gr.Number) and isinstance(control("steps", "denoise"), gr.Slider)


def test_controls_belong_to_the_page_that_is_built_and_to_no_other():
    with Page() as one:
        seed = control("seed", "noise")
    with Page(with_defaults(seed=3)) as two:
        assert control("seed", "noise").value == 3
    assert control("seed", "noise").value == seed.value == DEFAULTS["seed"].default
    assert one.controls == [("noise", "seed", seed)] and len(two.controls) == 1
    with pytest.raises(TypeError):
        DEFAULTS["seed"] = two.table["seed"]
    with pytest.raises(UserError, match="Seed must be"):
        with_defaults(seed=-1)


def uploaded(tmp_path, data):
    path = tmp_path / "upload.png"
    path.write_bytes(data)
    return ImageData(path=str(path))


def test_safe_image_gives_rgb_and_refuses_in_a_sentence(tmp_path):
    image = safe_image(label="x")
    buffer = io.BytesIO()
    Image.new("LA", (3, 2), (0, 0)).save(buffer, "PNG")
    got = image.preprocess(uploaded(tmp_path, buffer.getvalue()))
    assert got.mode == "RGB" and got.size == (3, 2) and got.getpixel((0, 0)) == (255, 255, 255)
    assert image.preprocess(None) is None
    with pytest.raises(gr.Error, match="not a picture") as caught:
        image.preprocess(uploaded(tmp_path, b"hello"))
    assert caught.value.print_exception is False
    copy = image.__class__(**image.constructor_args)  # as Gradio does after an update
    with pytest.raises(gr.Error, match="not a picture"):
        copy.preprocess(uploaded(tmp_path, b"hello"))


def plain(x, y=2):
    raise x


def generator(x, y=2):
    yield 1
    raise x


async def coroutine(x, y=2):
    raise x


def run(fn, error):
    shown = errors_shown(fn)
    assert inspect.signature(shown) == inspect.signature(fn) and shown.__name__ == fn.__name__
    if fn is coroutine:
        return asyncio.run(shown(error))
    return list(shown(error)) if fn is generator else shown(error)


@pytest.mark.parametrize("fn", [plain, generator, coroutine])
def test_a_user_error_is_shown_and_a_bug_is_logged_and_hidden(fn, caplog):
    with pytest.raises(gr.Error) as caught:
        run(fn, UserError("Give me {n} pictures.", n=3))
    assert caught.value.message == "Give me 3 pictures." and not caught.value.print_exception and not caplog.records
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as caught:
        run(fn, KeyError("password"))
    assert caught.value.message == CALM and "password" in caplog.text and not caught.value.print_exception
    with pytest.raises(gr.Error, match="as it is"):
        run(fn, gr.Error("as it is"))


def test_a_closed_generator_frees_what_it_holds():
    freed = []

    def holding():
        try:
            yield 1
            yield 2
        finally:
            freed.append(True)

    steps = errors_shown(holding)()
    assert next(steps) == 1
    steps.close()
    assert freed


def test_every_control_of_the_page_is_in_its_link():
    import app

    demo = app.build()
    bar = next(block for block in demo.blocks.values() if block.elem_id == "link")
    known = {(each["tab"], each["name"]) for each in bar.props["page"]["controls"]}
    kinds = (gr.Slider, gr.Number, gr.Dropdown, gr.Radio, gr.Checkbox, gr.CheckboxGroup, gr.Textbox)
    found = [block for block in demo.blocks.values() if isinstance(block, kinds)]
    assert len(found) > 100 and not [
        block.elem_id for block in found if tuple((block.elem_id or "-").split("-", 1)) not in known
    ]


def test_the_engine_of_a_page_is_that_of_its_model_on_its_device():
    page = Page(with_defaults(checkpoint="mine", device="cpu"), opened=lambda *asked: asked)
    assert page.engine() == ("mine", "cpu") and page.engine("another") == ("another", "cpu")


def test_a_run_is_on_the_pages_device_where_its_tab_names_none():
    asked = []

    def prepare(values, who):
        asked.append(values)
        return SimpleNamespace(messages=lambda channel: [], lanes=[], more={})

    corner = SimpleNamespace(forget=lambda who: None, keep=lambda who, records: None, follow=lambda event: None)
    with Page(with_defaults(device="cpu")), gr.Blocks() as demo:
        inputs = {"seed": control("seed", "generate")}
        stream([gr.Button().click], prepare, inputs, gr.HTML(), corner)
    run = next(fn.fn for fn in demo.fns.values() if fn.name == "run")
    list(run(SimpleNamespace(session_hash="me"), 5))
    assert asked == [{"device": "cpu", "seed": 5}]


# ------------------------------------------------------------------------------------------ another model

ORDINARY = Outline(words=("cat",), conditions=("text",))
DISTILLED = Outline(words=("cat",), conditions=("text",), guidance=2.0, steps=4, teacher="tutor")


def test_the_guidance_of_a_distilled_model_can_be_read_and_not_moved():
    inside, free = guidance_state(DISTILLED, 5.0), guidance_state(ORDINARY, 5.0)
    assert (inside["value"], inside["interactive"]) == (2.0, False) and (free["value"], free["interactive"]) == (
        5.0,
        True,
    )
    assert inside["info"] != free["info"] and control("guidance_scale", "generate", **inside).interactive is False
    assert guidance_state(ORDINARY, 1.0)["value"] == DEFAULTS["guidance_scale"].default
    assert guidance_state(Outline(), 5.0) == {"visible": False, "value": 1.0}


def test_a_distilled_model_gets_its_steps_unless_somebody_has_chosen_others():
    def chosen(sampler, steps):
        return {"sampler": sampler, "steps": steps}

    usual, made_for, own = (chosen(*each) for each in ((DEFAULTS["sampler"].default, 20), ("ddim", 4), ("lcm", 8)))
    assert method_of(DISTILLED, ORDINARY, usual) == made_for
    assert method_of(ORDINARY, DISTILLED, made_for) == usual
    assert method_of(DISTILLED, ORDINARY, own) == own == method_of(ORDINARY, DISTILLED, own)
    # One of the two may have come from another tab already.
    halves = usual | {"sampler": "ddim"}, usual | {"steps": 4}
    assert [method_of(ORDINARY, DISTILLED, half) for half in halves] == [usual, usual]
    assert [method_of(DISTILLED, ORDINARY, half) for half in halves] == [made_for, made_for]
    assert method_of(ORDINARY, ORDINARY, made_for) == made_for
    painting = {name: DEFAULTS[name].default for name in ("paint_sampler", "paint_steps")}
    answered = method_of(DISTILLED, ORDINARY, painting)
    assert answered == {"paint_sampler": "ddim", "paint_steps": 4}
    assert method_of(ORDINARY, DISTILLED, answered) == painting


def following(demo):
    """The event by which a tab follows its model."""
    return next(fn for fn in demo.fns.values() if fn.name == "changed" and fn.targets[0][1] == "follow")


@pytest.mark.parametrize(("tab", "part"), [(generate, "generate-pair"), (duel, "duel-guidance_scale_1")])
def test_with_a_distilled_model_nobody_is_asked_for_a_guidance(tab, part):
    with Page() as page, gr.Blocks() as demo:
        tab.build(page)
    follow = following(demo)
    values = [item.value for item in follow.inputs]
    place = [item.elem_id for item in follow.outputs].index(part)
    for before, model, there in (("avatars-64", "avatars-64-turbo", False), ("avatars-64-turbo", "avatars-64", True)):
        told = follow.fn(SimpleNamespace(model=model, before=before), *values)
        assert told[place]["visible"] is there


@pytest.mark.parametrize(("part", "names"), [
    ("build_canvas", ("paint_sampler", "paint_steps")), ("build_editing", ("steps",)), ("build_between", ("steps",)),
])  # fmt: skip
def test_in_paint_the_steps_of_a_distilled_model_come_and_go_with_it(part, names):
    with Page() as page, gr.Blocks() as demo:
        getattr(paint, part)(*([page] if part == "build_canvas" else []))
    follow = following(demo)
    known = [str(item.elem_id).partition("-")[2] for item in follow.inputs]
    places = [known.index(name) for name in names]
    values = [item.value for item in follow.inputs]
    start = [values[place] for place in places]
    for before, model, steps in (("avatars-64", "avatars-64-turbo", 4), ("avatars-64-turbo", "avatars-64", start[-1])):
        event = SimpleNamespace(model=model, before=before)
        told = dict(zip(follow.outputs, follow.fn(event, *values), strict=True))
        for place in places:
            values[place] = told[follow.inputs[place]]
        assert values[places[-1]] == steps
    assert [values[place] for place in places] == start


def test_a_students_teacher_is_named():
    assert pupil(DISTILLED) == "A student of tutor, made for 4 steps of DDIM, with a guidance of 2 inside."
    assert pupil(ORDINARY) == "" == pupil(replace(DISTILLED, teacher="<img src=//elsewhere>"))
