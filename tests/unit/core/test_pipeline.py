"""The five moves, and where each failure leaves a conversation."""

import json
from dataclasses import replace
from typing import Any

import pytest

from core.conversation import Conversation, ConversationKey, Mode, Reply, Run, Standing, Status
from core.errors import (
    DeliveryUnknownError,
    LostLeaseError,
    PermanentError,
    ProcessorError,
    StoreUnavailableError,
    TransientError,
)
from core.model import RunReport, RunState
from core.outcome import Done, GivenBack
from sandbox.context_objects import OPENAI_REFERENCE, RECIPIENT, SENDER, TWILIO_REFERENCE, make_body, make_context
from tests.fakes.faulty import Faulty, ProcessDied
from tests.fakes.function import SETTINGS, SETTLE_SECONDS, VISIBILITY_SECONDS
from tests.fakes.function import InMemoryFunction as Core
from tests.fakes.secrets import OPENAI, TWILIO, TWILIO_FREE_FORM
from tests.fakes.store import Record
from utils.redaction import Secret

LOST = DeliveryUnknownError("Twilio's answer was lost")
UNAVAILABLE = StoreUnavailableError("DynamoDB: ProvisionedThroughputExceededException")


def free_form(core: Core, text: str) -> None:
    core.secrets.twilio_secrets[TWILIO_REFERENCE] = TWILIO_FREE_FORM
    core.model.outcome.report = RunReport("", RunState.COMPLETED, text=text)


def kill(core: Core, port: str, method: str, *, after_effect: bool, **delivery: Any) -> None:
    """Process a delivery whose process dies at a call of a port."""
    faulty = Faulty(getattr(core, port))
    faulty.plan(method, ProcessDied(), after_effect=after_effect)
    setattr(core, port, faulty)
    with pytest.raises(ProcessDied):
        core.receive(**delivery)
    setattr(core, port, faulty._port)


# The happy path


def test_a_new_conversation_is_sent_and_closed(core: Core) -> None:
    verdict = core.receive()

    assert verdict == Done()
    assert core.sent() == ["Hello! Ana - Acme"]
    record = core.record()
    assert record.conversation.status is Status.SENT
    assert record.conversation.lease_owner is None
    assert [message.content for message in record.messages] == ["Hello! Ana - Acme"]
    assert record.messages[0].usage.tokens_out == 30
    assert record.attributes["company_name"] == "Acme Coffee"
    assert not record.needs_attention


def test_a_message_costs_four_writes_and_no_read(core: Core) -> None:
    core.receive()

    assert core.store.writes == ["create", "record_run", "intend", "close"]
    assert core.store.reads == []


def test_the_model_is_told_everything_in_labelled_sections(core: Core) -> None:
    core.receive()

    request = core.model.runs["resp_1"].request
    _, *told = (section.split(":\n", 1) for section in request.user_message.split("\n\n"))
    assert {title: json.loads(text) for title, text in told} == {
        "Company": {"company_id": "acme", "company_name": "Acme Coffee"},
        "Project": {"project_id": "spring", "project_name": "Spring hiring"},
        "Representative": {"name": "Carol", "title": "Recruiter"},
        "Recipient": {"first_name": "Ana", "last_name": "Silva"},
        "Contact numbers": {"company_whatsapp_number": SENDER},
        "Project data": make_context()["frontend_payload"]["project_data"],
    }
    assert RECIPIENT not in request.user_id
    assert request.metadata["conversation_id"] == "conv-0001"


def test_a_name_with_a_link_is_told_to_nobody_and_logged_by_its_path(core: Core) -> None:
    path = "frontend_payload__recipient_data__recipient_last_name"

    verdict = core.receive(body=make_body(**{path: "Silva www.evil.example"}))

    assert verdict == Done()
    assert "evil" not in core.model.runs["resp_1"].request.user_message
    assert "recipient_last_name" not in core.record().attributes
    (line,) = [line for line in core.telemetry.lines if line.event == "name_left_out"]
    assert line.fields["paths"] == [path.replace("__", ".")]


