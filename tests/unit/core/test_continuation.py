"""Continuation: what is written is read back; what can't be right counts as absent."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.continuation import MAX_NUMBER, Continuation, read_continuation, write_continuation
from core.conversation import Run, WaitReason
from tests.fakes.clock import START

CONTINUATION = Continuation(
    number=3,
    origin="m-1",
    first_sent_at=START - timedelta(hours=2),
    put_at=START,
    reason=WaitReason.MODEL,
    since=START - timedelta(minutes=5),
    run=Run("conv_1", "resp_1", START - timedelta(minutes=5)),
    write_number=7,
)


def altered(**members: Any) -> str:
    """Return the attribute with some members replaced; `...` leaves one out."""
    changed = json.loads(write_continuation(CONTINUATION)) | members
    return json.dumps({name: value for name, value in changed.items() if value is not ...})


@pytest.mark.parametrize(
    "continuation",
    [
        pytest.param(CONTINUATION, id="for a run"),
        pytest.param(replace(CONTINUATION, run=None, write_number=0, reason=WaitReason.UNAVAILABLE), id="for a vendor"),
        pytest.param(replace(CONTINUATION, run=Run("conv_1", "resp_1")), id="for a run of unknown age"),
        pytest.param(replace(CONTINUATION, number=MAX_NUMBER), id="the last"),
    ],
)
def test_what_is_written_is_read_back(continuation: Continuation) -> None:
    read = read_continuation(write_continuation(continuation), START)

    assert read == continuation
    assert read is not None
    assert (read.run and read.run.started_at) == (continuation.run and continuation.run.started_at)


@pytest.mark.parametrize("run_id", ["..", ".", "", "resp 1", "resp\n1", "r" * 513, "réponse"])
def test_a_run_whose_id_could_not_be_read_back_is_left_to_the_record(run_id: str) -> None:
    text = write_continuation(replace(CONTINUATION, run=Run("conv_1", run_id)))

    read = read_continuation(text, START)

    assert read is not None
    assert (read.number, read.run) == (3, None)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="absent"),
        pytest.param(5, id="a number"),
        pytest.param("", id="empty"),
        pytest.param("?", id="no JSON"),
        pytest.param("[]", id="a list"),
        pytest.param("3", id="JSON of a number"),
        pytest.param("[" * 4000, id="deep"),
        pytest.param('{"a":"' + "x" * 5000 + '"}', id="long"),
        pytest.param(altered(version=2), id="of a later release"),
        pytest.param(altered(version=True), id="version of another type"),
        pytest.param(altered(number=0), id="before the first"),
        pytest.param(altered(number=MAX_NUMBER + 1), id="beyond the bound"),
        pytest.param(altered(number=1e300), id="huge number"),
        pytest.param(altered(number="3"), id="number as a string"),
        pytest.param(altered(number=True), id="number as a boolean"),
        pytest.param(altered(origin=...), id="no origin"),
        pytest.param(altered(origin="m 1"), id="odd origin"),
        pytest.param(altered(reason="lunch"), id="unknown reason"),
        pytest.param(altered(reason=["model"]), id="reason of another type"),
        pytest.param(altered(first_sent_at="yesterday"), id="no date"),
        pytest.param(altered(first_sent_at=5), id="date as a number"),
        pytest.param(altered(first_sent_at="2026-11-22T09:00:00"), id="date without a zone"),
        pytest.param(altered(first_sent_at="2026-11-23T09:00:00+00:00"), id="first sent after it was put"),
        pytest.param(altered(since="2026-11-23T09:00:00+00:00"), id="waits since later than it was put"),
        pytest.param(altered(put_at="0001-01-01T00:00:00+14:00"), id="before the calendar"),
        pytest.param(altered(run=None), id="no run"),
        pytest.param(altered(run={"thread_id": "conv_1"}), id="half a run"),
        pytest.param(altered(run={"thread_id": "conv_1", "response_id": "../models"}, write_number=-1), id="negative"),
        pytest.param(altered(run={"thread_id": "conv_1", "response_id": ["resp_1"]}), id="run of another type"),
        pytest.param(altered(write_number=2**60), id="number no record has"),
    ],
)
def test_what_can_not_be_right_counts_as_absent(text: object) -> None:
    assert read_continuation(text, START) is None


@pytest.mark.parametrize("seconds", [-3600, -301, 301, 3600])
def test_a_message_that_was_not_sent_when_its_continuation_says_begins_from_the_start(seconds: float) -> None:
    """It was redriven, copied or made up."""
    assert read_continuation(write_continuation(CONTINUATION), START + timedelta(seconds=seconds)) is None


@pytest.mark.parametrize("seconds", [-299, 0, 18, 299])
def test_clocks_and_retries_may_take_a_while(seconds: float) -> None:
    assert read_continuation(write_continuation(CONTINUATION), START + timedelta(seconds=seconds)) == CONTINUATION


def test_without_the_time_of_sending_nothing_can_be_told() -> None:
    assert read_continuation(write_continuation(CONTINUATION), None) is None
