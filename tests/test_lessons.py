"""Lessons: what a teacher writes is read, and what is wrong in it is named by file and line."""

import re

import pytest

from playground.errors import UserError
from playground.lessons import FOLDER, lesson, lessons
from playground.lessons.format import Check, read
from playground.page.translations import TRANSLATIONS

HEADER = "---\norder: 1\nminutes: 3\ntitle: A title\nabout: What it is\nsources: A paper\n---\n"


def test_there_are_twelve_in_order_with_three_steps_or_more():
    found = [each for each in lessons() if not each.is_path]
    assert len(found) >= 12 and [each.order for each in found] == sorted({each.order for each in found})
    assert all(len(each.steps) >= 3 and 3 <= each.minutes <= 6 for each in found)
    assert all(step.do or step.ask for each in found for step in each.steps)


def test_a_path_leads_through_lessons_that_are_there_in_the_minutes_it_says():
    names = {each.name for each in lessons()}
    paths = [each for each in lessons() if each.is_path]
    assert paths
    for each in paths:
        assert sum(step.minutes for step in each.steps) == each.minutes == 45
        assert {step.lesson for step in each.steps if step.lesson} <= names - {each.name}


@pytest.mark.parametrize("language", TRANSLATIONS)
@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.md") if "." not in path.stem))
def test_every_lesson_is_there_in_every_language_with_the_same_checks(name, language):
    ours, theirs = lesson(name), lesson(name, language)
    assert theirs.language == language, f"{name}.{language}.md is missing"
    assert (ours.order, ours.minutes) == (theirs.order, theirs.minutes)
    for one, two in zip(ours.steps, theirs.steps, strict=True):
        assert (one.settings, one.until, one.show, one.number and one.number[0]) == (
            two.settings, two.until, two.show, two.number and two.number[0]
        )  # fmt: skip
        assert (one.draw and one.draw[0]) == (two.draw and two.draw[0])
        assert (one.lesson, one.minutes) == (two.lesson, two.minutes)
        assert [right for _, right in one.choices] == [right for _, right in two.choices]
        assert len(one.text) == len(two.text) and (one.do == "") == (two.do == "")
        if language == "zh-TW":
            assert all(re.search("[\u4e00-\u9fff]", " ".join(part)) for part in (two.text, two.because) if part)
        numbers = [sorted(re.findall(r"{[a-z]+\.[^}]*}", " ".join(step.because))) for step in (one, two)]
        assert numbers[0] == numbers[1]


def test_a_step_is_read():
    made = read(
        HEADER + "## First\nset: tab=noise&t=3\nSome words.\ndo: Go\nuntil: noise.t >= 9.5 and picture == cat\n"
        "show: t=10; press go\nbecause: At {noise.t:.0f}, x_{t−1}.\n## Second\nask: Which?\n- This [right]\n"
        "- That [noise.half < 3]\n", "mine.md",
    )  # fmt: skip
    first, second = made.steps
    assert (made.name, made.language, made.minutes, first.text) == ("mine", "en", 3, ["Some words."])
    assert first.settings == {"tab": "noise", "t": "3"} and first.show == ["t=10", "press go"]
    assert first.until == [Check("noise.t", ">=", 9.5), Check("picture", "==", "cat")]
    assert second.choices == [("This", True), ("That", [Check("noise.half", "<", 3.0)])]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no header", "mine.md has to begin with a header"),
        ("---\norder: 1\n---\n## A", "has to have order, minutes, title"),
        (HEADER.replace("order: 1", "order: first") + "## A", "whole numbers"),
        (HEADER + "words\n## A", "Line 8 of mine.md stands before the first heading"),
        (HEADER, "has no step"),
        (HEADER + "## A\nset: t=many", "Line 9 of mine.md: Level t must be a whole number"),
        (HEADER + "## A\nset: colour=red", "no setting called"),
        (HEADER + "## A\ndo: Go\nuntil: noise.t is 3\nshow: t=3", "“noise.t is 3” is no condition"),
        (HEADER + "## A\ndo: Go\nuntil: noise.taste > 3\nshow: t=3", "nothing on the page is called “noise.taste”"),
        (HEADER + "## A\ndo: Go\nuntil: noise.t > 3", "needs until and show"),
        (HEADER + "## A\nask: Which?", "needs a question with choices"),
        (HEADER + "## A\nask: Which?\n- This one", "The choice in line 10 of mine.md does not say"),
        (HEADER + "## A\nask: Which?\n- This [right]\nnumber: noise.t", "only one of them"),
        (HEADER + "## A\nlesson: forward\nminutes: few", "The minutes in line 10 of mine.md are a whole number"),
        (HEADER + "## A\nbecause: {noise.taste:.1f}", "nothing on the page is called “noise.taste”"),
    ],
)
def test_what_is_wrong_is_named(text, sentence):
    with pytest.raises(UserError, match=re.escape(sentence)):
        read(text, "mine.md")


def test_a_lesson_that_is_not_there_is_said():
    for name in ("nothing", "../../etc/passwd", "forward.zh-TW"):
        with pytest.raises(UserError, match="There is no lesson"):
            lesson(name)
