"""What the panel asks the server: a worksheet's link and code, answers judged and looked at, a handout's paper."""

import base64

from PIL import Image

from playground.images import to_png
from playground.lessons.worksheet import from_link, hidden
from playground.page.widgets.lessons import _judged, _looked, _made, _paper, _worksheet

ADDRESS = "http://127.0.0.1:7860/?tab=noise&t=300"


def made(ask="Which?", answer="4", tolerance="", rest=()):
    question = {"ask": ask, "answer": answer, "tolerance": tolerance}
    return _made({"address": ADDRESS, "rest": list(rest), "questions": [question]})


def test_a_link_is_made_and_read_again():
    found = made("Which of T & t?\nThis = that\nNone", "None", rest=[("lock", "t,seed"), ("worksheet", "Wörter +1")])
    assert found["link"].startswith(ADDRESS + "&lock=t,seed&") and found["code"].startswith("data:image/svg+xml")
    query = found["link"].partition("?")[2]
    title, (question,) = from_link(query)
    assert (title, question.choices) == ("Wörter +1", ("This = that", "None"))
    assert _judged({"query": query, "place": 0, "given": "none"}) == {"right": True}
    assert _judged({"query": query, "place": 0, "given": "This = that"}) == {"right": False}
    assert "error" in _judged({"query": query, "place": 7, "given": "x"}) and "error" in _judged({})
    assert _worksheet(query)["questions"] == [
        {"ask": "Which of T & t?", "choices": ["This = that", "None"], "open": False}
    ]


def test_what_is_too_long_is_said():
    assert "code" not in (long := made("x" * 600, rest=[("prompt", "雨" * 300)])) and "QR code" in long["message"]
    assert "too long for a link" in made(rest=[("prompt", "雨" * 1000)])["error"]
    assert "A tolerance is a number" in made(answer="cat", tolerance="3")["error"]


def test_files_are_looked_at_one_by_one():
    query = f"worksheet=W&ask=Which?&answer={hidden('Which?', '4')}"
    answers = [{"lesson": "", "query": query, "asked": "Which?", "given": "4", "title": "W"}]
    files = [{"name": "a.json", "content": {"answers": answers}}, {"name": "b.json", "content": {"seed": 3}}]
    one, two = _looked({"files": files, "language": "en", "query": ""})["files"]
    assert one["rows"][0]["answers"][0]["right"] and two["error"] == "There are no answers in that file."


def test_pages_become_a_paper():
    page = base64.b64encode(to_png(Image.new("RGB", (1240, 1754), "white"))).decode()
    paper = base64.b64decode(_paper({"pages": [page, page], "title": "Noise"})["pdf"])
    assert paper[:5] == b"%PDF-" and paper.count(b"/Type /Page\n") == 2 and b"595" in paper  # A4 is 595 points wide
    for pages in ([], ["x"], [base64.b64encode(b"nothing").decode()], ["A" * 7_000_000]):
        assert "error" in _paper({"pages": pages})