def test_a_definition_says_what_the_model_is_told_of_the_recipient(core: Core) -> None:
    core.settings = SETTINGS.model_copy(update={"inline_definitions": True})
    recipient, openai = "frontend_payload__recipient_data", "company_data_payload__ai_config__openai_config__whatsapp"
    fields = ["recipient_first_name", "recipient_tel", "recipient_email", "recipient_city", "recipient_age"]

    core.receive(
        body=make_body(
            **{
                f"{recipient}__recipient_city": {"name": "Lisbon"},
                f"{recipient}__recipient_iban": "secret",
                f"{openai}__assistant_definition": {"instructions": "Greet.", "recipient_fields": fields},
            }
        )
    )

    request = core.model.runs["resp_1"].request
    sections = dict(section.split(":\n", 1) for section in request.user_message.split("\n\n"))
    assert json.loads(sections["Recipient"]) == {
        "first_name": "Ana",
        "email": "ana@example.com",
        "city": {"name": "Lisbon"},
    }
    assert json.loads(sections["Contact numbers"])["recipient_tel"] == RECIPIENT
    assert "secret" not in request.user_message


def test_free_form_goes_out_without_a_template_in_the_secret(core: Core) -> None:
    free_form(core, "Hello Ana,\nwould you like to hear more?")

    core.receive()

    assert core.sent() == ["Hello Ana,\nwould you like to hear more?"]
    assert core.whatsapp.delivered[0].part.mode is Mode.FREE_FORM


def test_a_long_reply_goes_out_in_parts_that_are_recorded_one_by_one(core: Core) -> None:
    free_form(core, "\n\n".join(f"{letter} " * 600 for letter in "abc"))

    verdict = core.receive()

    assert verdict == Done()
    assert [body[0] for body in core.sent()] == ["a", "b", "c"]
    assert core.store.writes == ["create", "record_run", "intend", "intend", "intend", "close"]
    record = core.record()
    assert [message.message_id for message in record.messages] == [d.message.sid for d in core.whatsapp.delivered]
    assert [message.usage.tokens_out > 0 for message in record.messages] == [False, False, False]


# Duplicates and leases


def test_a_duplicate_of_a_closed_conversation_is_acknowledged_and_counted(core: Core) -> None:
    core.receive()

    verdict = core.receive(message_id="m-2")

    assert verdict == Done()
    assert len(core.sent()) == 1
    assert core.telemetry.metrics["DuplicatesSuppressed"] == 1


def test_a_conversation_at_work_elsewhere_comes_back_when_its_lease_ends(core: Core) -> None:
    kill(core, "model", "start_run", after_effect=False)

    verdict = core.receive(message_id="m-2")

    assert verdict == GivenBack(VISIBILITY_SECONDS - 15 + 2)
    assert core.telemetry.failed_codes == {"lease_held": 1}
    assert core.record().conversation.lease_owner == "owner of m-1/1"


def test_a_lease_that_ran_out_is_taken_over(core: Core) -> None:
    kill(core, "model", "open_thread", after_effect=True)
    core.clock.advance(VISIBILITY_SECONDS)

    verdict = core.receive(receive_count=2)

    assert verdict == Done()
    assert core.record().attempts == 2
    assert len(core.sent()) == 1


def test_a_race_for_an_expired_lease_has_one_winner(core: Core) -> None:
    kill(core, "model", "open_thread", after_effect=True)
    core.clock.advance(VISIBILITY_SECONDS)
    core.store = Faulty(core.store)
    core.store.before["take_over"] = lambda: steal_lease(core)

    verdict = core.receive(receive_count=2)

    assert verdict == GivenBack(302)
    assert core.record().conversation.lease_owner == "another delivery"
    assert core.sent() == []


def steal_lease(core: Core) -> None:
    record = core.record()
    record.conversation = replace(
        record.conversation,
        lease_owner="another delivery",
        lease_expires_at=core.clock.now().timestamp() + 300,
        write_number=record.conversation.write_number + 1,
    )


@pytest.mark.parametrize(
    ("step", "sent"),
    [pytest.param("record_run", 0, id="before the run is recorded"), pytest.param("intend", 0, id="before the intent")],
)
def test_a_lost_lease_stops_before_the_send_and_touches_nothing(core: Core, step: str, sent: int) -> None:
    core.store = Faulty(core.store)
    core.store.before[step] = lambda: steal_lease(core)

    verdict = core.receive()

    assert verdict == GivenBack(None)
    assert len(core.sent()) == sent
    assert core.record().conversation.lease_owner == "another delivery"
    assert core.record().conversation.status is Status.PROCESSING


def test_a_message_that_the_heartbeat_lost_is_not_sent(core: Core) -> None:
    delivery = core.delivery()
    core.store = Faulty(core.store)
    core.store.before["intend"] = delivery.lose

    verdict = core.pipeline().process(delivery, core.deadline())

    assert verdict == GivenBack(None)
    assert core.sent() == []
    assert core.record().conversation.intent_at is None


