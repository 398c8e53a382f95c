"""The leak search finds what must not be in a log, and nothing else."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.harness.function_log import LogLine
from sandbox.stubs import OPENAI_KEY, TWILIO_AUTH_TOKEN
from tests.integration.leaks import find_leaks

TEXT = "Hello Ana, this is Acme Coffee."
OLD_KEY = "sk-before-the-rotation"


class NotFoundError(Exception):
    """Stands for Secrets Manager's ResourceNotFoundException."""


class Secrets:
    """Two secrets: one that was rotated, one without a value."""

    exceptions = SimpleNamespace(ResourceNotFoundException=NotFoundError)

    def get_paginator(self, _: str) -> Any:
        page = {"SecretList": [{"Name": "rotated"}, {"Name": "empty"}]}
        return SimpleNamespace(paginate=lambda: [page])

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        if SecretId == "empty":
            raise NotFoundError
        key = OLD_KEY if VersionStage == "AWSPREVIOUS" else OPENAI_KEY
        return {"SecretString": json.dumps({"ai_api_key": key})}


def stack_that_logged(*texts: str) -> Any:
    def line(text: str) -> LogLine:
        try:
            return LogLine(0, text, json.loads(text))
        except ValueError:
            return LogLine(0, text, None)

    record = {"recipient_tel": "+447700900814", "recipient_first_name": "Anabel", "recipient_email": "ana@example.com"}
    log = SimpleNamespace(lines=lambda: [line(text) for text in texts])
    message = {"body": TEXT, "content_variables": '{"1": "Spring hiring", "2": "x"}'}
    return SimpleNamespace(
        deployments=[SimpleNamespace(log=log, records=lambda: [record])],
        stubs=SimpleNamespace(messages=lambda: [message]),
        aws=SimpleNamespace(client=lambda _: Secrets()),
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f'{{"event": "x", "key": "{OPENAI_KEY}"}}', id="key"),
        pytest.param(f"Traceback: {TWILIO_AUTH_TOKEN}", id="token outside JSON"),
        pytest.param(f'{{"event": "x", "key": "{OLD_KEY}"}}', id="key before its rotation"),
        pytest.param('{"event": "x", "recipient": "+447700900814"}', id="number of the record"),
        pytest.param('{"event": "x", "to": "whatsapp:+12025550123"}', id="another full number"),
        pytest.param('{"event": "x", "to": "447700900999"}', id="number without its plus"),
        pytest.param('{"event": "x", "name": "Anabel"}', id="name"),
        pytest.param('{"event": "x", "error": "ana@example.com is no number"}', id="address"),
        pytest.param(f'{{"event": "x", "text": "{TEXT}"}}', id="text of a message"),
        pytest.param('{"event": "x", "variables": ["Spring hiring"]}', id="variable of a template"),
    ],
)
def test_what_must_not_be_logged_is_found(text: str) -> None:
    faults = find_leaks(stack_that_logged('{"event": "batch_finished"}', text))

    assert faults
    assert all(text in fault for fault in faults)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("START RequestId: 1c41cade-4957-4e89-8025-ccf585e060dd Version: $LATEST", id="line of Lambda's"),
        pytest.param('{"event": "x", "recipient": "+44******0814", "duration_ms": 1348}', id="masked number"),
        pytest.param('{"event": "x", "message_sid": "SM8bd8e38cb9dfc7a0a5b0d46d649171cd"}', id="SID"),
        pytest.param('{"_aws": {"Timestamp": 1795388478250}, "MessagesSent": 1}', id="time of a metric"),
    ],
)
def test_what_may_be_logged_is_not_found(text: str) -> None:
    assert find_leaks(stack_that_logged(text)) == []


def test_log_without_a_line_proves_nothing() -> None:
    (fault,) = find_leaks(stack_that_logged())

    assert "nothing at all" in fault
