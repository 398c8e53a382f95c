"""The operations command as an operator runs it: a process of its own, on a whole deployment."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ops.answers import ANSWERS
from sandbox.engines.engine import Ability
from sandbox.eventually import eventually
from sandbox.harness import TEMPLATE_REFERENCE, Conversation, Deployment, Stack
from sandbox.harness.plan import SECRETS
from sandbox.stubs import Outcome, StubClient, answer, twilio_error
from tests.integration.conftest import MakeConversation

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: int
    out: str
    err: str


class Ops:
    """The command, at work on the deployment."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ

    def __call__(self, *arguments: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "ops", *arguments],
            cwd=ROOT,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
            encoding="utf-8",
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: str, exit_code: int = 0) -> Any:
        """Run it and return its JSON, held to the model of its answer."""
        ended = self(*arguments, "--json")
        assert ended.exit_code == exit_code, ended.out + ended.err
        shown = json.loads(ended.out)
        ANSWERS[" ".join(arguments[: 2 if arguments[0] == "dlq" else 1])].model_validate(shown)
        return shown

    def in_a_terminal(self, *arguments: str, given: str) -> tuple[int, str]:
        """Run it in a terminal and type something; return the exit code and what the terminal was sent."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "ops", *arguments],
            cwd=ROOT,
            env={**self._environ, "TERM": "xterm-256color"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        shown, deadline = b"", time.monotonic() + LIMIT_SECONDS
        try:
            with suppress(OSError):  # the terminal's other end is closed when the process ends
                while time.monotonic() < deadline and (data := os.read(ours, 4096)):
                    shown += data
                    if given and b"[y/N]" in shown:
                        os.write(ours, given.encode())
                        given = ""
            return process.wait(10), shown.decode()
        finally:
            process.kill()
            os.close(ours)


@pytest.fixture
def ops(stack: Stack, deployment: Deployment) -> Ops:
    return Ops(
        {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPS_"))},
            **stack.address.environ(),
            "OPS_ENV": deployment.environment,
            "COLUMNS": "100",
        }
    )


@pytest.fixture
def make_refused(make_conversation: MakeConversation, stubs: StubClient) -> Callable[[int], list[Conversation]]:
    """Make conversations that are in the DLQ because Twilio refuses them, until the stub is reset."""

    def make(count: int) -> list[Conversation]:
        refused = [make_conversation() for _ in range(count)]
        for conversation in refused:
            fault = answer(400, twilio_error(400, 63007, "no such channel"))
            stubs.script("twilio.messages.create", fault, match=conversation.recipient_tel, times=None)
            conversation.send()
        for conversation in refused:
            conversation.wait_for_dead_letter()
        return refused

    return make


def mend(stubs: StubClient, conversations: list[Conversation]) -> None:
    for conversation in conversations:
        stubs.reset(conversation.recipient_tel)


def in_group(peek: Any, code: str) -> int:
    return sum(int(group["count"]) for group in peek["groups"] if group["code"] == code)


# Looking


def test_conversation_that_is_sent_is_shown_masked_and_followed_by_any_id(
    ops: Ops, make_conversation: MakeConversation
) -> None:
    conversation = make_conversation()
    message_id = conversation.send()
    record = conversation.wait_until_sent()
    conversation.wait_for_line("conversation_closed")

    (shown,) = ops.json("show", conversation.conversation_id)["conversations"]

    assert shown["status"] == "initial_message_sent"
    assert [(sent["sid"], sent["text"]) for sent in shown["sent"]] == [(record["messages"][0]["message_id"], None)]
    text = ops("show", conversation.conversation_id)
    assert "Done: " in text.out
    for value in (conversation.recipient_tel, record["recipient_first_name"]):
        assert value not in text.out + json.dumps(shown)
    full = ops("show", conversation.conversation_id, "--unmask", "--text", "--recipient", conversation.recipient_tel)
    assert conversation.recipient_tel in full.out
    assert record["messages"][0]["content"] in full.out

    for wanted in (conversation.conversation_id, message_id, shown["run"]["response_id"], shown["sent"][0]["sid"]):
        events = [line["event"] for line in ops.json("trace", wanted)["lines"]]
        assert [event for event in events if event in ("conversation_claimed", "run_started", "message_sent")] == [
            "conversation_claimed",
            "run_started",
            "message_sent",
        ]
    assert f"receive 1 of message {message_id}" in ops("trace", conversation.conversation_id).out


def test_conversation_that_is_unknown_is_one_line(ops: Ops) -> None:
    for command in ("show", "trace"):
        ended = ops(command, "conv-nowhere")

        assert (ended.exit_code, ended.out, ended.err.count("\n")) == (1, "", 1)


# The DLQ


def test_refused_conversations_are_listed_grouped_and_sent_after_a_redrive_of_their_code(
    ops: Ops,
    deployment: Deployment,
    stubs: StubClient,
    make_conversation: MakeConversation,
    make_refused: Callable[[int], list[Conversation]],
) -> None:
    refused = make_refused(3)
    other = make_conversation()
    stubs.outcome(Outcome(refusal="No."), match=other.recipient_tel)
    other.send()
    other.wait_for_dead_letter()

    listed = {item["conversation_id"]: item for item in ops.json("attention", "--limit", "100")["conversations"]}
    assert {listed[conversation.conversation_id]["last_error"]["code"] for conversation in refused} == {"twilio_63007"}
    assert listed[other.conversation_id]["last_error"]["code"] == "openai_refusal"

    peek = ops.json("dlq", "peek")
    assert (in_group(peek, "twilio_63007"), in_group(peek, "openai_refusal")) == (3, 1)
    assert "    3  twilio_63007 at send, permanent\n" in ops("dlq", "peek").out
    assert len(deployment.dead_letters()) == 4

    dry = ops.json("dlq", "redrive", "--code", "twilio_63007", "--dry-run")
    assert (dry["dry_run"], dry["moved"], dry["kept"]) == (True, 3, 1)
    assert len(deployment.dead_letters()) == 4

    unconfirmed = ops("dlq", "redrive", "--code", "twilio_63007")
    assert unconfirmed.exit_code == 4
    assert len(deployment.dead_letters()) == 4

    mend(stubs, refused)
    done = ops.json("dlq", "redrive", "--code", "twilio_63007", "--yes")
    assert (done["moved"], done["kept"], done["left"], done["problem"]) == (3, 1, 1, None)
    for conversation in refused:
        conversation.wait_until_sent()
        assert len(conversation.messages) == 1
    assert [letter.body for letter in deployment.dead_letters()] == [other.body()]


def test_all_are_redriven_after_a_yes_with_a_bar_that_shows_progress(
    ops: Ops,
    deployment: Deployment,
    stubs: StubClient,
    make_refused: Callable[[int], list[Conversation]],
) -> None:
    refused = make_refused(2)
    mend(stubs, refused)

    code, shown = ops.in_a_terminal("dlq", "redrive", "--all", given="n\n")
    assert code == 4
    assert len(deployment.dead_letters()) == 2

    code, shown = ops.in_a_terminal("dlq", "redrive", "--all", given="y\n")

    words = " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).split())
    assert code == 0, shown
    assert f"Move about 2 messages from {deployment.outputs['dead_letter_queue_url'].rpartition('/')[2]} to" in words
    assert re.search(r"moving \S+ [0-2]/[2?]", words), words
    assert "Moved 2 messages to" in words
    for conversation in refused:
        conversation.wait_until_sent()
    assert deployment.dead_letters() == []


def test_one_is_found_shown_exported_tried_and_the_rest_is_dropped(
    ops: Ops,
    deployment: Deployment,
    stubs: StubClient,
    make_refused: Callable[[int], list[Conversation]],
    needs: Callable[[Ability], None],
    tmp_path: Path,
) -> None:
    needs(Ability.VENDORS_SEEN_ALIKE)
    refused = make_refused(3)
    first, *others = refused
    mend(stubs, refused)
    ids = [conversation.conversation_id for conversation in others]

    (letter,) = ops.json("dlq", "show", first.recipient_tel)["letters"]
    exported = ops.json("dlq", "export", str(tmp_path / "letters"), "--unmask")
    moved = ops.json("dlq", "redrive", "--id", letter["message_id"], "--rate", "5", "--yes")
    first.wait_until_sent()
    found = ops.json("find", first.recipient_tel)
    dropped = ops.json("dlq", "drop", *ids, "--yes")

    assert letter["conversation_id"] == first.conversation_id
    bodies = [json.loads(line)["body"] for line in (tmp_path / "letters").read_text(encoding="utf-8").splitlines()]
    assert exported["written"] == 3
    assert sorted(bodies) == sorted(conversation.body() for conversation in refused)
    assert (moved["moved"], dropped["dropped"]) == (1, 2)
    assert deployment.dead_letters() == []
    (conversation,) = found["conversations"]
    assert conversation["closed"] is True
    assert {message["delivery"] for message in conversation["messages"]} <= {"queued", "accepted", "sent", "delivered"}
    assert (found["others"], found["not_asked"]) == ([], [])


# People


def test_person_is_exported_forgotten_everywhere_and_kept_away(
    ops: Ops, stubs: StubClient, make_conversation: MakeConversation, needs: Callable[[Ability], None]
) -> None:
    """Their message comes once more after that: the function's own claim keeps it away."""
    needs(Ability.VENDORS_SEEN_ALIKE)
    conversation = make_conversation()
    conversation.send()
    sent = conversation.wait_until_sent()
    number = conversation.recipient_tel
    (message,) = conversation.messages

    exported = ops.json("export", number)
    dry = ops.json("forget", number, "--dry-run")
    first = ops.json("forget", number, "--yes")
    conversation.send()
    conversation.wait_for_line("duplicate_suppressed")
    second = ops.json("forget", number, "--yes")

    (told,) = exported["conversations"][0]["messages"]
    assert (told["text"], told["sid"], told["shown_by"]) == (message["body"], message["sid"], "twilio")
    assert {place["place"]: place["found"] for place in dry["places"]} == {
        "table": 1,
        "OpenAI": 2,
        "Twilio": 1,
        "DLQ": 0,
        "queue": 0,
    }
    assert (first["done"], second["done"]) == (True, True)
    assert conversation.messages == []
    assert stubs.conversations(sent["openai_thread_id"]) == []
    assert stubs.responses(number) == []
    record = conversation.record
    assert record is not None
    assert set(record) == {"recipient_tel", "conversation_id", "closed_at", "forgotten_at", "expires_at"}


