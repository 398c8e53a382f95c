"""OpenAI client: what each failure means, by the code and never by the text."""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from openai import APIResponseValidationError, OpenAIError

from core.errors import CredentialsRejectedError, PermanentError, ProcessorError, TransientError
from sandbox.stubs import OPENAI_KEY, answer, delay, drop, openai_error, stall
from services.openai_client import (
    MAX_CLIENTS,
    MAX_ID_LENGTH,
    OpenAIClients,
    classify,
    poll_after_seconds,
    translated_errors,
    vendor_id,
    vendor_name,
)
from services.openai_http import MAX_ANSWER_BYTES
from tests.fakes.cost import MAX_CPU_SECONDS, MAX_MEMORY_BYTES, cpu_seconds, peak_memory_bytes
from tests.samples.hostile import OBJECTS
from tests.unit.stubbed.transports import StubTransports
from utils.redaction import Secret

KEY = Secret(OPENAI_KEY)
CREATE = "openai.conversations.create"


@pytest.fixture
def call(stubs: StubTransports) -> Callable[[], object]:
    """Create a conversation."""
    clients = OpenAIClients(None, stubs.openai())

    def create() -> object:
        with translated_errors():
            return clients.get(KEY).conversations.create(timeout=20)

    return create


def failed(status: int, code: str | None, type_: str = "invalid_request_error", **headers: str) -> Any:
    body = openai_error("the text of the vendor", type_=type_, code=code)
    return answer(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def failure(stubs: StubTransports, call: Callable[[], object], action: Any) -> ProcessorError:
    stubs.app.actions.add(action, operation=CREATE)
    with pytest.raises(ProcessorError) as caught:
        call()
    assert "text of the vendor" not in str(caught.value)
    return caught.value


# Refusals


@pytest.mark.parametrize(
    ("action", "code"),
    [
        pytest.param(failed(400, "context_length_exceeded"), "openai_context_length_exceeded", id="too long"),
        pytest.param(failed(400, "invalid_prompt"), "openai_invalid_prompt", id="prompt"),
        pytest.param(failed(400, "unsupported_value"), "openai_unsupported_value", id="value"),
        pytest.param(failed(400, None), "openai_invalid_request_error", id="type alone"),
        pytest.param(failed(404, "model_not_found"), "openai_model_not_found", id="model"),
        pytest.param(failed(404, None), "openai_invalid_request_error", id="unknown conversation"),
        pytest.param(failed(422, None), "openai_invalid_request_error", id="422"),
        pytest.param(failed(400, "A code, with text in it"), "openai_invalid_request_error", id="a code that is none"),
        pytest.param(failed(400, None, "Text!"), "openai_http_400", id="a type that is none"),
        pytest.param(answer(400, raw="<html>"), "openai_http_400", id="HTML"),
        pytest.param(answer(400, {"error": "text"}), "openai_http_400", id="a text for an error"),
        pytest.param(answer(400, []), "openai_http_400", id="a list"),
        pytest.param(failed(429, "insufficient_quota", "insufficient_quota"), "openai_insufficient_quota", id="quota"),
        pytest.param(
            failed(429, "credit_balance_exhausted", "insufficient_quota"),
            "openai_credit_balance_exhausted",
            id="credit",
        ),
        pytest.param(
            failed(429, "organization_spend_limit_exceeded", "insufficient_quota"),
            "openai_organization_spend_limit_exceeded",
            id="organization",
        ),
        pytest.param(
            failed(429, "project_spend_limit_exceeded", "insufficient_quota"),
            "openai_project_spend_limit_exceeded",
            id="project",
        ),
        pytest.param(
            failed(429, "organization_usage_limit_exceeded", "insufficient_quota"),
            "openai_organization_usage_limit_exceeded",
            id="usage",
        ),
        pytest.param(
            failed(429, "a_budget_of_tomorrow", "insufficient_quota"), "openai_a_budget_of_tomorrow", id="by its type"
        ),
    ],
)
def test_a_refusal_is_permanent_with_openais_code(
    stubs: StubTransports, call: Callable[[], object], action: Any, code: str
) -> None:
    error = failure(stubs, call, action)

    assert isinstance(error, PermanentError)
    assert not isinstance(error, CredentialsRejectedError)
    assert error.code == code


@pytest.mark.parametrize(
    ("action", "code"),
    [
        pytest.param(failed(401, "invalid_api_key"), "openai_invalid_api_key", id="wrong key"),
        pytest.param(failed(401, None), "openai_invalid_request_error", id="no code"),
        pytest.param(failed(403, "unsupported_country"), "openai_unsupported_country", id="country"),
    ],
)
def test_a_rejected_key_may_have_been_rotated(
    stubs: StubTransports, call: Callable[[], object], action: Any, code: str
) -> None:
    error = failure(stubs, call, action)

    assert isinstance(error, CredentialsRejectedError)
    assert error.code == code


LOCKED = "openai_conversation_locked"


@pytest.mark.parametrize(
    ("action", "code", "wait", "repeatable"),
    [
        pytest.param(failed(429, "rate_limit_exceeded"), "openai_rate_limit_exceeded", None, True, id="rate"),
        pytest.param(
            failed(429, "rate_limit_exceeded", retry_after="7"),
            "openai_rate_limit_exceeded",
            7.0,
            True,
            id="rate, wish",
        ),
        pytest.param(failed(429, "slow_down", "rate_limit_error"), "openai_slow_down", None, True, id="slow down"),
        pytest.param(answer(429, raw=""), "openai_http_429", None, True, id="429 without a body"),
        pytest.param(
            failed(503, "server_is_overloaded", "service_unavailable_error", retry_after="3"),
            "openai_server_is_overloaded",
            3.0,
            True,
            id="overloaded",
        ),
        pytest.param(failed(400, "conversation_locked"), LOCKED, 5.0, True, id="locked"),
        pytest.param(failed(500, "server_error", "server_error"), "openai_server_error", None, False, id="500"),
        pytest.param(answer(502, raw="<html>"), "openai_http_502", None, False, id="502 in HTML"),
        pytest.param(answer(504, raw=""), "openai_http_504", None, False, id="504"),
        pytest.param(failed(408, None, "timeout"), "openai_timeout", None, False, id="408"),
        pytest.param(failed(409, "conflict"), "openai_conflict", None, False, id="409"),
        pytest.param(drop(), "openai_unreachable", None, False, id="reset before the effect"),
        pytest.param(drop(after_effect=True), "openai_unreachable", None, False, id="reset after the effect"),
        pytest.param(delay(25), "openai_timeout", None, False, id="late"),
        pytest.param(stall(1), "openai_unreachable", None, False, id="half an answer"),
        pytest.param(answer(200, raw="<html>"), "openai_unreadable", None, False, id="200 in HTML"),
        pytest.param(answer(200, raw=""), "openai_unreadable", None, False, id="200 without a body"),
        pytest.param(answer(200, [1]), "openai_unreadable", None, False, id="200, a list"),
    ],
)
def test_what_may_pass_is_transient_and_repeated_at_once_only_if_it_had_no_effect(
    stubs: StubTransports, action: Any, code: str, wait: float | None, repeatable: bool
) -> None:
    clients = OpenAIClients(None, stubs.openai())

    def create() -> object:
        with translated_errors():
            return clients.get(KEY).conversations.create(timeout=20).id

    error = failure(stubs, create, action)

    assert isinstance(error, TransientError)
    assert (error.code, error.retry_after_seconds, error.repeatable) == (code, wait, repeatable)


@pytest.mark.parametrize(
    "text",
    [
        "Thread thread_1 already has an active run run_1.",
        "Can't add messages to thread_1 while a run run_1 is active.",
    ],
)
def test_a_busy_thread_has_no_code_and_is_known_by_its_text(
    stubs: StubTransports, call: Callable[[], object], text: str
) -> None:
    error = failure(stubs, call, answer(400, openai_error(text)))

    assert isinstance(error, TransientError)
    assert (error.code, error.retry_after_seconds) == (LOCKED, 5.0)


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), httpx2.ConnectTimeout("timed out")])
def test_without_a_connection_a_call_may_be_repeated(
    stubs: StubTransports, call: Callable[[], object], error: Exception
) -> None:
    stubs.broken["openai"].append(error)

    with pytest.raises(TransientError) as caught:
        call()

    assert caught.value.repeatable


