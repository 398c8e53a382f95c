"""Outgoing policy: whatever a form talked the model into, nothing leaves that the rules don't allow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core.conversation import Mode, Status
from core.errors import CredentialsRejectedError, TransientError
from core.model import RunReport, RunState
from core.outcome import Done, GivenBack
from sandbox.context_objects import TWILIO_REFERENCE, make_body
from tests.fakes.function import SETTINGS
from tests.fakes.function import InMemoryFunction as Core
from tests.fakes.model import USAGE
from tests.fakes.secrets import TWILIO_FREE_FORM
from tests.samples.injections import INJECTIONS, INNOCENT, SPLIT, Injection
from utils.assistant_definition import AssistantDefinitions

FRONT, COMPANY = "frontend_payload", "company_data_payload"
GIVEN = {
    "links": "given",
    "link_hosts": ["acme.example", "*.acme.example"],
    "link_paths": [f"{FRONT}.project_data.booking_url"],
}


def make_core(tmp_path: Path, outgoing: Mapping[str, Any] | None = None, **settings: Any) -> Core:
    """Return a function whose definition has rules of its own, and settings where it has none."""
    definition = {"instructions": "Greet.", **({"outgoing": outgoing} if outgoing is not None else {})}
    (tmp_path / "first-contact.json").write_text(json.dumps(definition), encoding="utf-8")
    return Core(definitions=AssistantDefinitions(tmp_path), settings=SETTINGS.model_copy(update=settings))


def answers(core: Core, reply: str | Mapping[str, str]) -> None:
    """Let the model answer with a text, or with the values of a template."""
    text = reply if isinstance(reply, str) else json.dumps(reply)
    core.model.outcome.report = RunReport("", RunState.COMPLETED, text=text, usage=USAGE)
    if isinstance(reply, str):
        core.secrets.twilio_secrets[TWILIO_REFERENCE] = TWILIO_FREE_FORM


def body(**changes: Any) -> str:
    return make_body(
        **{
            f"{FRONT}__project_data": {"booking_url": "https://forms.example/d/7?x=1", "note": "https://evil.example"},
            f"{COMPANY}__company_rep": {"name": "Carol", "mail": "carol@mail.example"},
            **changes,
        }
    )


def assert_refused(core: Core, code: str, text: str) -> None:
    """The message goes to the DLQ, and nobody gets the text, nor do record and log."""
    record = core.record()
    assert core.whatsapp.delivered == []
    assert record.conversation.status is Status.FAILED_AI
    assert record.conversation.last_error is not None
    assert (record.conversation.last_error.code, record.conversation.last_error.permanent) == (code, True)
    assert record.conversation.reply is None
    assert record.conversation.run is None
    assert text not in repr(core.telemetry.lines)
    assert text not in repr(record)


@pytest.mark.parametrize("injection", INJECTIONS.values(), ids=INJECTIONS)
def test_a_model_that_obeys_an_injection_sends_nothing(tmp_path: Path, injection: Injection) -> None:
    core = make_core(tmp_path, GIVEN)
    answers(core, injection.reply)

    verdict = core.receive(body=body(**{f"{FRONT}__recipient_data__recipient_first_name": injection.name}))

    assert verdict == GivenBack(0)
    code = "outgoing_direction" if set(injection.reply) & set("\u202a\u202b\u202d\u202e") else "outgoing_link"
    assert_refused(core, code, injection.reply)


@pytest.mark.parametrize("injection", INJECTIONS.values(), ids=INJECTIONS)
def test_a_value_of_a_template_sends_nothing_either(tmp_path: Path, injection: Injection) -> None:
    core = make_core(tmp_path, GIVEN)
    answers(core, {"1": "Ana", "2": injection.reply, "3": "because we like it"})

    core.receive(body=body())

    assert core.whatsapp.delivered == []


@pytest.mark.parametrize("values", SPLIT.values(), ids=SPLIT)
def test_a_link_that_two_values_make_together_is_found(tmp_path: Path, values: dict[str, str]) -> None:
    core = make_core(tmp_path, GIVEN)
    answers(core, values)

    core.receive(body=body())

    assert_refused(core, "outgoing_link", json.dumps(values))


@pytest.mark.parametrize("reply", INNOCENT.values(), ids=INNOCENT)
@pytest.mark.parametrize("mode", Mode)
def test_what_the_rules_allow_goes_out_as_it_is(tmp_path: Path, reply: str, mode: Mode) -> None:
    core = make_core(tmp_path, GIVEN)
    answers(core, reply if mode is Mode.FREE_FORM else {"1": "Ana", "2": "Acme Inc.", "3": reply, "4": "In London"})

    assert core.receive(body=body()) == Done()

    sent = core.whatsapp.delivered[0].part.content
    assert sent == reply if mode is Mode.FREE_FORM else json.loads(sent)["3"] == reply


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(
            {"1": "Ana", "2": "acme.example", "3": "https://acme.example/jobs", "4": "jobs.acme.example"}, id="links"
        ),
        pytest.param({"1": "Ana", "2": "Acme Inc.", "3": "Support", "4": "In London"}, id="full stop"),
        pytest.param({"1": "carol@mail.example", "2": "acme.example", "3": "10:30", "4": "24/7"}, id="signs"),
    ],
)
def test_values_that_are_fine_alone_are_fine_together(tmp_path: Path, values: dict[str, str]) -> None:
    core = make_core(tmp_path, GIVEN)
    answers(core, values)

    assert core.receive(body=body()) == Done()


def test_without_rules_links_go_out_but_overrides_never(core: Core) -> None:
    answers(core, "See https://anything.example")
    assert core.receive() == Done()

    answers(core, "See \u202emoc")
    core.receive(body=make_body(conversation_id="conv-2"), message_id="m-2")

    assert core.sent() == ["See https://anything.example"]


@pytest.mark.parametrize(
    ("reply", "allowed"),
    [
        pytest.param("acme.example", True, id="listed"),
        pytest.param("jobs.acme.example", False, id="below"),
        pytest.param("https://forms.example/d/7?x=1", False, id="given"),
    ],
)
def test_listed_means_the_list_alone(tmp_path: Path, reply: str, allowed: bool) -> None:
    core = make_core(tmp_path, outgoing_links="listed", outgoing_link_hosts="acme.example,шоп.рф")
    answers(core, f"{reply} шоп.рф xn--n1acz.xn--p1ai")

    core.receive(body=body(**{f"{COMPANY}__company_name": "forms.example/d/7?x=1"}))

    assert len(core.sent()) == allowed


def test_what_a_definition_says_wins_over_the_settings(tmp_path: Path) -> None:
    core = make_core(tmp_path, {"links": "any", "max_characters": 5}, outgoing_links="given", outgoing_moderation=True)
    core.moderation.words = {"x.org"}
    answers(core, "x.org")

    core.receive()

    assert core.record().conversation.last_error.code == "outgoing_flagged"  # type: ignore[union-attr]


def test_links_of_the_definition_itself_are_given(tmp_path: Path) -> None:
    core = make_core(tmp_path, outgoing_links="given")
    definition = {"instructions": "End with https://acme.example/terms.", "output_schema": {"title": "shop.example"}}
    (tmp_path / "first-contact.json").write_text(json.dumps(definition), encoding="utf-8")
    answers(core, "https://acme.example/terms and shop.example")

    assert core.receive(body=body()) == Done()


def test_data_that_the_definition_does_not_name_gives_nothing(tmp_path: Path) -> None:
    core = make_core(tmp_path, outgoing_links="given")
    answers(core, "https://forms.example/d/7?x=1")

    core.receive(body=body())

    assert core.sent() == []
    assert core.record().conversation.last_error.code == "outgoing_link"  # type: ignore[union-attr]


def test_given_needs_a_definition_of_ours(tmp_path: Path) -> None:
    core = make_core(tmp_path, GIVEN)
    core.model.needs_definition = False
    answers(core, "Hello")

    core.receive(body=body())

    assert core.record().conversation.last_error.code == "assistant_definition_invalid"  # type: ignore[union-attr]


@pytest.mark.parametrize(("reply", "sent"), [("x" * 100, True), ("x" * 101, False)])
def test_a_reply_has_a_longest_length(tmp_path: Path, reply: str, sent: bool) -> None:
    core = make_core(tmp_path, {"max_characters": 100})
    answers(core, reply)

    core.receive()

    assert bool(core.sent()) is sent


# Phone numbers


@pytest.mark.parametrize(
    ("reply", "sent"),
    [
        pytest.param("Call +44 20 7946 0000", True, id="own"),
        pytest.param("Call 020 7946 0000 or 0044 (20) 7946-0000", True, id="own, as it is dialled"),
        pytest.param("Call +44 7700 900666", False, id="another"),
        pytest.param("Call 07700900666", False, id="another, national"),
        pytest.param("Call ٠٧٧٠٠٩٠٠٦٦٦", False, id="Arabic digits"),
        pytest.param("Call 0 7 7 0 0 9 0 0 6 6 6", False, id="spaced"),
        pytest.param("Call 07700\u200b900666", False, id="with an invisible character"),
        pytest.param("Call 06.12.34.56.78", False, id="dots"),
        pytest.param("On 04.01.2027 and 2027-01-04, from 9.30-17.00, in 2026-2027", True, id="dates"),
        pytest.param("At 10:30 for 12.50 in room 4711", True, id="small numbers"),
        pytest.param("Pay to 4111 1111 1111 1111", False, id="a card"),
    ],
)
def test_by_choice_no_number_but_the_companys_goes_out(tmp_path: Path, reply: str, sent: bool) -> None:
    core = make_core(tmp_path, outgoing_phone_numbers="own")
    answers(core, reply)

    core.receive()

    assert bool(core.sent()) is sent


def test_a_number_that_two_values_make_together_is_found(tmp_path: Path) -> None:
    core = make_core(tmp_path, outgoing_phone_numbers="own")
    answers(core, {"1": "Call 07700", "2": "900666"})

    core.receive()

    assert_refused(core, "outgoing_number", "900666")


# Moderation


def test_a_reply_that_is_flagged_goes_nowhere(tmp_path: Path) -> None:
    core = make_core(tmp_path, {"moderation": True})
    core.moderation.words = {"ugly"}
    answers(core, {"1": "Ana", "2": "ugly words"})

    core.receive()

    assert core.moderation.asked == ["Ana\nugly words"]
    assert_refused(core, "outgoing_flagged", "ugly words")


def test_while_the_moderation_is_silent_nothing_is_sent_and_nothing_is_paid_twice(tmp_path: Path) -> None:
    core = make_core(tmp_path, {"moderation": True})
    core.moderation.error = TransientError("silent", code="openai_timeout")

    verdict = core.receive()

    assert verdict is not None
    assert core.sent() == []
    record = core.record().conversation
    assert record.last_error is not None
    assert (record.last_error.code, record.last_error.permanent) == ("openai_timeout", False)
    core.moderation.error = None
    assert core.receive(receive_count=2) == Done()
    assert len(core.model.runs) == 1
    assert len(core.sent()) == 1


def test_a_moderation_that_is_refused_sends_nothing(tmp_path: Path) -> None:
    core = make_core(tmp_path, {"moderation": True})
    core.moderation.error = CredentialsRejectedError("no", code="openai_forbidden")

    core.receive()

    assert core.sent() == []
    assert core.record().conversation.last_error.code == "openai_forbidden"  # type: ignore[union-attr]


def test_the_moderation_is_asked_only_by_choice(core: Core) -> None:
    core.receive()

    assert core.moderation.asked == []


# What was recorded before


def test_a_reply_that_was_recorded_is_checked_by_the_rules_of_today(tmp_path: Path) -> None:
    """Twilio refused the credentials; the rules are stricter when the message comes again."""
    core = make_core(tmp_path)
    answers(core, "See https://evil.example")
    tokens, core.whatsapp.accepted_tokens = core.whatsapp.accepted_tokens, set()
    core.receive()
    core.whatsapp.accepted_tokens = tokens
    assert core.record().conversation.reply is not None
    core.settings = SETTINGS.model_copy(update={"outgoing_links": "listed"})

    core.receive(message_id="m-2")

    assert_refused(core, "outgoing_link", "https://evil.example")


def test_a_refused_reply_is_asked_for_again_once_the_rules_allow_it(tmp_path: Path) -> None:
    core = make_core(tmp_path, outgoing_links="listed")
    answers(core, "See https://shop.example")
    core.receive()
    core.settings = SETTINGS.model_copy(update={"outgoing_links": "listed", "outgoing_link_hosts": "shop.example"})

    assert core.receive(message_id="m-2") == Done()

    assert len(core.model.runs) == 2
    assert core.sent() == ["See https://shop.example"]
