"""The APIs of OpenAI beside the default one: Assistants v2 of a compatible server, and responses in the foreground."""

import json

import pytest

from sandbox.harness import FREE_FORM_REFERENCE, OPENAI_REFERENCE, Deployment
from sandbox.stubs import Outcome, StubClient, answer
from tests.integration.conftest import MakeConversation

pytestmark = pytest.mark.integration

RETRY_AFTER_SECONDS = 6
"""More than the 5 s that the function waits by itself: the message goes back to the queue."""


@pytest.mark.slow
def test_assistants_write_in_both_modes_and_their_runs_are_resumed(
    make_conversation: MakeConversation, deployment: Deployment, stubs: StubClient
) -> None:
    assistant = {"api_key_reference": OPENAI_REFERENCE, "assistant_id_template_sender": "asst_FirstContact"}
    asked = {"company_data_payload__ai_config__openai_config__whatsapp": assistant}
    template, resumed, tool = (make_conversation(**asked) for _ in range(3))
    free_form = make_conversation(credentials=FREE_FORM_REFERENCE, **asked)
    for conversation in (template, resumed):  # what makes an assistant answer in JSON is its own definition
        stubs.outcome(Outcome(text='{"1": "Ana"}'), match=conversation.recipient_tel)
    stubs.outcome(Outcome(state="requires_action"), match=tool.recipient_tel)
    wait = answer(429, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    stubs.script("twilio.messages.create", wait, match=resumed.recipient_tel)

    with deployment.changed(OPENAI_API="assistants", OUTGOING_LINKS="any"):  # `given` needs definitions of ours
        deployment.send_together([conversation.body() for conversation in (template, resumed, tool, free_form)])
        records = [conversation.wait_until_sent() for conversation in (template, free_form)]
        refused = tool.wait_for_status("failed_to_process_ai")
        tool.wait_for_dead_letter()
        records.append(resumed.wait_until_sent(within=resumed.within(RETRY_AFTER_SECONDS)))

    for record in records:
        assert record["openai_thread_id"].startswith("thread_")
        assert record["openai_response_id"].startswith("run_")
    for conversation in (template, resumed, free_form):
        (run,) = conversation.journal("openai.threads.runs.create")
        assert run.json["assistant_id"] == "asst_FirstContact"
        assert len(conversation.messages) == 1
        assert conversation.journal("openai.responses.*") == []
    assert json.loads(template.messages[0]["content_variables"]) == {"1": "Ana"}
    assert free_form.messages[0]["body"].startswith("Hello Ana")
    assert refused["last_error"]["code"] == "openai_requires_action"
    assert records[-1]["attempts"] == 2


def test_response_in_the_foreground_needs_one_request(
    make_conversation: MakeConversation, deployment: Deployment, stubs: StubClient
) -> None:
    conversation = make_conversation()
    stubs.outcome(Outcome(duration_seconds=1), match=conversation.recipient_tel)

    with deployment.changed(OPENAI_BACKGROUND="false"):
        conversation.send()
        record = conversation.wait_until_sent()

    (asked,) = conversation.journal("openai.responses.*")
    assert asked.json["background"] is False
    assert record["openai_response_id"] == asked.answer_json["id"]
    assert len(conversation.messages) == 1