@pytest.mark.parametrize(
    "error",
    [httpx2.ReadError("reset"), httpx2.WriteError("broken pipe"), httpx2.ReadTimeout("x"), httpx2.PoolTimeout("x")],
)
def test_a_connection_that_broke_may_have_had_an_effect(
    stubs: StubTransports, call: Callable[[], object], error: Exception
) -> None:
    stubs.broken["openai"].append(error)

    with pytest.raises(TransientError) as caught:
        call()

    assert not caught.value.repeatable


def test_a_call_that_only_reads_may_always_be_repeated(stubs: StubTransports) -> None:
    stubs.app.actions.add(failed(500, "server_error"), operation=CREATE)
    clients = OpenAIClients(None, stubs.openai())

    with pytest.raises(TransientError) as caught, translated_errors(repeatable=True):
        clients.get(KEY).conversations.create(timeout=20)

    assert caught.value.repeatable


def test_a_call_that_only_reads_is_not_repeated_after_a_refusal(stubs: StubTransports) -> None:
    stubs.app.actions.add(failed(400, "invalid_prompt"), operation=CREATE)
    clients = OpenAIClients(None, stubs.openai())

    with pytest.raises(PermanentError), translated_errors(repeatable=True):
        clients.get(KEY).conversations.create(timeout=20)


