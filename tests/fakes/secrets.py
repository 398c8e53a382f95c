"""Secrets Manager in memory, with the cache that the adapter has."""

from core.errors import SecretError
from core.ports import TwilioCredentials
from sandbox.context_objects import OPENAI_REFERENCE, TWILIO_REFERENCE
from utils.redaction import Secret
from utils.secret_reference import SecretKind, reference_fault

TWILIO = TwilioCredentials("AC" + "0" * 32, Secret("twilio-token-1"), "HX" + "1" * 32)
TWILIO_FREE_FORM = TwilioCredentials("AC" + "0" * 32, Secret("twilio-token-1"))
OPENAI = Secret("sk-test-1")


class SecretsSource:
    """Secrets Manager itself."""

    def __init__(self) -> None:
        self.twilio: dict[str, TwilioCredentials] = {TWILIO_REFERENCE: TWILIO}
        self.openai: dict[str, Secret] = {OPENAI_REFERENCE: OPENAI}
        self.reads: list[str] = []

    def read(self, reference: str) -> TwilioCredentials | Secret:
        self.reads.append(reference)
        secret = self.twilio.get(reference) or self.openai.get(reference)
        if secret is None:
            raise SecretError(f"secret {reference} does not exist, or has no value yet", code="secret_not_found")
        return secret


class InMemorySecrets:
    """Secrets with the cache that the adapter has: `source` is what is stored, `cache` what was last read."""

    def __init__(self, source: SecretsSource | None = None) -> None:
        self.source = source or SecretsSource()
        self.cache: dict[str, TwilioCredentials | Secret] = {}

    @property
    def twilio_secrets(self) -> dict[str, TwilioCredentials]:
        return self.source.twilio

    @property
    def openai_secrets(self) -> dict[str, Secret]:
        return self.source.openai

    @property
    def reads(self) -> list[str]:
        return self.source.reads

    def twilio(self, reference: str) -> TwilioCredentials:
        secret = self._get(reference, SecretKind.TWILIO)
        assert isinstance(secret, TwilioCredentials)
        return secret

    def openai(self, reference: str) -> Secret:
        secret = self._get(reference, SecretKind.OPENAI)
        assert isinstance(secret, Secret)
        return secret

    def drop(self, reference: str, rejected: TwilioCredentials | Secret) -> None:
        if self.cache.get(reference) == rejected:
            del self.cache[reference]

    def _get(self, reference: str, kind: SecretKind) -> TwilioCredentials | Secret:
        if fault := reference_fault(reference, kind):
            raise SecretError(f"the reference of this secret {fault}", code="secret_reference_forbidden")
        if reference not in self.cache:
            self.cache[reference] = self.source.read(reference)
        return self.cache[reference]