# Context Objects


def test_file_is_validated_replayed_and_sent_once(
    ops: Ops, make_conversation: MakeConversation, tmp_path: Path
) -> None:
    conversation = make_conversation()
    file = tmp_path / "context.json"
    file.write_text(conversation.body(), encoding="utf-8")

    assert ops("validate", str(file)).exit_code == 0
    assert ops("replay", str(file)).exit_code == 4
    first = ops.json("replay", str(file), "--yes")
    conversation.wait_until_sent()
    again = ops.json("replay", str(file), "--yes")
    conversation.wait_for_line("duplicate_suppressed")

    assert (first["status_before"], again["status_before"]) == (None, "initial_message_sent")
    assert len(conversation.messages) == 1


def test_closed_conversation_is_sent_again_only_on_purpose(
    ops: Ops, make_conversation: MakeConversation, tmp_path: Path
) -> None:
    conversation = make_conversation()
    file = tmp_path / "context.json"
    file.write_text(conversation.body(), encoding="utf-8")
    conversation.send()
    conversation.wait_until_sent()

    plain = ops("replay", str(file), "--yes")
    again = ops.json("replay", str(file), "--again", "--yes")

    assert "Nothing will go out" in plain.err
    assert again["again_after"] == conversation.conversation_id
    conversation.wait_for("the recipient has another message", lambda: conversation.messages, lambda got: len(got) == 2)
    found = ops.json("find", conversation.recipient_tel)["conversations"]
    assert {one["conversation_id"] for one in found} == {conversation.conversation_id, again["conversation_id"]}


