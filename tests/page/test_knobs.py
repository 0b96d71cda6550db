"""The knobs of a method are the ones that are shown, at its own values and within its own limits."""

import gradio as gr
import pytest

from playground.page.parts.knobs import all_knobs, follow_method, knob_controls, knob_state
from playground.samplers import SAMPLERS
from playground.schedules import SCHEDULES

METHODS = [(registry, name) for registry in (SAMPLERS, SCHEDULES) for name in registry]


@pytest.mark.parametrize(("registry", "method"), METHODS, ids=[name for _registry, name in METHODS])
def test_a_method_shows_its_own_knobs_at_its_own_values(registry, method):
    own = {knob.name: knob for knob in registry[method].knobs}
    states = {name: knob_state(registry, name, method) for name in all_knobs(registry)}
    assert {name for name, state in states.items() if state["visible"]} == set(own)
    for name, knob in own.items():
        assert states[name]["value"] == knob.default
        assert states[name].get("maximum", knob.high) == knob.high
    made = knob_controls("noise", registry, method)
    assert {name for name, control in made.items() if control.visible} == set(own)


def test_a_method_chosen_by_hand_starts_with_its_values_and_one_from_a_link_keeps_them():
    with gr.Blocks() as demo:
        chooser = gr.Dropdown(list(SCHEDULES), value="cosine")
        knobs = knob_controls("noise", SCHEDULES, "cosine")
        follow_method(SCHEDULES, chooser, knobs)
    events = {fn.targets[0][1]: fn.fn for fn in demo.fns.values()}
    by_hand, followed = (dict(zip(knobs, events[event]("linear"), strict=True)) for event in ("input", "change"))
    assert by_hand["beta_end"]["value"] == 0.02 and "value" not in followed["beta_end"]
    for updates in (by_hand, followed):
        assert updates["beta_end"]["visible"] and not updates["offset"]["visible"]
