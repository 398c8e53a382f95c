from typing import Any

import pytest

from core.conversation import Status
from demo.examples import ANA, BEN, CLEO, DEV
from demo.scenes import NO_CONSENT, TEMPLATE, is_suppressed, progress_of
from demo.story import tell_stories
from tests.unit.demo.samples import (
    DEAD,
    MESSAGES,
    RECORDS,
    STORIES,
    duplicate_lines,
    make_outcomes,
    message,
    record,
    sent_lines,
)


def broken(**outcomes: Any) -> list[str]:
    return [promise.text for promise in make_outcomes(**outcomes).promises() if not promise.kept]


def test_scenes_that_go_well_keep_every_promise() -> None:
    assert broken() == []


@pytest.mark.parametrize(
    ("outcomes", "promise"),
    [
        pytest.param({"messages": [*MESSAGES, message(ANA)]}, "got their message once", id="a second message"),
        pytest.param({"messages": [message(ANA), message(BEN)]}, "got their message once", id="a lost message"),
        pytest.param({"posts": 2}, "asked to send only once", id="sent again"),
        pytest.param({"stories": STORIES[:2]}, "asked to send only once", id="never reconciled"),
        pytest.param({"messages": [*MESSAGES, message(DEV)]}, "did not consent", id="no consent, a message"),
        pytest.param({"dead": DEAD[:1]}, "is in the DLQ", id="a bad message is gone"),
        pytest.param({"records": RECORDS[:3]}, "Every record", id="no record of the refused one"),
        pytest.param(
            {"records": [*RECORDS[:3], record(NO_CONSENT, DEV, Status.PROCESSING)]}, "Every record", id="an open record"
        ),
    ],
)
def test_what_goes_wrong_breaks_its_promise(outcomes: dict[str, Any], promise: str) -> None:
    assert any(promise in text for text in broken(**outcomes))


def test_a_redelivery_of_the_first_message_is_not_the_duplicate() -> None:
    redelivered = tell_stories([*sent_lines(TEMPLATE, "m-ana"), *duplicate_lines(message_id="m-ana")])

    outcomes = make_outcomes(stories=[*redelivered, STORIES[2]])

    assert not is_suppressed(outcomes.observation)
    assert any("duplicate" in promise.text for promise in outcomes.promises() if not promise.kept)


def test_progress_says_what_is_there() -> None:
    assert progress_of(make_outcomes().observation) == "3 of 3 sent, 2 of 2 in the DLQ, duplicate suppressed"
    assert progress_of(make_outcomes(records=[record("other", CLEO)], stories=[], dead=[]).observation) == (
        "1 of 3 sent, 0 of 2 in the DLQ"
    )