# Stop, start, count


def test_everything_is_stopped_and_started_by_its_commands(ops: Ops, make_conversation: MakeConversation) -> None:
    conversation = make_conversation()
    try:
        paused = ops.json("pause", "--yes")
        conversation.send()
        doctor = ops("doctor", "--no-secrets")
        waiting = ops.json("pause")
    finally:
        resumed = ops.json("resume", "--yes")

    assert (paused["states"], paused["settled"]) == (["Disabled"], True)
    assert "ops resume" in doctor.out
    assert (waiting["changed"], waiting["waiting"] >= 1) == (False, True)
    assert resumed["states"] == ["Enabled"]
    conversation.wait_until_sent()


def test_what_was_sent_is_counted_for_its_company(ops: Ops, make_conversation: MakeConversation) -> None:
    conversation = make_conversation()
    conversation.send()
    conversation.wait_until_sent()
    conversation.wait_for_line("conversation_closed")

    answer = ops.json("stats", "--since", "1h", "--by", "company")

    rows = {row["name"]: row for row in answer["rows"]}
    assert rows["acme"]["sent"] >= 1
    assert rows["acme"]["tokens_in"] > 0


# The doctor


def test_doctor_finds_the_deployment_in_order(ops: Ops, needs: Callable[[Ability], None]) -> None:
    """Once it is: secrets are the account's, and tests of other lanes break some for a moment."""
    needs(Ability.VENDORS_SEEN_ALIKE)
    diagnosis = eventually(lambda: ops.json("doctor"), within_seconds=LIMIT_SECONDS)

    verdicts = {finding["check"]: finding["verdict"] for finding in diagnosis["findings"]}
    assert diagnosis["healthy"] is True, diagnosis
    assert {
        verdicts[check]
        for check in (
            "queue",
            "redrive policy",
            "table",
            "index",
            "function",
            "settings",
            "event source",
            "OpenAI key",
            "Twilio key",
        )
    } == {"ok"}
    assert {verdicts[check] for check in ("log group", "metric filter", "secret")} == {"ok"}
    assert verdicts["alarms"] in {"ok", "warn"}  # another test may have had one ring


