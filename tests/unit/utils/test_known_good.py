"""Known good: what has worked before, within bounds."""

from utils.known_good import MAX_ITEMS, KnownGood


def test_it_knows_what_was_added_and_nothing_else() -> None:
    known = KnownGood()
    known.add(("AC1", "+44"))

    assert ("AC1", "+44") in known
    assert ("AC1", "+45") not in known


def test_it_forgets_what_has_not_worked_for_longest() -> None:
    known = KnownGood()
    for number in range(MAX_ITEMS):
        known.add(number)
    known.add(0)
    known.add("one more")

    assert 0 in known
    assert 1 not in known
    assert "one more" in known
