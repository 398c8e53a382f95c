"""What the page needs to know of a body that may be anything, and what the model is told to say."""

import json
from typing import Any

import pytest

from demo.examples import answer, first_contact, ready_examples
from demo.phone.world import about, reply_for
from utils.context_processor import InvalidContextError, parse_context


def test_what_is_shown_of_a_context_object_is_found() -> None:
    found = about(json.dumps(first_contact("conv-1")))

    assert (found["conversation_id"], found["first_name"], found["company"]) == ("conv-1", "Ana", "Acme Coffee")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Hello?",
        "[]",
        "null",
        "7",
        '{"conversation_data": []}',
        '{"conversation_data": {"conversation_id": 7}}',
        "[",
    ],
)
def test_body_may_be_anything(body: str) -> None:
    assert about(body) == {}


def test_body_may_be_deeper_than_python_reads() -> None:
    assert about("[" * 100_000) == {}


def test_words_become_the_last_variable_of_a_template() -> None:
    found = about(json.dumps(first_contact("conv-1")))

    assert json.loads(reply_for("The shifts are out.", found)) == {
        "1": "Ana",
        "2": "Acme Coffee",
        "3": "The shifts are out.",
    }


@pytest.mark.parametrize(
    ("context", "words"),
    [
        pytest.param(first_contact("conv-1"), '{"1": "mine"}', id="variables as they are"),
        pytest.param(answer("conv-1"), "Hello Ben", id="free text"),
    ],
)
def test_model_says_just_that(context: dict[str, Any], words: str) -> None:
    assert reply_for(words, about(json.dumps(context))) == words


@pytest.mark.parametrize("example", ready_examples(), ids=lambda example: example.name)
def test_examples_are_as_valid_as_they_say(example: Any) -> None:
    refused = {"no-consent", "many-faults", "not-json"}

    if example.name in refused:
        with pytest.raises(InvalidContextError):
            parse_context(example.body)
    else:
        parse_context(example.body)
