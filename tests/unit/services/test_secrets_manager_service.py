"""Secrets Manager service: one read for all who wait, shapes, and failures that name the secret and never its value."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, NoCredentialsError

from core.errors import ProcessorError, SecretError, TransientError
from core.ports import TwilioCredentials
from services.secrets_manager_service import (
    MAX_SECRETS,
    SID_KINDS,
    SecretsManagerSecrets,
    classify,
    parse_openai,
    parse_twilio,
)
from utils.redaction import Secret

TWILIO, OPENAI = "whatsapp-credentials/acme/spring/twilio", "openai-api-key/whatsapp"
ACCOUNT_SID = "AC" + "1" * 32
TEMPLATE_SID, SERVICE_SID, KEY_SID = "HX" + "2" * 32, "MG" + "3" * 32, "SK" + "4" * 32
API_KEY = {"twilio_api_key_sid": KEY_SID, "twilio_api_key_secret": "key-secret"}
NO_LOGIN = "twilio_auth_token (or twilio_api_key_sid and twilio_api_key_secret)"
TWILIO_TEXT = json.dumps({"twilio_account_sid": ACCOUNT_SID, "twilio_auth_token": "token-1"})


@dataclass
class FakeClient:
    """The part of boto3's client that is used."""

    values: dict[str, Any] = field(default_factory=lambda: {TWILIO: TWILIO_TEXT, OPENAI: "sk-1"})
    error: Exception | None = None
    reads: list[str] = field(default_factory=list)
    while_reading: Callable[[], None] = lambda: None

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.reads.append(SecretId)
        self.while_reading()
        if self.error is not None:
            raise self.error
        return {"Name": SecretId, "SecretString": self.values[SecretId]}


@dataclass
class Time:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def make_secrets(client: FakeClient, time: Time | None = None, cache_seconds: float = 300) -> SecretsManagerSecrets:
    return SecretsManagerSecrets(client, cache_seconds, time or Time())  # type: ignore[arg-type]


# Cache


def test_a_secret_is_read_once_within_its_time() -> None:
    client, time = FakeClient(), Time()
    secrets = make_secrets(client, time)
    secrets.openai(OPENAI)
    client.values[OPENAI] = "sk-2"
    time.now += 299.9

    kept = secrets.openai(OPENAI)

    assert kept == Secret("sk-1")
    assert client.reads == [OPENAI]


def test_a_secret_is_read_anew_after_its_time() -> None:
    client, time = FakeClient(), Time()
    secrets = make_secrets(client, time)
    secrets.openai(OPENAI)
    client.values[OPENAI] = "sk-2"
    time.now += 300

    fresh = secrets.openai(OPENAI)

    assert fresh == Secret("sk-2")
    assert client.reads == [OPENAI, OPENAI]


def test_without_a_cache_every_use_reads() -> None:
    client = FakeClient()
    secrets = make_secrets(client, cache_seconds=0)

    secrets.openai(OPENAI)
    secrets.openai(OPENAI)

    assert client.reads == [OPENAI, OPENAI]


def test_threads_that_want_the_same_secret_read_it_once() -> None:
    client = FakeClient()
    reading, waiting = threading.Event(), threading.Barrier(10)

    def read_slowly() -> None:
        reading.set()
        waiting_threads_have_come.wait(5)

    waiting_threads_have_come = threading.Event()
    client.while_reading = read_slowly
    secrets = make_secrets(client)

    def want(number: int) -> Secret:
        waiting.wait(5)
        if number == 0:
            reading.wait(5)
            waiting_threads_have_come.set()
        return secrets.openai(OPENAI)

    with ThreadPoolExecutor(10) as executor:
        read = list(executor.map(want, range(10)))

    assert read == [Secret("sk-1")] * 10
    assert client.reads == [OPENAI]


def test_a_slow_secret_does_not_hold_up_another() -> None:
    client = FakeClient()
    secrets = make_secrets(client)
    read: list[Secret] = []

    def read_another() -> None:
        if client.reads == [TWILIO]:
            other = threading.Thread(target=lambda: read.append(secrets.openai(OPENAI)))
            other.start()
            other.join(5)

    client.while_reading = read_another

    secrets.twilio(TWILIO)

    assert read == [Secret("sk-1")]


