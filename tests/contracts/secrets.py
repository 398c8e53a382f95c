"""Contract of `core.ports.Secrets`."""

from typing import Protocol

import pytest

from core.conversation import Mode
from core.errors import SecretError
from core.ports import Secrets, TwilioCredentials
from utils.redaction import Secret

TWILIO_REFERENCE = "whatsapp-credentials/acme/spring/twilio"
OPENAI_REFERENCE = "openai-api-key/whatsapp"
TEMPLATE = TwilioCredentials("AC" + "1" * 32, Secret("token-1"), "HX" + "1" * 32, "MG" + "1" * 32)
FREE_FORM = TwilioCredentials("AC" + "1" * 32, Secret("token-1"))
ROTATED = TwilioCredentials("AC" + "1" * 32, Secret("token-2"))


class SecretsLab(Protocol):
    @property
    def secrets(self) -> Secrets: ...

    def store_twilio(self, reference: str, credentials: TwilioCredentials) -> None:
        """Store a secret, or another value of it."""
        ...

    def store_openai(self, reference: str, key: Secret) -> None: ...

    def delete(self, reference: str) -> None: ...


class SecretsContract:
    """What the core relies on."""

    @pytest.fixture
    def lab(self) -> SecretsLab:
        raise NotImplementedError

    @pytest.mark.parametrize(
        ("credentials", "mode"), [(TEMPLATE, Mode.TEMPLATE), (FREE_FORM, Mode.FREE_FORM)], ids=["template", "free form"]
    )
    def test_a_twilio_secret_is_read_with_what_it_has(
        self, lab: SecretsLab, credentials: TwilioCredentials, mode: Mode
    ) -> None:
        lab.store_twilio(TWILIO_REFERENCE, credentials)

        read = lab.secrets.twilio(TWILIO_REFERENCE)

        assert read == credentials
        assert read.mode is mode

    def test_an_openai_secret_is_read(self, lab: SecretsLab) -> None:
        lab.store_openai(OPENAI_REFERENCE, Secret("sk-1"))

        assert lab.secrets.openai(OPENAI_REFERENCE) == Secret("sk-1")

    def test_every_reference_has_a_secret_of_its_own(self, lab: SecretsLab) -> None:
        lab.store_twilio(TWILIO_REFERENCE, TEMPLATE)
        lab.store_twilio("whatsapp-credentials/other/autumn/twilio", ROTATED)

        assert lab.secrets.twilio(TWILIO_REFERENCE) == TEMPLATE
        assert lab.secrets.twilio("whatsapp-credentials/other/autumn/twilio") == ROTATED

    def test_a_value_is_kept_until_it_is_dropped(self, lab: SecretsLab) -> None:
        lab.store_twilio(TWILIO_REFERENCE, FREE_FORM)
        first = lab.secrets.twilio(TWILIO_REFERENCE)
        lab.store_twilio(TWILIO_REFERENCE, ROTATED)

        kept = lab.secrets.twilio(TWILIO_REFERENCE)
        lab.secrets.drop(TWILIO_REFERENCE, kept)
        fresh = lab.secrets.twilio(TWILIO_REFERENCE)

        assert (first, kept, fresh) == (FREE_FORM, FREE_FORM, ROTATED)

    def test_dropping_an_old_value_leaves_a_newer_one(self, lab: SecretsLab) -> None:
        """Many threads find a key rejected; the first renews it, and the others must not undo that."""
        lab.store_openai(OPENAI_REFERENCE, Secret("sk-2"))
        lab.secrets.openai(OPENAI_REFERENCE)
        lab.store_openai(OPENAI_REFERENCE, Secret("sk-3"))

        lab.secrets.drop(OPENAI_REFERENCE, Secret("sk-1"))

        assert lab.secrets.openai(OPENAI_REFERENCE) == Secret("sk-2")

    def test_dropping_what_was_never_read_does_nothing(self, lab: SecretsLab) -> None:
        lab.store_openai(OPENAI_REFERENCE, Secret("sk-1"))

        lab.secrets.drop(OPENAI_REFERENCE, Secret("sk-1"))
        lab.secrets.drop(OPENAI_REFERENCE, Secret("sk-1"))

        assert lab.secrets.openai(OPENAI_REFERENCE) == Secret("sk-1")

    def test_a_secret_that_does_not_exist_is_named(self, lab: SecretsLab) -> None:
        with pytest.raises(SecretError, match="whatsapp-credentials/nobody/twilio") as caught:
            lab.secrets.twilio("whatsapp-credentials/nobody/twilio")

        assert caught.value.code == "secret_not_found"

    def test_a_secret_that_comes_to_exist_is_found(self, lab: SecretsLab) -> None:
        with pytest.raises(SecretError):
            lab.secrets.openai(OPENAI_REFERENCE)
        lab.store_openai(OPENAI_REFERENCE, Secret("sk-1"))

        assert lab.secrets.openai(OPENAI_REFERENCE) == Secret("sk-1")

    def test_a_deleted_secret_is_missing_once_it_is_dropped(self, lab: SecretsLab) -> None:
        lab.store_openai(OPENAI_REFERENCE, Secret("sk-1"))
        lab.secrets.openai(OPENAI_REFERENCE)
        lab.delete(OPENAI_REFERENCE)
        lab.secrets.drop(OPENAI_REFERENCE, Secret("sk-1"))

        with pytest.raises(SecretError) as caught:
            lab.secrets.openai(OPENAI_REFERENCE)

        assert caught.value.code == "secret_not_found"

    @pytest.mark.parametrize(
        "reference", [OPENAI_REFERENCE, "whatsapp-credential/x", "x/my-whatsapp-credentials/y", ""]
    )
    def test_a_tenant_can_not_name_a_secret_of_another_kind_as_its_credentials(
        self, lab: SecretsLab, reference: str
    ) -> None:
        lab.store_openai(OPENAI_REFERENCE, Secret("sk-1"))

        with pytest.raises(SecretError) as caught:
            lab.secrets.twilio(reference)

        assert caught.value.code == "secret_reference_forbidden"

    @pytest.mark.parametrize("reference", [TWILIO_REFERENCE, "openai-api-keys/x", "prod/database", ""])
    def test_a_tenant_can_not_name_a_secret_of_another_kind_as_its_key(self, lab: SecretsLab, reference: str) -> None:
        lab.store_twilio(TWILIO_REFERENCE, TEMPLATE)

        with pytest.raises(SecretError) as caught:
            lab.secrets.openai(reference)

        assert caught.value.code == "secret_reference_forbidden"
