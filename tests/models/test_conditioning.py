"""Words and style: what is understood, what is named as unknown, and that absence is itself a condition."""

import json
from pathlib import Path

import torch

from playground.models.conditioning import (
    Condition,
    Conditioner,
    Vocabulary,
    split_words,
)

CASES = Path(__file__).parents[1] / "js" / "words.fixture.json"


def test_words_of_a_prompt():
    assert split_words("Cat Face: smiling, 3-D! #1 (don't)") == ["cat", "face", "smiling", "3", "d", "#", "1", "dont"]
    assert split_words("  \n") == []
    assert split_words("ÉCLAIR 日本") == ["éclair", "日本"]


def test_a_symbol_is_a_word_that_one_may_not_know():
    """The page's script splits as this does: the same cases are read by its own test."""
    for text, words in json.loads(CASES.read_text(encoding="utf-8")):
        assert split_words(text) == words, text
    assert Vocabulary.of(["cat"]).parse("😀🐱 cat €5") == (("cat",), ("😀", "🐱", "€", "5"))


def test_known_and_unknown_words_keep_their_order_and_the_unknown_come_once():
    vocabulary = Vocabulary.of(["red cat", "box", "dress"])
    assert vocabulary.words == ("box", "cat", "dress", "red")
    known, unknown = vocabulary.parse("two red CATS, red boxes and a dress, two")
    assert known == ("red", "cat", "red", "box", "dress")
    assert unknown == ("two", "and", "a")


def test_the_order_and_padding_of_words_do_not_matter():
    torch.manual_seed(0)
    net = Conditioner(words=5, styles=2, dim=8)
    style = torch.tensor([1])
    ab = net(torch.tensor([[1, 2]]), style)
    torch.testing.assert_close(ab, net(torch.tensor([[2, 1, 0, 0]]), style))
    assert not torch.allclose(ab, net(torch.tensor([[1, 3]]), style))
    assert not torch.allclose(ab, net(torch.tensor([[1, 2]]), torch.tensor([2])))


def test_no_words_and_no_style_are_vectors_that_are_learnt():
    net = Conditioner(words=5, styles=2, dim=8)
    net(torch.tensor([[0]]), torch.tensor([0])).sum().backward()
    assert net.word.weight.grad[0].any() and net.style.weight.grad[0].any()
    assert not net.word.weight.grad[1:].any()


def test_condition_is_a_key():
    assert {Condition(("cat",), "noto"): 1}[Condition(("cat",), "noto")] == 1
    assert Condition() != Condition(("cat",))