def test_a_send_whose_timeout_would_outlast_the_lease_is_not_started(core: Core) -> None:
    core.model.outcome.duration_seconds = 325.0

    verdict = core.pipeline().process(core.delivery(), core.deadline(timeout_seconds=600))

    assert verdict == GivenBack(None)
    assert core.sent() == []
    assert core.telemetry.failed_codes == {"lease_lost": 1}


# Asking


def test_a_killed_attempt_is_resumed_with_the_same_run(core: Core) -> None:
    kill(core, "model", "fetch_run", after_effect=True)
    core.clock.advance(VISIBILITY_SECONDS)

    verdict = core.receive(receive_count=2)

    assert verdict == Done()
    assert list(core.model.runs) == ["resp_1"]
    assert core.telemetry.metrics["Resumed"] == 1


def test_a_thread_whose_run_has_no_id_is_abandoned(core: Core) -> None:
    kill(core, "model", "start_run", after_effect=True)
    core.clock.advance(VISIBILITY_SECONDS)

    core.receive(receive_count=2)

    assert core.model.threads == ["conv_1", "conv_2"]
    assert core.model.runs["resp_2"].thread_id == "conv_2"
    assert len(core.sent()) == 1


def test_a_run_longer_than_the_invocation_goes_back_at_once_and_is_polled_on(core: Core) -> None:
    core.model.outcome.duration_seconds = 400.0

    verdict = core.receive()
    again = core.receive(receive_count=2)

    assert verdict == GivenBack(0)
    assert again == Done()
    assert list(core.model.runs) == ["resp_1"]
    assert len(core.sent()) == 1


def test_a_conversation_of_the_same_company_and_recipient_is_continued(core: Core) -> None:
    core.receive(body=make_body(conversation_id="earlier"))

    core.receive(body=make_body(conversation_data__thread_id="conv_1"), message_id="m-2")

    assert core.model.runs["resp_2"].thread_id == "conv_1"
    assert core.model.threads == ["conv_1"]


def test_a_conversation_that_another_program_recorded_is_continued(core: Core) -> None:
    key = ConversationKey(RECIPIENT, "of another program")
    core.store.records[key] = Record(
        Conversation(key, "reply_sent", None, company_id="acme", thread_id="conv_given", standing=Standing.CLOSED)
    )

    core.receive(body=make_body(conversation_data__thread_id="conv_given"))

    assert core.model.runs["resp_1"].thread_id == "conv_given"


@pytest.mark.parametrize(
    "earlier",
    [
        pytest.param(
            {"frontend_payload__company_data__company_id": "other", "company_data_payload__company_id": "other"},
            id="company",
        ),
        pytest.param({"frontend_payload__recipient_data__recipient_tel": "+447700900999"}, id="recipient"),
    ],
)
def test_a_conversation_of_another_is_not(core: Core, earlier: dict[str, Any]) -> None:
    """Whoever may put a message on the queue must not read what another tenant's customers wrote."""
    core.receive(body=make_body(conversation_id="earlier", **earlier))

    core.receive(body=make_body(conversation_data__thread_id="conv_1"), message_id="m-2")

    assert core.model.runs["resp_2"].thread_id == "conv_2"
    assert "thread_not_usable" in core.telemetry.events()


def test_a_conversation_that_no_record_names_is_not_continued(core: Core) -> None:
    core.receive(body=make_body(conversation_data__thread_id="conv_invented"))

    assert core.model.runs["resp_1"].thread_id == "conv_1"


