"""Secrets Manager service: the vendors' secrets, cached and never shown."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from cachetools import TTLCache

from core.errors import ProcessorError, SecretError, TransientError
from core.ports import TwilioCredentials
from utils.known_good import KnownGood
from utils.redaction import Secret
from utils.secret_reference import SecretKind, reference_fault

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

SID_KINDS = {
    "twilio_account_sid": "AC",
    "twilio_api_key_sid": "SK",
    "twilio_template_sid": "HX",
    "twilio_messaging_service_sid": "MG",
}
"""The kind of thing that each SID must name. Source: Twilio, glossary, "What is a String Identifier (SID)?"."""

TWILIO_MEMBERS = (*SID_KINDS, "twilio_auth_token", "twilio_api_key_secret")

MAX_SECRETS = 256
"""Secrets that are kept at the same time; the one that was not used for longest makes room."""

_PASSWORD = re.compile(r"[!-~]+")
"""What a header of HTTP can carry and a vendor's key can hold: printable ASCII without white space."""

T = TypeVar("T", TwilioCredentials, Secret)

_PERMANENT = {
    "ResourceNotFoundException": ("secret_not_found", "does not exist, or has no value yet"),
    "AccessDeniedException": ("secret_access_denied", "may not be read by the function's role, or does not exist"),
    "DecryptionFailure": (
        "secret_access_denied",
        "can't be decrypted: the role lacks kms:Decrypt on its key",
    ),
    "InvalidRequestException": ("secret_not_found", "is marked for deletion"),
    "InvalidParameterException": ("secret_reference_invalid", "has an invalid name"),
    "ValidationException": ("secret_reference_invalid", "has an invalid name"),
}


class SecretsManagerSecrets:
    """`core.ports.Secrets` on AWS Secrets Manager.

    A secret is read once for all threads that wait for it.
    """

    def __init__(
        self,
        client: "SecretsManagerClient",
        cache_seconds: float,
        monotonic: Callable[[], float],
        name_prefix: str = "",
    ) -> None:
        """Make a source of secrets.

        Args:
            name_prefix: What every name must begin with.
        """
        self._client = client
        self._name_prefix = name_prefix
        self._lock = Lock()
        self._known_good = KnownGood()
        self._reading: dict[str, tuple[Lock, int]] = {}
        self._cache: TTLCache[str, TwilioCredentials | Secret] = TTLCache(MAX_SECRETS, cache_seconds, monotonic)

    def twilio(self, reference: str) -> TwilioCredentials:
        return self._get(reference, SecretKind.TWILIO, parse_twilio)

    def openai(self, reference: str) -> Secret:
        return self._get(reference, SecretKind.OPENAI, parse_openai)

    def drop(self, reference: str, rejected: TwilioCredentials | Secret) -> None:
        with self._lock:
            if self._cache.get(reference) == rejected:
                self._cache.pop(reference, None)

    def _get(self, reference: str, kind: SecretKind, parse: Callable[[str, str], T]) -> T:
        if fault := reference_fault(reference, kind, self._name_prefix):
            raise SecretError(f"the reference of this secret {fault}", code="secret_reference_forbidden")
        with self._alone(reference):
            with self._lock:
                self._cache.expire()  # no key stays longer than is said, whether anybody asks for it again or not
                cached = self._cache.get(reference)
            if cached is not None:
                return cached  # type: ignore[return-value]  # the kind decides the type
            secret = parse(reference, self._read(reference))
            self._known_good.add(reference)
            with self._lock:
                self._cache[reference] = secret
            return secret

    @contextmanager
    def _alone(self, reference: str) -> Iterator[None]:
        """Let one thread at a time work on a reference; there is a lock for as long as anybody waits for it."""
        with self._lock:
            lock, threads = self._reading.get(reference, (Lock(), 0))
            self._reading[reference] = lock, threads + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                _, threads = self._reading.pop(reference)
                if threads > 1:
                    self._reading[reference] = lock, threads - 1

    def _read(self, reference: str) -> str:
        try:
            answer = self._client.get_secret_value(SecretId=reference)
        except (ClientError, BotoCoreError) as exc:
            raise classify(exc, reference, known_good=reference in self._known_good) from exc
        text = answer.get("SecretString")
        if not text:
            raise SecretError(f"secret {reference} has no text value", code="secret_not_found", configuration=True)
        return text


