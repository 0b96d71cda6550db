"""Whose turn it is, against what fairness means, counted."""

from collections import Counter

from playground.engine.turns import Turns


def serve(turns: Turns, rounds: int, room: int) -> Counter:
    """Serves the first `room` items of so many rounds; how often each was served."""
    served = Counter()
    for _ in range(rounds):
        for item in list(turns)[:room]:
            served[item] += 1
            turns.serve(item[0], item)
    return served


def test_each_person_gets_the_same_share_however_much_they_ask_for():
    turns = Turns()
    for who, items in (("ann", 16), ("bob", 1), ("cem", 3)):
        for k in range(items):
            turns.add(who, (who, k))
    served = serve(turns, rounds=240, room=2)
    share = Counter()
    for (who, _), times in served.items():
        share[who] += times
    assert share == {"ann": 160, "bob": 160, "cem": 160}
    assert {served["ann", k] for k in range(16)} == {10}  # nor does a picture wait for its sisters


def test_room_that_one_person_leaves_goes_to_the_others():
    turns = Turns()
    for who, items in (("ann", 8), ("bob", 1)):
        for k in range(items):
            turns.add(who, (who, k))
    served = serve(turns, rounds=70, room=8)
    assert served["bob", 0] == 70 and sum(served.values()) == 70 * 8


def test_first_come_first_served_and_a_newcomer_waits_one_round_at_most():
    turns = Turns()
    for k in range(4):
        turns.add(k, (k, 0))
    assert [item[0] for item in turns] == [0, 1, 2, 3]
    serve(turns, rounds=1, room=2)
    turns.add("new", ("new", 0))
    assert [item[0] for item in turns] == [2, 3, 0, 1, "new"]


def test_who_has_nothing_left_is_out_of_the_line():
    turns = Turns()
    turns.add("ann", ("ann", 0))
    turns.remove("ann", ("ann", 0))
    assert list(turns) == [] and len(turns) == turns.people == 0