def test_a_failed_read_is_not_kept() -> None:
    client = FakeClient(error=EndpointConnectionError(endpoint_url="https://secretsmanager"))
    secrets = make_secrets(client)
    with pytest.raises(TransientError):
        secrets.openai(OPENAI)
    client.error = None

    assert secrets.openai(OPENAI) == Secret("sk-1")


def test_a_secret_that_nobody_asks_for_again_leaves_the_memory() -> None:
    client, time = FakeClient(), Time()
    secrets = make_secrets(client, time)
    secrets.openai(OPENAI)
    time.now += 300

    secrets.twilio(TWILIO)

    assert in_memory(secrets) == [TWILIO]


def test_no_more_secrets_are_kept_than_the_bound() -> None:
    names = [f"openai-api-key/{number}" for number in range(MAX_SECRETS + 10)]
    client = FakeClient(values=dict.fromkeys(names, "sk-1"))
    secrets = make_secrets(client)

    for name in names:
        secrets.openai(name)

    assert in_memory(secrets) == names[10:]


def test_a_lock_lasts_as_long_as_it_is_waited_for() -> None:
    client = FakeClient()
    secrets = make_secrets(client)
    client.while_reading = lambda: locks.append(list(vars(secrets)["_reading"]))
    locks: list[list[str]] = []

    secrets.openai(OPENAI)

    assert locks == [[OPENAI]]
    assert vars(secrets)["_reading"] == {}


def test_a_failed_read_leaves_no_lock() -> None:
    client = FakeClient(error=EndpointConnectionError(endpoint_url="https://secretsmanager"))
    secrets = make_secrets(client)

    with pytest.raises(TransientError):
        secrets.openai(OPENAI)

    assert vars(secrets)["_reading"] == {}


def in_memory(secrets: SecretsManagerSecrets) -> list[str]:
    """Return the names of the secrets that are still there, whether they would be used or not."""
    return list(vars(vars(secrets)["_cache"])["_Cache__data"])


# References


@pytest.mark.parametrize("reference", [OPENAI, "arn:aws:secretsmanager:eu-west-1:1:secret:whatsapp-credentials/x", ""])
def test_a_forbidden_reference_is_not_even_read(reference: str) -> None:
    client = FakeClient()

    with pytest.raises(SecretError) as caught:
        make_secrets(client).twilio(reference)

    assert caught.value.code == "secret_reference_forbidden"
    assert client.reads == []


@pytest.mark.parametrize("reference", [TWILIO, "commsx/" + TWILIO, "eu/comms/" + TWILIO, "comms//" + TWILIO])
def test_a_reference_that_is_not_below_the_prefix_is_not_even_read(reference: str) -> None:
    client = FakeClient()
    secrets = SecretsManagerSecrets(client, 300, Time(), "comms")  # type: ignore[arg-type]

    with pytest.raises(SecretError) as caught:
        secrets.twilio(reference)

    assert caught.value.code == "secret_reference_forbidden"
    assert client.reads == []


# Shapes


