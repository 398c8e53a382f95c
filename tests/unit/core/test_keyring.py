"""Keyring: a rejected secret is read once more, and tried again only if it is another one."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from core.errors import CredentialsRejectedError, PermanentError, SecretError, TransientError
from core.keyring import Keyring

REFERENCE = "openai-api-key/whatsapp"


@dataclass
class Vault:
    """A secret behind a cache, and a vendor that accepts one value of it."""

    stored: str = "key-1"
    cached: str | None = "key-1"
    accepted: str = "key-1"
    used: list[str] = field(default_factory=list)
    refreshes: int = 0

    def keyring(self) -> Keyring[str]:
        return Keyring(REFERENCE, self._read, self._drop, self._refreshed)

    def call(self, key: str) -> str:
        self.used.append(key)
        if key != self.accepted:
            raise CredentialsRejectedError("401")
        return f"answer to {key}"

    def _read(self, reference: str) -> str:
        assert reference == REFERENCE
        if self.cached is None:
            self.cached = self.stored
        return self.cached

    def _drop(self, reference: str, rejected: str) -> None:
        assert reference == REFERENCE
        if self.cached == rejected:
            self.cached = None

    def _refreshed(self) -> None:
        self.refreshes += 1


def test_an_accepted_secret_is_used_once() -> None:
    vault = Vault()

    answer = vault.keyring().use(vault.call)

    assert answer == "answer to key-1"
    assert vault.used == ["key-1"]
    assert vault.refreshes == 0


def test_a_rotated_secret_is_read_anew_and_used() -> None:
    vault = Vault(stored="key-2", accepted="key-2")

    answer = vault.keyring().use(vault.call)

    assert answer == "answer to key-2"
    assert vault.used == ["key-1", "key-2"]
    assert vault.refreshes == 1


def test_a_rejected_secret_that_was_not_rotated_is_not_tried_again() -> None:
    """Vendors lock accounts out that keep coming with a wrong key."""
    vault = Vault(accepted="key-9")

    with pytest.raises(CredentialsRejectedError):
        vault.keyring().use(vault.call)

    assert vault.used == ["key-1"]
    assert vault.refreshes == 0


def test_a_fresh_secret_that_is_rejected_too_is_not_tried_a_third_time() -> None:
    vault = Vault(stored="key-2", accepted="key-9")

    with pytest.raises(CredentialsRejectedError):
        vault.keyring().use(vault.call)

    assert vault.used == ["key-1", "key-2"]


@pytest.mark.parametrize("error", [PermanentError("400"), TransientError("503"), SecretError("gone")])
def test_any_other_error_leaves_the_secret_alone(error: Exception) -> None:
    vault = Vault(stored="key-2")

    with pytest.raises(type(error)):
        vault.keyring().use(raising(error))

    assert vault.cached == "key-1"


def test_what_the_second_call_raises_is_what_counts() -> None:
    vault = Vault(stored="key-2")
    calls = iter([CredentialsRejectedError("401"), TransientError("503")])

    with pytest.raises(TransientError):
        vault.keyring().use(lambda _: raising(next(calls))("any"))


def raising(error: Exception) -> Callable[[str], str]:
    def call(_: str) -> str:
        raise error

    return call
