"""Reconciliation: what Twilio's list and the records decide about a message whose answer was lost."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.conversation import Mode
from core.ports import TwilioMessage
from core.reconciliation import Adopt, Claimant, Decision, NotSent, Undecided, Wait, Windows, decide
from tests.fakes.clock import START

WINDOWS = Windows(reach=timedelta(seconds=30), skew=timedelta(seconds=3), settle=timedelta(seconds=60))
LATER = 70.0
"""Seconds after the intent at which nothing can change any more."""

TEXT = "Hello Ana, would you like to hear more?"
OURS = Claimant("conv-1", Mode.FREE_FORM, TEXT, START)
WEAK = Claimant("conv-1", Mode.TEMPLATE, '{"1": "Ana", "2": "Acme"}', START)


def row(sid: str = "SM1", body: str = TEXT, seconds: float | None = 1, **changes: Any) -> TwilioMessage:
    created_at = None if seconds is None else START + timedelta(seconds=seconds)
    return replace(TwilioMessage(sid, body, created_at, "delivered", "outbound-api"), **changes)


def rival(name: str = "conv-2", content: str = "Something else", seconds: float = 0, **changes: Any) -> Claimant:
    claimant = Claimant(name, Mode.FREE_FORM, content, START + timedelta(seconds=seconds), any_service=True)
    return replace(claimant, **changes)


def decided(
    *rows: TwilioMessage,
    ours: Claimant = OURS,
    rivals: Sequence[Claimant] = (),
    held: frozenset[str] = frozenset(),
    seconds: float = LATER,
) -> Decision:
    return decide(ours, rivals, rows, held, WINDOWS, START + timedelta(seconds=seconds))[0]


def sids(decision: Decision) -> list[str]:
    assert isinstance(decision, Undecided)
    return [message.sid for message in decision.rows]


# Alone


def test_a_message_that_shows_our_text_is_adopted_at_once() -> None:
    assert decided(row(), seconds=1) == Adopt(row(), unseen=False)


@pytest.mark.parametrize("status", ["queued", "failed", "undelivered", "canceled", "read", ""])
def test_a_message_was_accepted_whatever_became_of_it(status: str) -> None:
    assert decided(row(status=status)) == Adopt(row(status=status), unseen=False)


def test_nothing_in_the_list_is_known_only_once_it_is_complete() -> None:
    assert decided(seconds=59) == Wait(START + timedelta(seconds=60))
    assert decided(seconds=60) == NotSent()


@pytest.mark.parametrize("seconds", [-86_400 * 21, -4, 34, 7200])
@pytest.mark.parametrize("body", [TEXT, "", "Something else"])
def test_a_message_outside_the_window_decides_nothing(seconds: float, body: str) -> None:
    assert decided(row(body=body, seconds=seconds)) == NotSent()


@pytest.mark.parametrize("seconds", [-3, 0, 30, 33])
def test_the_window_allows_for_what_the_clocks_differ_by(seconds: float) -> None:
    assert decided(row(seconds=seconds)) == Adopt(row(seconds=seconds), unseen=False)


def test_the_message_of_another_record_is_anothers() -> None:
    assert decided(row(), held=frozenset({"SM1"})) == NotSent()


def test_what_the_recipient_wrote_decides_nothing() -> None:
    assert decided(row(direction="inbound")) == NotSent()


def test_of_two_that_fit_the_unaltered_one_is_ours() -> None:
    straight, curly = row("SM1", 'Say "hi"'), row("SM2", "Say “hi”", 2)

    assert decided(straight, curly, ours=replace(OURS, content="Say “hi”")) == Adopt(curly, unseen=False)


# Texts that are not shown


def test_the_only_message_without_a_text_is_ours_if_nobody_else_can_own_it() -> None:
    assert decided(row(body="")) == Adopt(row(body=""), unseen=True)


def test_a_message_without_a_text_is_not_adopted_before_the_list_is_complete() -> None:
    assert decided(row(body=""), seconds=30) == Wait(START + timedelta(seconds=60))


def test_our_text_is_believed_before_no_text() -> None:
    assert decided(row(body=""), row("SM2", seconds=2)) == Adopt(row("SM2", seconds=2), unseen=False)


def test_two_messages_without_a_text_are_a_persons_to_decide() -> None:
    assert sids(decided(row(body=""), row("SM2", "", 2))) == ["SM1", "SM2"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"messaging_service_sid": "MG2"}, id="another service"),
        pytest.param({"messaging_service_sid": None}, id="no service"),
        pytest.param({"messaging_service_sid": "MG1", "direction": "outbound-reply"}, id="another direction"),
    ],
)
def test_a_message_without_a_text_that_does_not_agree_is_undecided(changes: dict[str, Any]) -> None:
    ours = replace(OURS, service_sid="MG1")

    assert decided(row(body="", messaging_service_sid="MG1"), ours=ours) == Adopt(
        row(body="", messaging_service_sid="MG1"), unseen=True
    )
    assert sids(decided(row(body="", **changes), ours=ours)) == ["SM1"]


def test_a_message_that_does_not_agree_beside_one_that_does_leaves_it_open() -> None:
    assert sids(decided(row(body=""), row("SM2", "", 2, messaging_service_sid="MG1"))) == ["SM1", "SM2"]


@pytest.mark.parametrize("body", ["", TEXT])
def test_a_message_without_a_date_proves_nothing(body: str) -> None:
    assert decided(row(body=body, seconds=None), seconds=30) == Wait(START + timedelta(seconds=60))
    assert sids(decided(row(body=body, seconds=None))) == ["SM1"]


def test_another_text_without_a_date_is_no_matter() -> None:
    assert decided(row(body="Something else", seconds=None)) == NotSent()


def test_a_message_without_a_date_does_not_keep_ours_from_being_found() -> None:
    assert decided(row("SM0", "", None), row()) == Adopt(row(), unseen=False)
    assert sids(decided(row("SM0", "", None), row(body=""))) == ["SM1", "SM0"]


def test_an_unknown_text_in_the_window_is_undecided() -> None:
    """It may be ours, altered in a way that nobody has seen yet."""
    assert decided(row(body="Hallo Ana"), seconds=30) == Wait(START + timedelta(seconds=60))
    assert sids(decided(row(body="Hallo Ana"))) == ["SM1"]


def test_an_unknown_text_does_not_keep_ours_from_being_found() -> None:
    assert decided(row("SM0", "Hallo Ana", 0), row(body="")) == Adopt(row(body=""), unseen=True)


def test_a_short_template_proves_nothing_by_its_text() -> None:
    shown = row(body="Hello Ana from Acme!")

    assert decided(shown, ours=WEAK, seconds=30) == Wait(START + timedelta(seconds=60))
    assert decided(shown, ours=WEAK) == Adopt(shown, unseen=True)
    assert sids(decided(shown, row("SM2", "Ana, Acme is closed today", 2), ours=WEAK)) == ["SM1", "SM2"]


# Rivals


def test_the_message_of_a_rival_by_its_text_is_left_to_it() -> None:
    assert decided(row(body="Something else"), rivals=[rival()]) == NotSent()


def test_a_rival_whose_window_is_over_is_none() -> None:
    old = rival(seconds=-86_400 * 21, content=TEXT, answer_until=START + timedelta(days=1))

    assert decided(row(), rivals=[old], seconds=1) == Adopt(row(), unseen=False)
    assert decided(row(body=""), rivals=[old]) == Adopt(row(body=""), unseen=True)
    assert decided(rivals=[old]) == NotSent()


def test_a_rival_that_may_get_its_answer_is_waited_for() -> None:
    lease_end = START + timedelta(seconds=300)
    twin = rival(content=TEXT, answer_until=lease_end)

    assert decided(row(), rivals=[twin]) == Wait(lease_end)
    assert decided(row(body=""), rivals=[replace(twin, content="Other")]) == Wait(lease_end)


def test_a_rival_that_intended_later_is_waited_for_as_long() -> None:
    assert decided(row(seconds=25), rivals=[rival(content=TEXT, seconds=20)]) == Wait(START + timedelta(seconds=80))


@pytest.mark.parametrize("body", [TEXT, ""], ids=["shown", "not shown"])
def test_equal_messages_are_shared_in_the_order_of_their_intents(body: str) -> None:
    rows = [row("SM1", body, 5), row("SM2", body, 6)]
    first, second = OURS, replace(OURS, conversation_id="conv-2", intent_at=START + timedelta(seconds=1))

    one = decided(*rows, ours=first, rivals=[second])
    two = decided(*rows, ours=second, rivals=[first])

    assert isinstance(one, Adopt)
    assert isinstance(two, Adopt)
    assert (one.message.sid, two.message.sid) == ("SM1", "SM2")


@pytest.mark.parametrize("body", [TEXT, ""], ids=["shown", "not shown"])
def test_of_equal_messages_whoever_goes_without_may_send(body: str) -> None:
    first, second = OURS, replace(OURS, conversation_id="conv-2", intent_at=START + timedelta(seconds=1))

    assert decided(row("SM1", body, 5), ours=first, rivals=[second]) == Adopt(row("SM1", body, 5), unseen=not body)
    assert decided(row("SM1", body, 5), ours=second, rivals=[first]) == NotSent()


def test_windows_that_overlap_in_part_are_shared_right() -> None:
    """The earlier message can only be the first one's, so the later one is the second one's."""
    rows = [row("SM1", seconds=5), row("SM2", seconds=22)]
    second = replace(OURS, conversation_id="conv-2", intent_at=START + timedelta(seconds=20))

    assert decided(*rows, ours=second, rivals=[OURS], seconds=90) == Adopt(rows[1], unseen=False)
    assert decided(*rows, ours=OURS, rivals=[second], seconds=90) == Adopt(rows[0], unseen=False)


def test_of_different_messages_without_a_text_each_has_one() -> None:
    rows = [row("SM1", "", 5), row("SM2", "", 6)]

    assert decided(*rows, rivals=[rival(seconds=1)]) == Adopt(rows[0], unseen=True)
    assert decided(*rows, ours=rival(seconds=1), rivals=[OURS]) == Adopt(rows[1], unseen=True)


@pytest.mark.parametrize("count", [1, 3])
def test_as_many_messages_as_conversations_or_nobody_can_say_which(count: int) -> None:
    rows = [row(f"SM{number}", "", number) for number in range(count)]

    for ours, other in ((OURS, rival(seconds=1)), (rival(seconds=1), OURS)):
        assert sids(decided(*rows, ours=ours, rivals=[other])) == [message.sid for message in rows]


def test_a_rival_that_finds_its_own_message_takes_no_other() -> None:
    rows = [row("SM1", "Something else", 1), row("SM2", "", 2)]

    assert decided(*rows, rivals=[rival()]) == Adopt(rows[1], unseen=True)


LONG = Claimant("conv-1", Mode.TEMPLATE, '{"1": "Ana Silva", "2": "Acme Coffee Roasters"}', START)
PART = Claimant("conv-2", Mode.TEMPLATE, '{"1": "Acme Coffee Roasters"}', START + timedelta(seconds=1))


def test_a_message_that_two_different_templates_may_have_made_is_undecided() -> None:
    made = row(body="Hello Ana Silva, this is Acme Coffee Roasters")

    assert sids(decided(made, ours=LONG, rivals=[PART])) == ["SM1"]
    assert sids(decided(made, ours=PART, rivals=[LONG])) == ["SM1"]


def test_two_messages_of_two_templates_tell_whose_each_is() -> None:
    ours, theirs = (
        row("SM1", "Hello Ana Silva, this is Acme Coffee Roasters"),
        row("SM2", "We are Acme Coffee Roasters", 2),
    )

    assert decided(ours, theirs, ours=LONG, rivals=[PART]) == Adopt(ours, unseen=False)
    assert decided(ours, theirs, ours=PART, rivals=[LONG]) == Adopt(theirs, unseen=False)


def test_texts_that_differ_only_in_what_vendors_change_are_not_taken_for_one_another() -> None:
    curly, straight = replace(OURS, content="Say “hi”"), rival(content='Say "hi"', seconds=1)
    rows = [row("SM1", 'Say "hi"', 5), row("SM2", "Say “hi”", 6)]

    assert decided(*rows, ours=curly, rivals=[straight]) == Adopt(rows[1], unseen=False)
    assert decided(*rows, ours=straight, rivals=[curly]) == Adopt(rows[0], unseen=False)
    assert sids(decided(rows[0], ours=curly, rivals=[straight])) == ["SM1"]