def test_nothing_is_paid_for_while_nobody_can_tell_whose_conversation_it_is(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("conversations_with", UNAVAILABLE, times=9)

    verdict = core.receive(body=make_body(conversation_data__thread_id="conv_1"))

    assert verdict is not None
    assert core.model.runs == {}


def test_a_thread_of_the_closed_assistants_api_is_replaced(core: Core) -> None:
    core.receive(body=make_body(conversation_data__thread_id="thread_old"))

    assert core.model.runs["resp_1"].thread_id == "conv_1"
    assert "thread_not_usable" in core.telemetry.events()


def test_a_write_that_is_throttled_after_the_run_was_created_does_not_cost_another_run(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("record_run", UNAVAILABLE, times=4)

    verdict = core.receive()

    assert verdict == Done()
    assert list(core.model.runs) == ["resp_1"]
    assert core.record().conversation.paid_runs == 1
    assert core.record().attempts == 1


def test_a_run_that_can_not_be_recorded_is_carried_by_the_failure(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("record_run", UNAVAILABLE, times=5)
    core.store.plan("fail", UNAVAILABLE, times=4)

    verdict = core.receive()
    failed = core.record().conversation
    again = core.receive(receive_count=2)

    assert verdict == GivenBack(23)
    assert failed.run == Run("conv_1", "resp_1")
    assert failed.paid_runs == 1
    assert again == Done()
    assert list(core.model.runs) == ["resp_1"]


def test_a_run_is_recorded_for_as_long_as_the_process_lives_and_no_longer(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("record_run", UNAVAILABLE, times=9)
    core.store.plan("fail", UNAVAILABLE, times=9)
    core.model.start_seconds = 13.0

    core.pipeline().process(core.delivery(), core.deadline(timeout_seconds=30))

    assert core.clock.monotonic() < 30
    assert "failure_not_recorded" in core.telemetry.events()


def test_a_write_whose_lease_is_lost_is_not_insisted_on(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("record_run", LostLeaseError("another's"))

    verdict = core.receive()

    assert verdict == GivenBack(None)
    assert core.store.calls.count("record_run") == 1
    assert core.sent() == []


def test_the_third_run_is_the_last(core: Core) -> None:
    core.model.outcome.report = RunReport("", RunState.COMPLETED, text="no JSON")
    for receive_count in (1, 2, 3):
        core.receive(receive_count=receive_count)

    verdict = core.receive(message_id="m-redriven")

    assert verdict == GivenBack(0)
    assert list(core.model.runs) == ["resp_1", "resp_2", "resp_3"]
    assert core.telemetry.failed_codes == {"openai_invalid_json": 3, "openai_runs_exhausted": 1}
    assert core.record().conversation.paid_runs == 3


def report(state: RunState, **details: Any) -> RunReport:
    return RunReport("", state, **details)


@pytest.mark.parametrize(
    ("run", "code", "permanent"),
    [
        pytest.param(report(RunState.COMPLETED, text=""), "openai_empty_output", True, id="empty"),
        pytest.param(report(RunState.COMPLETED, refusal=True), "openai_refusal", True, id="refusal"),
        pytest.param(report(RunState.COMPLETED, text="Hi!"), "openai_invalid_json", False, id="no JSON"),
        pytest.param(report(RunState.COMPLETED, text='{"1": ""}'), "reply_variable_empty", True, id="empty variable"),
        pytest.param(
            report(RunState.INCOMPLETE, reason="max_output_tokens"), "openai_incomplete", True, id="incomplete"
        ),
        pytest.param(report(RunState.CANCELLED), "openai_run_cancelled", True, id="cancelled"),
        pytest.param(report(RunState.EXPIRED), "openai_run_expired", False, id="expired"),
        pytest.param(report(RunState.REQUIRES_ACTION), "openai_requires_action", True, id="tool"),
        pytest.param(
            report(RunState.FAILED, reason="server_error", retriable=True),
            "openai_run_server_error",
            False,
            id="failed",
        ),
        pytest.param(
            report(RunState.FAILED, reason="invalid_prompt"), "openai_run_invalid_prompt", True, id="bad prompt"
        ),
    ],
)
def test_a_run_that_ends_badly_is_recorded_and_not_reused(
    core: Core, run: RunReport, code: str, permanent: bool
) -> None:
    core.model.outcome.report = run

    verdict = core.receive()

    assert core.sent() == []
    conversation = core.record().conversation
    assert conversation.status is Status.FAILED_AI
    assert conversation.last_error is not None
    assert (conversation.last_error.code, conversation.last_error.permanent) == (code, permanent)
    assert conversation.run is None
    assert core.record().needs_attention
    assert conversation.lease_owner is None
    assert verdict == GivenBack(0 if permanent else 23)


def test_a_failed_run_is_asked_anew(core: Core) -> None:
    core.model.outcome.report = report(RunState.FAILED, reason="server_error", retriable=True)
    core.receive()
    core.model.outcome.report = report(RunState.COMPLETED, text='{"1": "Ana"}')

    verdict = core.receive(receive_count=2)

    assert verdict == Done()
    assert core.sent() == ["Hello! Ana"]
    assert not core.record().needs_attention
    assert core.record().conversation.last_error is None


def test_throttling_that_passes_soon_is_waited_out(core: Core) -> None:
    core.model = Faulty(core.model)
    core.model.plan("start_run", TransientError("429", retry_after_seconds=2, repeatable=True), times=2)

    verdict = core.receive()

    assert verdict == Done()
    assert core.clock.sleeps[:2] == [2, 2]


def test_a_long_wish_of_the_vendor_is_left_to_the_queue(core: Core) -> None:
    core.model = Faulty(core.model)
    core.model.plan("start_run", TransientError("429", retry_after_seconds=120, repeatable=True))

    verdict = core.receive()

    assert verdict == GivenBack(120)
    assert core.clock.sleeps == []


def test_a_creation_whose_answer_is_lost_is_not_repeated_at_once(core: Core) -> None:
    core.model = Faulty(core.model)
    core.model.plan("start_run", TransientError("timeout"), after_effect=True)

    verdict = core.receive()

    assert verdict == GivenBack(23)
    assert core.model.calls.count("start_run") == 1


def test_no_definition_is_a_clear_permanent_error(core: Core) -> None:
    path = "company_data_payload__ai_config__openai_config__whatsapp__assistant_id_template_sender"
    verdict = core.receive(body=make_body(**{path: "unknown"}))

    assert verdict == GivenBack(0)
    line = core.telemetry.only("message_failed")
    assert line.fields["code"] == "assistant_definition_missing"
    assert "assistants/unknown.json" in line.fields["reason"]


# Secrets


def test_a_missing_secret_is_recorded_as_such(core: Core) -> None:
    core.secrets.twilio_secrets.clear()

    verdict = core.receive()

    assert verdict == GivenBack(0)
    assert core.record().conversation.status is Status.FAILED_SECRETS
    assert core.telemetry.failed_codes == {"secret_not_found": 1}


def test_a_rotated_openai_key_is_read_once_more(core: Core) -> None:
    rotated = Secret("sk-test-2")
    core.secrets.openai(OPENAI_REFERENCE)
    core.secrets.openai_secrets[OPENAI_REFERENCE] = rotated
    core.model.accepted_keys = {rotated}

    verdict = core.receive()

    assert verdict == Done()
    assert core.secrets.reads.count(OPENAI_REFERENCE) == 2
    assert len(core.sent()) == 1


def test_a_rotated_twilio_token_is_read_once_more(core: Core) -> None:
    rotated = replace(TWILIO, auth_token=Secret("twilio-token-2"))
    core.secrets.twilio(TWILIO_REFERENCE)
    core.secrets.twilio_secrets[TWILIO_REFERENCE] = rotated
    core.whatsapp.accepted_tokens = {rotated.login[1]}

    verdict = core.receive()

    assert verdict == Done()
    assert len(core.sent()) == 1
    assert core.secrets.reads.count(TWILIO_REFERENCE) == 2


def test_a_key_that_is_rejected_and_not_rotated_fails_for_good(core: Core) -> None:
    core.model.accepted_keys = {Secret("sk-other")}

    verdict = core.receive()

    assert verdict == GivenBack(0)
    assert core.secrets.reads.count(OPENAI_REFERENCE) == 2
    assert core.record().conversation.status is Status.FAILED_AI
    assert OPENAI in core.secrets.cache.values()


# Sending


def test_an_intent_is_recorded_before_the_send(core: Core) -> None:
    core.whatsapp = Faulty(core.whatsapp)
    seen = []
    core.whatsapp.before["send"] = lambda: seen.append(core.record().conversation)

    core.receive()

    (conversation,) = seen
    assert conversation.status is Status.SENDING
    assert conversation.intent_at is not None
    assert conversation.reply is not None
    assert conversation.reply == Reply(Mode.TEMPLATE, ('{"1": "Ana", "2": "Acme"}',), conversation.reply.usage)


def test_nothing_is_sent_if_the_intent_can_not_be_recorded(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("intend", UNAVAILABLE)

    verdict = core.receive()

    assert verdict == GivenBack(23)
    assert core.sent() == []


@pytest.mark.parametrize("after_effect", [pytest.param(True, id="accepted"), pytest.param(False, id="not accepted")])
def test_a_lost_answer_leads_to_one_message(core: Core, after_effect: bool) -> None:
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", LOST, after_effect=after_effect)

    verdict = core.receive()
    while verdict != Done():
        assert isinstance(verdict, GivenBack)
        assert verdict.delay_seconds is not None
        core.clock.advance(verdict.delay_seconds)
        verdict = core.receive(receive_count=2)

    assert len(core.sent()) == 1
    assert core.record().conversation.status is Status.SENT
    assert core.telemetry.metrics["Reconciled"] == (1 if after_effect else 0)


@pytest.mark.parametrize("after_effect", [pytest.param(True, id="accepted"), pytest.param(False, id="not accepted")])
def test_a_lost_answer_of_an_account_that_the_secret_no_longer_names_goes_to_a_person(
    core: Core, after_effect: bool
) -> None:
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", LOST, after_effect=after_effect)
    core.receive()

    core.secrets.twilio_secrets[TWILIO_REFERENCE] = replace(TWILIO, account_sid="AC" + "9" * 32)
    core.secrets.cache.clear()
    core.clock.advance(SETTLE_SECONDS)
    verdict = core.receive(receive_count=2)

    assert verdict == GivenBack(0)
    assert len(core.sent()) == (1 if after_effect else 0)
    assert core.telemetry.failed_codes["delivery_undecided"] == 1
    assert core.record().needs_attention


def test_an_accepted_message_that_is_listed_late_is_found(core: Core) -> None:
    core.whatsapp._list_lag_seconds = lambda: 30.0
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", LOST, after_effect=True)

    first = core.receive()
    assert isinstance(first, GivenBack)
    assert first.delay_seconds is not None
    core.clock.advance(first.delay_seconds)
    second = core.receive(receive_count=2)

    assert SETTLE_SECONDS - 10 < first.delay_seconds <= SETTLE_SECONDS
    assert second == Done()
    assert len(core.sent()) == 1
    assert core.record().messages[0].message_id == core.whatsapp.delivered[0].message.sid


def test_a_message_is_sent_again_only_after_the_window(core: Core) -> None:
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", LOST)

    first = core.receive()
    core.clock.advance(20)
    early = core.receive(receive_count=2)
    sends_before_window = core.whatsapp.calls.count("send")
    assert isinstance(early, GivenBack)
    core.clock.advance(early.delay_seconds or 0)
    late = core.receive(receive_count=3)

    assert isinstance(first, GivenBack)
    assert sends_before_window == 1
    assert late == Done()
    assert len(core.sent()) == 1


def test_without_patience_the_last_receive_ends_like_any_other(core: Core) -> None:
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", LOST)

    verdict = core.receive(receive_count=3)

    assert verdict == GivenBack(SETTLE_SECONDS - 7)
    assert core.record().needs_attention
    assert core.record().conversation.intent_at is not None


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_process_killed_while_sending_leads_to_one_message(core: Core, after_effect: bool) -> None:
    kill(core, "whatsapp", "send", after_effect=after_effect)
    core.clock.advance(VISIBILITY_SECONDS)

    verdict = core.receive(receive_count=2)

    assert verdict == Done()
    assert len(core.sent()) == 1
    assert core.record().conversation.status is Status.SENT


def test_a_process_killed_between_two_parts_goes_on_with_the_second(core: Core) -> None:
    free_form(core, "\n\n".join(f"{letter} " * 600 for letter in "ab"))
    faulty = core.whatsapp = Faulty(core.whatsapp)
    faulty.plan("send", ProcessDied(), skip=1)
    with pytest.raises(ProcessDied):
        core.receive()
    core.clock.advance(VISIBILITY_SECONDS)

    verdict = core.receive(receive_count=2)

    assert verdict == Done()
    assert [body[0] for body in core.sent()] == ["a", "b"]


@pytest.mark.parametrize(
    ("error", "delay"),
    [
        pytest.param(PermanentError("refused", code="twilio_21211"), 0, id="refused for good"),
        pytest.param(TransientError("queue full", code="twilio_21611", retry_after_seconds=300), 300, id="full"),
    ],
)
def test_a_definite_refusal_clears_the_intent(core: Core, error: ProcessorError, delay: int) -> None:
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", error)

    verdict = core.receive()

    assert verdict == GivenBack(delay)
    conversation = core.record().conversation
    assert conversation.status is Status.FAILED_SEND
    assert conversation.intent_at is None
    assert core.whatsapp.lists == 0


def test_a_refused_second_part_keeps_what_was_sent(core: Core) -> None:
    free_form(core, "\n\n".join(f"{letter} " * 600 for letter in "ab"))
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", TransientError("full", retry_after_seconds=300), skip=1)
    core.receive()

    verdict = core.receive(receive_count=2)

    assert verdict == Done()
    assert [body[0] for body in core.sent()] == ["a", "b"]


def test_an_unforeseen_exception_while_sending_keeps_the_intent(core: Core) -> None:
    core.model.outcome.report = report(RunState.COMPLETED, text='{"1": "Ana", "2": "Acme Coffee Roasters"}')
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", KeyError("+447700900123 secret text"), after_effect=True)

    first = core.receive()
    assert isinstance(first, GivenBack)
    core.clock.advance(first.delay_seconds or 0)
    verdict = core.receive(receive_count=2)

    line = core.telemetry.only("message_failed")
    assert line.fields["code"] == "unforeseen"
    assert "KeyError at" in line.fields["reason"]
    assert "secret text" not in str(core.telemetry.lines)
    assert verdict == Done()
    assert len(core.sent()) == 1


def test_a_message_of_another_conversation_is_never_adopted(core: Core) -> None:
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", LOST, skip=1)
    core.receive(body=make_body(conversation_id="conv-1"))

    first = core.receive(message_id="m-2", body=make_body(conversation_id="conv-2"))
    assert isinstance(first, GivenBack)
    core.clock.advance(first.delay_seconds or 0)
    second = core.receive(message_id="m-2", receive_count=2, body=make_body(conversation_id="conv-2"))

    assert second == Done()
    assert len(core.sent()) == 2
    sids = [record.messages[0].message_id for record in core.store.records.values()]
    assert len(set(sids)) == 2


def test_a_message_that_may_be_another_conversations_is_not_adopted(core: Core) -> None:
    """Both sent the same text and lost the answer; only one arrived: neither may claim it while the other is open."""
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", ProcessDied(), after_effect=True)
    core.whatsapp.plan("send", LOST)
    with pytest.raises(ProcessDied):
        core.receive(body=make_body(conversation_id="conv-1"))

    verdict = core.receive(message_id="m-2", body=make_body(conversation_id="conv-2"))
    other = core.store.records[ConversationKey(RECIPIENT, "conv-2")].conversation

    assert isinstance(verdict, GivenBack)
    assert other.sent == ()
    assert other.status is Status.FAILED_SEND
    assert other.intent_at is not None


def test_a_message_that_an_open_conversation_with_other_content_may_have_sent_is_left_alone(core: Core) -> None:
    """All that one conversation says occurs in what the other one sent: the message could be either's."""
    core.model.outcome.report = report(RunState.COMPLETED, text='{"1": "Ana", "2": "Acme"}')
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", ProcessDied(), after_effect=True)
    core.whatsapp.plan("send", LOST)
    with pytest.raises(ProcessDied):
        core.receive(body=make_body(conversation_id="conv-1"))
    core.model.outcome.report = report(RunState.COMPLETED, text='{"1": "Ana"}')

    verdict = core.receive(message_id="m-2", body=make_body(conversation_id="conv-2"))

    assert isinstance(verdict, GivenBack)
    assert core.store.records[ConversationKey(RECIPIENT, "conv-2")].conversation.sent == ()


def test_a_message_that_only_this_conversation_may_have_sent_is_adopted_beside_an_open_one(core: Core) -> None:
    core.model.outcome.report = report(RunState.COMPLETED, text='{"1": "Ana", "2": "Acme Coffee Roasters"}')
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", ProcessDied(), after_effect=True)
    core.whatsapp.plan("send", LOST, after_effect=True)
    with pytest.raises(ProcessDied):
        core.receive(body=make_body(conversation_id="conv-1"))
    core.model.outcome.report = report(RunState.COMPLETED, text='{"1": "Zoe of the Tea House"}')

    verdict = core.receive(message_id="m-2", body=make_body(conversation_id="conv-2"))

    assert verdict == Done()
    assert len(core.sent()) == 2


# Closing


def test_a_final_update_that_fails_for_a_moment_is_repeated(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("close", UNAVAILABLE, times=3)

    verdict = core.receive()

    assert verdict == Done()
    assert core.record().conversation.status is Status.SENT


def test_a_final_update_whose_answer_is_lost_is_no_failure(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("close", UNAVAILABLE, after_effect=True)

    verdict = core.receive()

    assert verdict == Done()
    assert core.record().conversation.status is Status.SENT


def test_a_final_update_that_fails_is_critical_and_healed_without_a_second_message(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("close", UNAVAILABLE, times=5)
    core.store.plan("fail", UNAVAILABLE)

    first = core.receive()
    assert isinstance(first, GivenBack)
    assert first.delay_seconds is not None
    line = core.telemetry.only("final_db_update_failed")
    core.clock.advance(first.delay_seconds)
    second = core.receive(receive_count=2)

    assert line.level == "CRITICAL"
    assert line.fields["conversation_id"] == "conv-0001"
    assert line.fields["message_sids"] == [core.whatsapp.delivered[0].message.sid]
    assert line.fields["should_have_written"]["conversation_status"] == "initial_message_sent"
    assert "Ana" not in str(line.fields["should_have_written"])
    assert second == Done()
    assert len(core.sent()) == 1
    assert core.record().conversation.status is Status.SENT


def test_a_failure_that_can_not_be_recorded_comes_back_when_the_lease_ends(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("fail", UNAVAILABLE)
    core.secrets.twilio_secrets.clear()

    verdict = core.receive()

    assert isinstance(verdict, GivenBack)
    assert verdict.delay_seconds is not None
    assert VISIBILITY_SECONDS - 15 <= verdict.delay_seconds <= VISIBILITY_SECONDS
    assert core.telemetry.failed_codes == {"secret_not_found": 1}
    assert "failure_not_recorded" in core.telemetry.events()


def test_a_claim_whose_answer_is_lost_is_given_up_again(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("create", UNAVAILABLE, after_effect=True)

    verdict = core.receive()

    assert verdict == GivenBack(23)
    assert core.record().conversation.lease_owner is None
    assert core.record().conversation.status is Status.FAILED_UNKNOWN


# Redelivery


def test_a_permanent_failure_is_not_worked_on_again_on_its_way_to_the_dlq(core: Core) -> None:
    core.model.outcome.report = report(RunState.COMPLETED, refusal=True)
    core.receive()

    second = core.receive(receive_count=2)

    assert second == GivenBack(0)
    assert len(core.model.runs) == 1
    assert core.telemetry.failed_codes == {"openai_refusal": 2}
    assert core.record().conversation.status is Status.FAILED_AI


def test_a_redriven_message_is_worked_on_again(core: Core) -> None:
    core.model.outcome.report = report(RunState.COMPLETED, refusal=True)
    core.receive(receive_count=3)
    core.model.outcome.report = report(RunState.COMPLETED, text='{"1": "Ana"}')

    verdict = core.receive(message_id="m-redriven")

    assert verdict == Done()
    assert core.sent() == ["Hello! Ana"]


@pytest.mark.parametrize(("receive_count", "needs_attention"), [(1, False), (2, True), (3, True)])
def test_every_attempt_leaves_word_in_case_it_dies(core: Core, receive_count: int, needs_attention: bool) -> None:
    kill(core, "model", "fetch_run", after_effect=True, receive_count=receive_count)

    record = core.record()
    assert record.needs_attention is needs_attention
    assert record.conversation.last_error is not None
    assert record.conversation.last_error.code == "attempt_unfinished"


def test_the_last_receive_leaves_word_when_it_can_not_have_the_lease(core: Core) -> None:
    kill(core, "model", "fetch_run", after_effect=True)

    verdict = core.receive(receive_count=3)

    assert isinstance(verdict, GivenBack)
    record = core.record()
    assert record.needs_attention
    assert record.conversation.last_error is not None
    assert record.conversation.last_error.code == "lease_held"
    assert record.conversation.lease_owner == "owner of m-1/1"


def test_the_word_left_is_gone_when_all_is_well(core: Core) -> None:
    core.receive(receive_count=3)

    assert not core.record().needs_attention
    assert core.record().conversation.last_error is None


def test_no_time_left_is_noticed_before_anything_is_claimed(core: Core) -> None:
    verdict = core.pipeline().process(core.delivery(), core.deadline(timeout_seconds=15.5))

    assert verdict == GivenBack(0)
    assert core.store.records == {}


# Bad input


def test_a_refused_context_object_is_recorded_where_its_keys_are_known(core: Core) -> None:
    path = "frontend_payload__recipient_data__comms_consent"

    verdict = core.receive(body=make_body(**{path: False}))

    assert verdict == GivenBack(0)
    assert core.record().conversation.status is Status.FAILED_VALIDATION
    line = core.telemetry.only("message_failed")
    assert line.fields["code"] == "invalid_context"
    assert line.fields["faults"] == (
        "frontend_payload.recipient_data.comms_consent: is not true: the recipient has not agreed to be contacted",
    )


def test_a_refused_context_object_does_not_touch_a_conversation_that_exists(core: Core) -> None:
    core.receive()
    before = core.record().conversation

    core.receive(message_id="m-2", body=make_body(frontend_payload__recipient_data__comms_consent=False))

    assert core.record().conversation == before


def test_what_is_not_json_is_refused_without_a_record(core: Core) -> None:
    verdict = core.receive(body="hello")

    assert verdict == GivenBack(0)
    assert core.store.records == {}
    assert "hello" not in str(core.telemetry.lines)
