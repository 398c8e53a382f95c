"""Secrets Manager in memory, with the cache that the adapter has."""

from core.errors import SecretError
from core.ports import TwilioCredentials
from utils.redaction import Secret

TWILIO_REFERENCE = "whatsapp-credentials/acme/spring/twilio"
OPENAI_REFERENCE = "openai-api-key/whatsapp"
TWILIO = TwilioCredentials("AC" + "0" * 32, Secret("twilio-token-1"), "HX" + "1" * 32)
TWILIO_FREE_FORM = TwilioCredentials("AC" + "0" * 32, Secret("twilio-token-1"))
OPENAI = Secret("sk-test-1")


class InMemorySecrets:
    """The secrets as they are stored (`twilio_secrets`, `openai_secrets`) and as they were last read (`cache`)."""

    def __init__(self) -> None:
        self.twilio_secrets: dict[str, TwilioCredentials] = {TWILIO_REFERENCE: TWILIO}
        self.openai_secrets: dict[str, Secret] = {OPENAI_REFERENCE: OPENAI}
        self.cache: dict[str, TwilioCredentials | Secret] = {}
        self.reads: list[str] = []

    def twilio(self, reference: str) -> TwilioCredentials:
        secret = self._get(reference, self.twilio_secrets)
        assert isinstance(secret, TwilioCredentials)
        return secret

    def openai(self, reference: str) -> Secret:
        secret = self._get(reference, self.openai_secrets)
        assert isinstance(secret, Secret)
        return secret

    def drop(self, reference: str, rejected: TwilioCredentials | Secret) -> None:
        if self.cache.get(reference) == rejected:
            del self.cache[reference]

    def _get(
        self, reference: str, stored: dict[str, TwilioCredentials] | dict[str, Secret]
    ) -> TwilioCredentials | Secret:
        if reference not in self.cache:
            self.reads.append(reference)
            if reference not in stored:
                raise SecretError(f"secret {reference} does not exist, or has no value yet", code="secret_not_found")
            self.cache[reference] = stored[reference]
        return self.cache[reference]