@pytest.mark.parametrize(
    ("text", "credentials"),
    [
        pytest.param(TWILIO_TEXT, TwilioCredentials(ACCOUNT_SID, Secret("token-1")), id="free form"),
        pytest.param(
            json.dumps(
                {
                    "twilio_account_sid": f" {ACCOUNT_SID}\n",
                    "twilio_auth_token": "token-1\n",
                    "twilio_template_sid": TEMPLATE_SID,
                    "twilio_messaging_service_sid": SERVICE_SID,
                    "note": 5,
                }
            ),
            TwilioCredentials(ACCOUNT_SID, Secret("token-1"), TEMPLATE_SID, SERVICE_SID),
            id="everything, with white space around",
        ),
        pytest.param(
            json.dumps(
                {
                    "twilio_account_sid": ACCOUNT_SID,
                    "twilio_auth_token": "token-1",
                    "twilio_template_sid": "",
                    "twilio_messaging_service_sid": None,
                    "twilio_api_key_sid": "",
                    "twilio_api_key_secret": None,
                }
            ),
            TwilioCredentials(ACCOUNT_SID, Secret("token-1")),
            id="empty and null for none",
        ),
        pytest.param(
            json.dumps({"twilio_account_sid": ACCOUNT_SID, **API_KEY}),
            TwilioCredentials(ACCOUNT_SID, None, api_key_sid=KEY_SID, api_key_secret=Secret("key-secret")),
            id="an API key",
        ),
        pytest.param(
            json.dumps({"twilio_account_sid": ACCOUNT_SID, "twilio_auth_token": "token-1", **API_KEY}),
            TwilioCredentials(ACCOUNT_SID, Secret("token-1"), api_key_sid=KEY_SID, api_key_secret=Secret("key-secret")),
            id="an API key beside the token",
        ),
    ],
)
def test_a_twilio_secret_is_an_object(text: str, credentials: TwilioCredentials) -> None:
    assert parse_twilio(TWILIO, text) == credentials


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("token-secret", "must be a JSON object", id="text"),
        pytest.param('["token-secret"]', "must be a JSON object", id="a list"),
        pytest.param('"token-secret"', "must be a JSON object", id="a JSON text"),
        pytest.param('{"twilio_auth_token": "token-secret"', "must be a JSON object", id="cut off"),
        pytest.param("[" * 100_000, "must be a JSON object", id="deep"),
        pytest.param("{}", "lacks twilio_account_sid, " + NO_LOGIN, id="nothing"),
        pytest.param('{"twilio_auth_token": "token-secret"}', "lacks twilio_account_sid", id="no account"),
        pytest.param(
            json.dumps({"twilio_account_sid": ACCOUNT_SID, "twilio_auth_token": "  "}),
            f"lacks {NO_LOGIN}",
            id="blank token",
        ),
        pytest.param(
            '{"twilio_account_sid": 5, "twilio_auth_token": ["token-secret"]}',
            "must have a string as twilio_account_sid, twilio_auth_token",
            id="wrong types",
        ),
    ],
)
def test_a_twilio_secret_of_another_shape_is_refused_without_its_value(text: str, said: str) -> None:
    with pytest.raises(SecretError) as caught:
        parse_twilio(TWILIO, text)

    assert str(caught.value) == f"secret {TWILIO} {said}"
    assert caught.value.code == "secret_wrong_shape"
    assert "token-secret" not in repr(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        *(
            pytest.param({name: value}, f"must have {kind} and 32 hexadecimal digits as {name}", id=f"{name} {number}")
            for name, kind in SID_KINDS.items()
            for number, value in enumerate(
                [
                    "XX" + "1" * 32,
                    kind + "1" * 31,
                    kind + "1" * 33,
                    kind + "g" * 32,
                    kind.lower() + "1" * 32,
                    f"{kind}\u200b",
                ]
            )
        ),
        *(
            pytest.param(
                {name: f"token-secret{bad}"}, f"has a character in {name} that no password", id=f"{name} {bad!a}"
            )
            for name in ("twilio_auth_token", "twilio_api_key_secret")
            for bad in ("\u200b", "\ufeff", "\u00e9", " x", "\x00", "\x7f", "\n1", "\u2028x")
        ),
        pytest.param({"twilio_api_key_secret": None}, "lacks twilio_api_key_secret", id="half an API key"),
        pytest.param({"twilio_api_key_sid": ""}, "lacks twilio_api_key_sid", id="the other half"),
        pytest.param(
            {"twilio_account_sid": KEY_SID, "twilio_template_sid": SERVICE_SID},
            "must have AC and 32 hexadecimal digits as twilio_account_sid;"
            " must have HX and 32 hexadecimal digits as twilio_template_sid",
            id="two faults",
        ),
    ],
)
def test_a_twilio_secret_that_can_not_work_is_refused_before_anything_is_paid(
    changes: dict[str, Any], said: str
) -> None:
    secret = {"twilio_account_sid": ACCOUNT_SID, "twilio_auth_token": "token-1", **API_KEY, **changes}

    with pytest.raises(SecretError) as caught:
        parse_twilio(TWILIO, json.dumps(secret))

    assert str(caught.value).startswith(f"secret {TWILIO} {said}")
    assert caught.value.code == "secret_wrong_shape"
    assert "token-secret" not in str(caught.value)
    assert not any(value and value in str(caught.value) for value in changes.values())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"ai_api_key": "sk-1"}', id="an object"),
        pytest.param('{"ai_api_key": " sk-1\\n", "note": 5}', id="an object with more"),
        pytest.param("sk-1", id="the key itself"),
        pytest.param(" sk-1\n", id="white space around"),
    ],
)
def test_an_openai_secret_is_an_object_or_the_key_itself(text: str) -> None:
    assert parse_openai(OPENAI, text) == Secret("sk-1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('{"OPENAI_API_KEY": "sk-secret"}', "lacks ai_api_key", id="another name"),
        pytest.param('{"ai_api_key": ""}', "lacks ai_api_key", id="empty"),
        pytest.param('{"ai_api_key": ["sk-secret"]}', "lacks ai_api_key", id="a list"),
        pytest.param("   ", "lacks ai_api_key", id="blank"),
        pytest.param('["sk-secret"]', "is neither", id="a JSON list"),
        pytest.param('"sk-secret"', "is neither", id="a JSON text"),
        pytest.param('{"ai_api_key": "sk-secret"', "is neither", id="cut off"),
        pytest.param("sk-secret sk-other", "is neither", id="two"),
        pytest.param("sk-secrét", "is neither", id="no header can hold it"),
        pytest.param("sk-secr\u200bet", "is neither", id="an invisible character"),
        pytest.param("sk-secr\x00et", "is neither", id="a control character"),
    ],
)
def test_an_openai_secret_of_another_shape_is_refused_without_its_value(text: str, said: str) -> None:
    with pytest.raises(SecretError) as caught:
        parse_openai(OPENAI, text)

    assert str(caught.value).startswith(f"secret {OPENAI} {said}")
    assert "sk-secr" not in repr(caught.value)