def test_any_other_failure_of_the_sdk_is_transient() -> None:
    response = httpx2.Response(200, request=httpx2.Request("GET", "https://api.openai.com"))

    assert isinstance(classify(OpenAIError("text")), TransientError)
    assert isinstance(classify(APIResponseValidationError(response, body=None)), ProcessorError)


def test_domain_errors_pass_unchanged() -> None:
    error = PermanentError("ours", code="ours")

    with pytest.raises(PermanentError) as caught, translated_errors():
        raise error

    assert caught.value is error


# Clients


def test_the_sdk_repeats_nothing_on_its_own(stubs: StubTransports, call: Callable[[], object]) -> None:
    stubs.app.actions.add(answer(500), operation=CREATE, times=None)

    with pytest.raises(TransientError):
        call()

    assert len(stubs.requests) == 1


def test_every_key_has_a_client_of_its_own_that_is_kept(stubs: StubTransports) -> None:
    clients = OpenAIClients(None, stubs.openai())

    assert clients.get(KEY) is clients.get(Secret(OPENAI_KEY))
    assert clients.get(Secret("sk-other")) is not clients.get(KEY)


def test_clients_of_all_keys_share_one_transport() -> None:
    clients = OpenAIClients(None)

    keys = [clients.get(Secret(f"sk-{number}")) for number in range(MAX_CLIENTS + 1)]

    assert len({id(key._client) for key in keys}) == 1
    assert {key.api_key for key in keys} == {f"sk-{number}" for number in range(MAX_CLIENTS + 1)}
    assert {(str(key.base_url), key.max_retries) for key in keys} == {("https://api.openai.com/v1/", 0)}


def test_clients_of_old_keys_are_let_go(stubs: StubTransports) -> None:
    clients = OpenAIClients(None, stubs.openai())
    first = clients.get(Secret("sk-0"))

    for number in range(1, MAX_CLIENTS + 1):
        clients.get(Secret(f"sk-{number}"))

    assert clients.get(Secret("sk-0")) is not first
    assert clients.get(Secret(f"sk-{MAX_CLIENTS}")) is clients.get(Secret(f"sk-{MAX_CLIENTS}"))


def test_a_client_is_let_go_when_its_key_is_too_old(stubs: StubTransports) -> None:
    now = 1000.0
    clients = OpenAIClients(None, stubs.openai(), 300, lambda: now)
    first = clients.get(Secret("sk-0"))
    now += 299
    assert clients.get(Secret("sk-0")) is first
    now += 1

    clients.get(Secret("sk-1"))

    assert [key.reveal() for key in vars(vars(clients)["_clients"])["_Cache__data"]] == ["sk-1"]