def parse_twilio(reference: str, text: str) -> TwilioCredentials:
    """Read the Twilio secret.

    Raises:
        SecretError: It is not a JSON object with a valid account and the means to log in; all faults are named.
    """
    data = _json_object(text)
    if data is None:
        raise _wrong_shape(reference, "must be a JSON object")
    if bad := [name for name in TWILIO_MEMBERS if not isinstance(data.get(name, ""), str | None)]:
        raise _wrong_shape(reference, f"must have a string as {', '.join(bad)}")
    values = {name: (data.get(name) or "").strip() or None for name in TWILIO_MEMBERS}
    if faults := list(_twilio_faults(values)):
        raise _wrong_shape(reference, "; ".join(faults))
    token, key = values["twilio_auth_token"], values["twilio_api_key_secret"]
    return TwilioCredentials(
        account_sid=values["twilio_account_sid"] or "",
        auth_token=Secret(token) if token else None,
        template_sid=values["twilio_template_sid"],
        messaging_service_sid=values["twilio_messaging_service_sid"],
        api_key_sid=values["twilio_api_key_sid"],
        api_key_secret=Secret(key) if key else None,
    )


def _twilio_faults(values: Mapping[str, str | None]) -> Iterator[str]:
    account, token = values["twilio_account_sid"], values["twilio_auth_token"]
    key_sid, key_secret = values["twilio_api_key_sid"], values["twilio_api_key_secret"]
    missing = [] if account else ["twilio_account_sid"]
    if key_sid or key_secret:
        missing += [] if key_sid else ["twilio_api_key_sid"]
        missing += [] if key_secret else ["twilio_api_key_secret"]
    elif not token:
        missing.append("twilio_auth_token (or twilio_api_key_sid and twilio_api_key_secret)")
    if missing:
        yield f"lacks {', '.join(missing)}"
    for name, kind in SID_KINDS.items():
        if (value := values[name]) and not re.fullmatch(f"{kind}[0-9a-fA-F]{{32}}", value):
            yield f"must have {kind} and 32 hexadecimal digits as {name}"
    for name in ("twilio_auth_token", "twilio_api_key_secret"):
        if (value := values[name]) and not _PASSWORD.fullmatch(value):
            yield f"has a character in {name} that no password of Twilio has"


def parse_openai(reference: str, text: str) -> Secret:
    """Read the OpenAI secret: a JSON object with the string `ai_api_key`, or the key itself.

    Raises:
        SecretError: It is JSON of another shape, or no key.
    """
    data = _json_object(text)
    key = text if data is None else data.get("ai_api_key")
    if not isinstance(key, str) or not key.strip():
        raise _wrong_shape(reference, "lacks ai_api_key")
    key = key.strip()
    if not _PASSWORD.fullmatch(key) or key[0] in '[{"':
        raise _wrong_shape(reference, "is neither a JSON object with ai_api_key nor a key")
    return Secret(key)


def classify(exc: ClientError | BotoCoreError, reference: str, *, known_good: bool) -> ProcessorError:
    """Return the domain error for a failed read.

    A secret that was read before, or whose key may not be used, exists: then the setup is at fault, else perhaps the
    message that names it.
    """
    code = exc.response.get("Error", {}).get("Code", "") if isinstance(exc, ClientError) else type(exc).__name__
    if code in _PERMANENT:
        error_code, what = _PERMANENT[code]
        exists = known_good or code == "DecryptionFailure" or "KMS" in str(exc)
        return SecretError(f"secret {reference} {what}", code=error_code, configuration=exists)
    return TransientError(f"Secrets Manager: {code}", code="secrets_unavailable")


def _wrong_shape(reference: str, what: str) -> SecretError:
    return SecretError(f"secret {reference} {what}", code="secret_wrong_shape", configuration=True)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