def test_doctor_finds_deliveries_that_are_off(ops: Ops, deployment: Deployment) -> None:
    with deployment.paused():
        ended = ops("doctor", "--no-secrets")

    assert ended.exit_code == 1
    assert re.search(r"^fail +event source +disabled: messages wait on the queue$", ended.out, re.MULTILINE)


def test_doctor_finds_a_key_that_twilio_rejects_and_shows_none(
    ops: Ops, deployment: Deployment, needs: Callable[[Ability], None]
) -> None:
    needs(Ability.VENDORS_SEEN_ALIKE)
    name = "whatsapp-credentials/acme/rejected/twilio"
    wrong = {**json.loads(SECRETS[TEMPLATE_REFERENCE]), "twilio_auth_token": "a-rejected-token"}
    deployment.store_secret(name, json.dumps(wrong))

    ended = ops("doctor", "--secret", name)
    deployment.delete_secret(name)  # the other tests' deployment is in order

    assert ended.exit_code == 1
    assert re.search(r"^fail +Twilio key +Twilio rejected the credentials", ended.out, re.MULTILINE)
    assert "a-rejected-token" not in ended.out + ended.err


def test_doctor_says_what_an_environment_lacks_that_is_not_deployed(ops: Ops) -> None:
    diagnosis = ops.json("doctor", "--env", "nowhere", "--no-secrets", exit_code=1)

    failed = {finding["check"] for finding in diagnosis["findings"] if finding["verdict"] == "fail"}
    assert failed == {"queue", "DLQ", "table", "function", "log group", "alarms"}


# Trouble


def test_no_credentials_is_one_line() -> None:
    """Needs no stack."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPS_"))}
    nobody = {"AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}

    ended = Ops({**environ, **nobody, "AWS_SHARED_CREDENTIALS_FILE": os.devnull})("attention")

    assert (ended.exit_code, ended.out) == (3, "")
    assert ended.err.startswith("Error: There are no usable AWS credentials")
    assert ended.err.count("\n") == 1