def test_nothing_of_the_environment_is_used(stubs: StubTransports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.test/v1")
    clients = OpenAIClients(None, stubs.openai())

    client = clients.get(KEY)

    assert (client.api_key, str(client.base_url)) == (OPENAI_KEY, "https://api.openai.com/v1/")


def test_the_base_url_can_be_another(stubs: StubTransports) -> None:
    client = OpenAIClients("https://compatible.test/v1", stubs.openai()).get(KEY)

    assert str(client.base_url) == "https://compatible.test/v1/"


# Words of the vendor


@pytest.mark.parametrize("text", ["server_error", "a", "x" * 64, "gpt_5_1"])
def test_a_code_is_taken_over(text: str) -> None:
    assert vendor_name(text) == text


@pytest.mark.parametrize("text", [None, "", 5, "x" * 65, "Has Text", "+447700900123", "a-b", "a\n", ["a"]])
def test_what_is_no_code_is_not(text: object) -> None:
    assert vendor_name(text) is None


@pytest.mark.parametrize(("header", "seconds"), [("1500", 1.5), ("0", 0.0), (None, None), ("soon", None)])
def test_the_wish_for_the_next_poll_is_read(header: str | None, seconds: float | None) -> None:
    assert poll_after_seconds(header) == seconds


# One HTTP client for all companies


class Wire:
    """Answers every request alike, and keeps what was asked."""

    def __init__(self, status: int = 200, body: bytes = b'{"id": "conv_1"}', **headers: str) -> None:
        self._status, self._body = status, body
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.requests: list[httpx2.Request] = []
        self.sent_bytes = 0
        self.clients = OpenAIClients(None, httpx2.MockTransport(self._answer))

    def ask(self, key: str = "sk-first") -> Any:
        with translated_errors():
            return self.clients.post(Secret(key), ("conversations",), {}, timeout_seconds=5)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(self._status, headers=self._headers, stream=Stream(self))

    def stream(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), 65536):
            chunk = self._body[start : start + 65536]
            self.sent_bytes += len(chunk)
            yield chunk


class Stream(httpx2.SyncByteStream):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def __iter__(self) -> Iterator[bytes]:
        return self._wire.stream()


def test_a_cookie_for_one_company_is_in_no_request_of_another() -> None:
    wire = Wire(set_cookie="company=first; Path=/; Domain=openai.com")

    wire.ask("sk-first")
    wire.ask("sk-second")
    wire.ask("sk-first")

    assert [request.headers.get("cookie") for request in wire.requests] == [None] * 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_answer_sends_a_request_elsewhere(status: int) -> None:
    """The request has the key and what is known of a person."""
    wire = Wire(status, location="https://elsewhere.test/v1/conversations")

    with pytest.raises(PermanentError) as caught:
        wire.ask()

    assert caught.value.code == f"openai_http_{status}"
    assert len(wire.requests) == 1


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_is_read_up_to_a_limit(status: int) -> None:
    wire = Wire(status, b" " * MAX_ANSWER_BYTES * 3)

    with pytest.raises(TransientError) as caught:
        wire.ask()

    assert caught.value.code == "openai_unreadable"
    assert wire.sent_bytes <= MAX_ANSWER_BYTES + 65536


def test_an_answer_as_long_as_the_limit_is_read() -> None:
    answer = b'{"id": "conv_1"}'

    assert Wire(body=answer + b" " * (MAX_ANSWER_BYTES - len(answer))).ask().body == {"id": "conv_1"}


def test_an_answer_is_not_unpacked() -> None:
    """A kilobyte unpacks to a megabyte."""
    wire = Wire(body=gzip.compress(b'{"id": "conv_1"}'), content_encoding="gzip")

    with pytest.raises(TransientError) as caught:
        wire.ask()

    assert caught.value.code == "openai_unreadable"
    assert wire.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("name", ["members", "a list of empty objects", "a list of numbers", "a list of large numbers"])
def test_no_answer_is_dear_to_read(name: str) -> None:
    wire = Wire(body=OBJECTS[name](MAX_ANSWER_BYTES).encode())

    assert cpu_seconds(wire.ask) < MAX_CPU_SECONDS


def test_no_answer_takes_much_memory() -> None:
    wire = Wire(body=OBJECTS["a list of empty objects"](MAX_ANSWER_BYTES).encode())

    assert peak_memory_bytes(wire.ask) < MAX_MEMORY_BYTES


def test_a_message_that_is_searched_for_a_busy_thread_is_searched_once() -> None:
    message = "while a run " * 10_000

    assert cpu_seconds(Wire(400, json.dumps(openai_error(message)).encode()).ask) < MAX_CPU_SECONDS


def test_an_answer_nested_without_end_can_not_be_read() -> None:
    with pytest.raises(TransientError) as caught:
        Wire(body=b'{"a":' * 100_000).ask()

    assert caught.value.code == "openai_unreadable"


@pytest.mark.parametrize("value", [None, "", 5, "x" * (MAX_ID_LENGTH + 1)])
def test_what_is_no_id_is_not_kept(value: object) -> None:
    with pytest.raises(ValueError, match="without an id"):
        vendor_id(value)
