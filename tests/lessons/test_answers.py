"""Answers: a learner's file is sealed, read like any receipt, and looked at again without trusting what it says."""

import json
from urllib.parse import urlencode

import numpy as np
import pytest

from playground.errors import UserError
from playground.lessons import answers, lesson
from playground.lessons.worksheet import hidden
from playground.runs.receipts import read_receipt, to_json
from playground.runs.records import RunRecord

FORWARD = lesson("forward")


def answer(**changes):
    told = {
        "lesson": "forward", "title": "x", "query": "", "step": 1, "asked": "?", "right": False,
        "given": FORWARD.steps[1].choices[1][0],
        "facts": {"noise.half": 497}, "settings": dict(FORWARD.steps[1].settings) | {"t": 3},
    }  # fmt: skip
    return told | changes


def handed_in(*given, records=()):
    return json.loads(json.dumps(answers.handed_in(given, records)))


def test_a_choice_is_judged_by_what_was_measured_not_by_what_the_file_says():
    (row,) = answers.report(handed_in(answer()))
    assert row["title"] == FORWARD.title and row["sealed"]
    assert row["answers"][0]["right"] is True and row["answers"][0]["measured"] == {"noise.half": "497"}
    (row,) = answers.report(handed_in(answer(facts={"noise.half": 150})))
    assert row["answers"][0]["right"] is False
    (row,) = answers.report(handed_in(answer(facts={})))
    assert row["answers"][0]["right"] is False


def test_another_language_has_the_same_choices():
    theirs = lesson("forward", "zh-TW").steps[1].choices[1][0]
    for given, choice in ((theirs, 1), (FORWARD.steps[1].choices[1][0], 1)):
        rows = [answers.report(handed_in(answer(given=given, choice=choice)), tag)[0] for tag in ("en", "zh-TW")]
        assert all(row["answers"][0]["right"] for row in rows)


def test_settings_that_the_step_prescribes_have_to_fit():
    assert answers.report(handed_in(answer()))[0]["fits"] is False  # t = 3 where the step says 0
    settled = dict(FORWARD.steps[1].settings)
    assert answers.report(handed_in(answer(settings=settled)))[0]["fits"] is True
    (row,) = answers.report(handed_in(answer(settings=settled | {"seed": 8})))
    assert not row["fits"] and row["amiss"] == [("seed", "7", "8")]
    # what a step asks to be moved may be moved
    assert answers.report(handed_in(answer(step=0, settings=settled | {"t": 900})))[0]["fits"] is True


def test_who_changes_a_file_breaks_its_seal():
    content = handed_in(answer(settings={"guidance_scale": 2.0}))
    content["answers"][0]["settings"]["guidance_scale"] = 2  # as a browser writes it
    assert answers.report(content)[0]["sealed"] is True
    content["answers"][0]["given"] = "else"
    assert answers.report(content)[0]["sealed"] is False


def test_a_worksheet_is_held_against_the_teachers_own():
    def link(answer, t=300):
        return urlencode(
            {
                "tab": "noise",
                "t": t,
                "lock": "t,seed",
                "worksheet": "W",
                "ask": "Which?",
                "answer": hidden("Which?", answer),
            }
        )

    def given(query, **changes):
        return handed_in(
            answer(lesson="", query=query, asked="Which?", given="4", settings={"t": 300} | changes, title="W")
        )

    (row,) = answers.report(given(link("4")))
    assert row["fits"] and row["answers"][0]["right"] and row["title"] == "W"
    assert answers.report(given(link("4"), t=301))[0]["amiss"] == [("t", "300", "301")]
    (row,) = answers.report(given(link("4")), query=link("5"))  # a learner's link with another answer
    assert row["other"] and not row["fits"] and row["answers"][0]["right"] is False


def test_a_file_of_answers_is_a_receipt_of_its_run_too():
    picture = np.zeros((2, 3, 3), np.uint8)
    record = RunRecord({"seed": 11, "steps": 5}, [], picture)
    content = answers.handed_in([answer()], [record])
    receipt = read_receipt(json.dumps(content).encode())
    assert receipt.settings == {"seed": 11, "steps": 5}
    assert receipt.compared([picture]) == "The same picture, to the last bit."
    assert receipt.compared([picture + 1]).startswith("Another picture")
    (row,) = answers.report(content)
    assert row["runs"] == [{"seed": "11", "sha256": record.sha256, "settings": {"seed": "11", "steps": "5"}}]
    assert read_receipt(json.dumps(answers.handed_in([answer()])).encode()).settings["t"] == 3


def test_the_files_of_a_run_have_the_answers_as_well():
    record = RunRecord({"seed": 11}, [], np.zeros((2, 2, 3), np.uint8))
    content = json.loads(to_json([record], [answer()]))
    assert answers.report(content)[0]["answers"][0]["right"] is True
    assert "answers" not in json.loads(to_json([record]))


@pytest.mark.parametrize("content", [None, 3, [], {}, {"answers": []}, {"answers": "x"}, {"answers": [3]}])
def test_what_has_no_answers_is_said(content):
    with pytest.raises(UserError, match="no answers"):
        answers.report(content)


def test_a_file_of_nonsense_does_no_harm():
    strange = {
        "lesson": ["x"],
        "query": {"a": 1},
        "step": True,
        "asked": 3,
        "given": {"x": [1]},
        "facts": [1],
        "settings": "no",
    }
    (row,) = answers.report(
        {"answers": [strange], "pictures": [3, {"settings": {"seed": [1], "evil": "<b>"}}], "seal": 5}
    )
    assert row["sealed"] is False and json.dumps(row)
    rows = answers.report({"answers": [answer(step=99, lesson="../../etc/passwd", settings={"t": "x" * 9999})]})
    assert rows[0]["fits"] is None
