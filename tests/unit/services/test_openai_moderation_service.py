"""OpenAI's moderation: its verdict, and nothing that could be taken for one."""

from typing import Any

import pytest

from core.errors import ProcessorError, TransientError
from sandbox.stubs import OPENAI_KEY, answer
from sandbox.stubs.openapi_check import validate_journal
from sandbox.stubs.payloads import moderation
from services.openai_client import OpenAIClients
from services.openai_moderation_service import OpenAIModeration
from tests.unit.stubbed.transports import StubTransports
from utils.redaction import Secret

CREATE = "openai.moderations.create"


def ask(stubs: StubTransports, text: str = "Hello Ana") -> bool:
    return OpenAIModeration(OpenAIClients(None, stubs.openai())).flags(text, Secret(OPENAI_KEY), 5.0)


def test_the_text_is_shown_and_the_verdict_is_read(stubs: StubTransports) -> None:
    assert ask(stubs) is False

    (exchange,) = stubs.app.journal.find(operation=CREATE)
    assert "Hello Ana" in exchange.body
    assert validate_journal([exchange]) == []


@pytest.mark.parametrize("verdicts", [[True], [False, True]])
def test_a_text_is_flagged_if_any_part_of_it_is(stubs: StubTransports, verdicts: list[bool]) -> None:
    body = moderation(flagged=False) | {"results": [{"flagged": verdict} for verdict in verdicts]}
    stubs.app.actions.add(answer(200, body), operation=CREATE)

    assert ask(stubs) is True


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"results": []}, id="no verdict"),
        pytest.param({"results": [{}]}, id="no word"),
        pytest.param({"results": [{"flagged": None}]}, id="null"),
        pytest.param({"results": [{"flagged": "false"}]}, id="text"),
        pytest.param({"results": [{"flagged": False}, {}]}, id="half"),
        pytest.param([], id="list"),
    ],
)
def test_an_answer_without_a_verdict_is_none(stubs: StubTransports, body: Any) -> None:
    stubs.app.actions.add(answer(200, body), operation=CREATE)

    with pytest.raises(TransientError) as caught:
        ask(stubs)

    assert caught.value.code == "openai_unreadable"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_moderation_that_fails_says_nothing(stubs: StubTransports, status: int) -> None:
    stubs.app.actions.add(answer(status, {"error": {"message": "no", "type": "x", "code": None}}), operation=CREATE)

    with pytest.raises(ProcessorError):
        ask(stubs)