@pytest.mark.parametrize("value", [None, ""])
def test_a_secret_without_a_text_is_missing(value: str | None) -> None:
    """A binary secret has none, nor has one that was created and not yet filled."""
    client = FakeClient(values={OPENAI: value})

    with pytest.raises(SecretError) as caught:
        make_secrets(client).openai(OPENAI)

    assert caught.value.code == "secret_not_found"


# Failures


@pytest.mark.parametrize(
    ("aws_code", "code", "said"),
    [
        ("ResourceNotFoundException", "secret_not_found", "does not exist"),
        ("InvalidRequestException", "secret_not_found", "deletion"),
        ("AccessDeniedException", "secret_access_denied", "may not be read"),
        ("DecryptionFailure", "secret_access_denied", "kms:Decrypt"),
        ("InvalidParameterException", "secret_reference_invalid", "invalid name"),
        ("ValidationException", "secret_reference_invalid", "invalid name"),
    ],
)
def test_what_redelivery_can_not_cure_says_what_to_do(aws_code: str, code: str, said: str) -> None:
    error = ClientError({"Error": {"Code": aws_code, "Message": "the text of the vendor"}}, "GetSecretValue")

    with pytest.raises(SecretError, match=said) as caught:
        make_secrets(FakeClient(error=error)).openai(OPENAI)

    assert caught.value.code == code
    assert OPENAI in str(caught.value)
    assert "text of the vendor" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ThrottlingException"}}, "GetSecretValue"),
        ClientError({"Error": {"Code": "InternalServiceError"}}, "GetSecretValue"),
        ClientError({}, "GetSecretValue"),
        ConnectTimeoutError(endpoint_url="https://secretsmanager"),
        NoCredentialsError(),
    ],
    ids=["throttled", "500", "no code", "timeout", "no credentials"],
)
def test_what_may_pass_is_transient(error: Exception) -> None:
    with pytest.raises(TransientError) as caught:
        make_secrets(FakeClient(error=error)).openai(OPENAI)

    assert isinstance(caught.value, ProcessorError)
    assert caught.value.code == "secrets_unavailable"


# Whose fault it is


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException", "InvalidRequestException"])
def test_a_secret_that_is_lost_is_the_setups_fault_and_one_that_never_was_is_not(code: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "no"}}, "GetSecretValue")

    lost, never = classify(error, TWILIO, known_good=True), classify(error, TWILIO, known_good=False)

    assert (lost.configuration, never.configuration) == (True, False)


def test_a_key_that_denies_shows_that_the_secret_exists() -> None:
    error = ClientError(
        {"Error": {"Code": "AccessDeniedException", "Message": "Access to KMS is not allowed"}}, "GetSecretValue"
    )

    assert classify(error, TWILIO, known_good=False).configuration
