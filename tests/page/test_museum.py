"""The museum's page: every piece in words, found by what one sees, and as an endpoint."""

import pytest

from playground.page.tabs.museum import MEASURED, SEEN, TEXTS, choices, exhibit, heading, told
from playground.runs.museum import MEASURES, PIECES
from playground.runs.rows import SYMPTOMS


def test_every_piece_symptom_and_measure_has_its_words():
    assert list(TEXTS) == list(PIECES) and set(SEEN) == set(SYMPTOMS) and set(MEASURED) == set(MEASURES)


def test_pieces_are_found_by_what_one_sees():
    assert [name for _title, name in choices("any")] == list(PIECES)
    for symptom in SYMPTOMS:
        found = [name for _title, name in choices(symptom)]
        assert found and all(symptom in PIECES[name].symptoms for name in found)


@pytest.mark.parametrize("name", PIECES)
def test_what_was_measured_is_told(name):
    assert "0.25" not in told(name)
    said = told(name, {"right": 0.25, "faulty": 0.5})
    assert heading(name).startswith("## ") and "25" in said and "5" in said.rpartition("with the fault")[0]


def test_the_endpoint_gives_the_pair_and_says_what_is_wrong():
    files, used = exhibit({"museum": "dark"})
    assert len(files) == 2 and all(data.startswith(b"\x89PNG") for _name, data in files)
    assert used["faulty"] >= 2 * used["right"] and used["measure"] == "brightness"
    assert used["symptoms"] == ["Dim"] and used["cause"] and used["mending"]
