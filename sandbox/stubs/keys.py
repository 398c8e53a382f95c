"""Which credentials the stubs accept; keys come and go at run time, for rotation."""

import base64
import binascii
import threading
from collections.abc import Iterable, Mapping

OPENAI_KEY = "sk-stub-4f9d1c7a2b6e8035"
"""The OpenAI key accepted from the start."""

TWILIO_ACCOUNT_SID = "AC0123456789abcdef0123456789abcdef"
"""The Twilio account known from the start."""

TWILIO_AUTH_TOKEN = "7e1f5a9c3d2b48066a0c9e7d5b3f1a20"
"""The auth token of `TWILIO_ACCOUNT_SID` accepted from the start."""


class Keys:
    """Accepted OpenAI keys, and accepted auth tokens and API keys by Twilio account."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._openai = {OPENAI_KEY}
            self._twilio = {TWILIO_ACCOUNT_SID: {TWILIO_AUTH_TOKEN}}

    def change_openai(self, *, accept: Iterable[str] = (), revoke: Iterable[str] = ()) -> None:
        with self._lock:
            self._openai = (self._openai | set(accept)) - set(revoke)

    def change_twilio(self, account_sid: str, *, accept: Iterable[str] = (), revoke: Iterable[str] = ()) -> None:
        with self._lock:
            tokens = self._twilio.get(account_sid, set())
            self._twilio[account_sid] = (tokens | set(accept)) - set(revoke)

    def accepts_openai(self, key: str | None) -> bool:
        return key in self._openai

    def accepts_twilio(self, account_sid: str, user: str | None, token: str | None) -> bool:
        """Tell whether this user may act on the account: the account itself, or an API key of it (`SK...:secret`)."""
        accepted = self._twilio.get(account_sid, set())
        return f"{user}:{token}" in accepted or (user == account_sid and token in accepted)


def bearer_key(headers: Mapping[str, str]) -> str | None:
    """Return the key of `Authorization: Bearer ...`."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def basic_credentials(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return user and password of `Authorization: Basic ...`."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        user, found, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    return (user, password or None) if found else (None, None)
