"""The secrets in memory pass the contract of the real ones."""

import pytest

from core.ports import TwilioCredentials
from tests.contracts.secrets import SecretsContract, SecretsLab
from tests.fakes.secrets import InMemorySecrets
from utils.redaction import Secret


class FakeLab:
    def __init__(self) -> None:
        self.secrets = InMemorySecrets()
        self.secrets.twilio_secrets.clear()
        self.secrets.openai_secrets.clear()

    def store_twilio(self, reference: str, credentials: TwilioCredentials) -> None:
        self.secrets.twilio_secrets[reference] = credentials

    def store_openai(self, reference: str, key: Secret) -> None:
        self.secrets.openai_secrets[reference] = key

    def delete(self, reference: str) -> None:
        self.secrets.twilio_secrets.pop(reference, None)
        self.secrets.openai_secrets.pop(reference, None)


class TestInMemorySecrets(SecretsContract):
    @pytest.fixture
    def lab(self) -> SecretsLab:
        return FakeLab()
