import json
import re

import pytest

from core.content_variables import content_variables
from core.reply import split_text
from demo.examples import ANA, ANSWER, BEN, CLEO, DEV, TEMPLATE_TEXT, WHY, Example, ready_examples, template_reply
from utils.context_processor import InvalidContextError, parse_context

EXAMPLES = {example.name: example for example in ready_examples()}


def faults_of(example: Example) -> list[str]:
    try:
        parse_context(example.body)
    except InvalidContextError as exc:
        return exc.faults
    return []


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("first-contact", []),
        ("answer", []),
        ("long-answer", []),
        ("no-secret", []),
        ("no-consent", ["comms_consent"]),
        ("many-faults", ["recipient_tel", "channel_method", "whatsapp_credentials_id"]),
        ("not-json", ["not JSON"]),
    ],
)
def test_an_example_has_the_faults_that_it_promises(name: str, faults: list[str]) -> None:
    found = faults_of(EXAMPLES[name])

    assert len(found) == len(faults)
    assert all(any(fault in text for text in found) for fault in faults)


def test_every_example_is_held_to_what_it_shows() -> None:
    assert set(EXAMPLES) == {
        "first-contact", "answer", "long-answer", "no-secret", "no-consent", "many-faults", "not-json",
    }  # fmt: skip


def test_the_long_answer_is_three_parts() -> None:
    assert len(split_text(EXAMPLES["long-answer"].reply or "", max_parts=3)) == 3


def test_the_answer_is_one_part() -> None:
    assert split_text(ANSWER, max_parts=3) == [ANSWER]


def test_a_template_reply_fills_every_variable_of_the_template() -> None:
    variables = json.loads(content_variables(template_reply("Ana", WHY)))

    assert set(variables) == set(re.findall(r"{{(\d+)}}", TEMPLATE_TEXT))


def test_nobody_has_these_numbers() -> None:
    """Ofcom keeps 07700 900000 to 900999 for fiction."""
    assert all(re.fullmatch(r"\+447700900\d{3}", number) for number in (ANA, BEN, CLEO, DEV))
