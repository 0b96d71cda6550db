"""Worksheets: what a link asks, and whether an answer is the one whose hash it has."""

from urllib.parse import urlencode

import pytest

from playground.errors import UserError
from playground.lessons import worksheet
from playground.lessons.worksheet import Question, hidden, judged


def asked(expected, tolerance="", text="Which?"):
    return Question(text, (), hidden(text, expected, tolerance))


@pytest.mark.parametrize(
    ("expected", "tolerance", "right", "wrong"),
    [
        (
            "497",
            "10",
            ["497", "487", "507", " 500 ", "497.3", "４９７", "4.97e2"],
            ["486", "507.4", "-497", "many", ""],
        ),
        ("0.35", "0.05", ["0.35", "0,30", ".4", "0.353"], ["0.41", "0.29", "35"]),
        ("-1", "0.5", ["−1", "-0.5", "-1.5"], ["1", "0"]),
        ("12", "", ["12", "12.0", "１２"], ["12.1", "twelve"]),
        ("The  Noise.", "", ["the noise", "THE NOISE", " the noise。"], ["noise", "the noises"]),
        ("雜訊", "", ["雜訊", "雜訊。"], ["噪聲"]),
    ],
)
def test_what_means_the_same_is_the_answer(expected, tolerance, right, wrong):
    question = asked(expected, tolerance)
    assert [each for each in right if not judged(question, each)] == []
    assert [each for each in wrong if judged(question, each)] == []


def test_the_answer_is_not_in_the_link_and_belongs_to_its_question():
    assert "497" not in hidden("Which?", "497", "10").split("~")[0]
    assert hidden("Which?", "497") != hidden("Which t?", "497")
    assert judged(asked(""), "anything") is None


def test_a_tolerance_needs_numbers_and_a_bound():
    for expected, tolerance in (("cat", "3"), ("3", "wide"), ("3", "-1")):
        with pytest.raises(UserError, match="A tolerance is a number"):
            hidden("Which?", expected, tolerance)
    with pytest.raises(UserError, match="too wide"):
        hidden("Which?", "3.00001", "100")


def test_a_link_is_read():
    asks = [("ask", "Which?\n One \n\nTwo"), ("answer", "abc"), ("ask", " "), ("ask", "Why?")]
    query = urlencode([("tab", "noise"), ("worksheet", "Half & half"), *asks])
    title, questions = worksheet.from_link("?" + query)
    assert title == "Half & half"
    assert questions == [Question("Which?", ("One", "Two"), "abc"), Question("Why?", (), "")]
    assert worksheet.from_link("tab=noise") == ("", [])
    many = worksheet.from_link("&".join(f"ask={k}{'x' * 5000}" for k in range(99)))[1]
    assert len(many) == worksheet.MOST and all(len(each.text) <= worksheet.LONGEST for each in many)
    assert judged(Question("Which?", (), "abc~1e999999"), "3") is False
    assert judged(Question("Which?", (), "abc~0.000000001"), "3") is False
