"""Keyring: a secret in use, renewed once when its vendor rejects it."""

from collections.abc import Callable
from typing import Generic, TypeVar

from core.errors import CredentialsRejectedError

S = TypeVar("S")
T = TypeVar("T")


class Keyring(Generic[S]):
    """One secret, read from the cache and read anew when a vendor answers 401 or 403."""

    def __init__(
        self,
        reference: str,
        read: Callable[[str], S],
        drop: Callable[[str, S], None],
        on_refresh: Callable[[], None],
    ) -> None:
        self._reference = reference
        self._read = read
        self._drop = drop
        self._on_refresh = on_refresh

    def value(self) -> S:
        """Return the secret.

        Raises:
            SecretError: It is missing, malformed, forbidden or may not be read.
            TransientError: Secrets Manager is not available.
        """
        return self._read(self._reference)

    def use(self, call: Callable[[S], T]) -> T:
        """Make a call with the secret, and once more if it was rejected and has been rotated since."""
        secret = self.value()
        try:
            return call(secret)
        except CredentialsRejectedError:
            self._drop(self._reference, secret)
            fresh = self.value()
            if fresh == secret:
                raise
        self._on_refresh()
        return call(fresh)
