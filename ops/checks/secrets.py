"""Checks of the secrets' shapes, and of the vendors' keys and template in them. No value is ever printed."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from core.errors import ProcessorError
from core.ports import TwilioCredentials
from ops.answers import Finding, fail, not_checked, ok, skip
from ops.aws_errors import asking_for
from ops.errors import AwsError
from ops.patient import Patient
from ops.vendors import Vendors
from services.secrets_manager_service import SecretsManagerSecrets
from utils.redaction import Secret
from utils.secret_reference import SecretKind, kind_of, with_slash
from utils.settings import Settings, SettingsError

S = TypeVar("S", Secret, TwilioCredentials)

STORE = "Store its value as docs/deploying.md says, step 3"
READ = "Ask for secretsmanager:GetSecretValue, or pass --no-secrets."

DENIED = "secret_access_denied"


def check_secrets(names: Iterable[str], vendors: Vendors) -> Callable[[Patient], Iterator[Finding]]:
    """Return the check of these secrets, or of all that the function could read."""
    chosen = list(names)

    def check(patient: Patient) -> Iterator[Finding]:
        try:
            settings = patient.settings
        except (SettingsError, AwsError):
            settings = None
            yield skip("vendors", "not asked, as the function's settings are not known")
        prefix = settings.secret_name_prefix if settings else ""
        found = chosen or _names(patient, prefix)
        for kind in (SecretKind.OPENAI, SecretKind.TWILIO):
            if not chosen and not any(kind_of(name, prefix) is kind for name in found):
                yield fail(
                    "secrets",
                    f"there is no secret {with_slash(prefix)}{kind}/...",
                    f"{patient.deploy}, then: {STORE}",
                )
        secrets = SecretsManagerSecrets(patient.aws.secrets, 0, lambda: 0.0, prefix)
        for name in found:
            yield from _check_one(name, secrets, vendors, settings)

    return check


def _names(patient: Patient, prefix: str) -> list[str]:
    """Return the names of all secrets that the function could be told to read."""
    with asking_for("the secrets", patient.aws.where):
        pages = patient.aws.secrets.get_paginator("list_secrets").paginate(
            Filters=[{"Key": "name", "Values": [with_slash(prefix)]}] if prefix else []
        )
        names = [secret["Name"] for page in pages for secret in page["SecretList"]]
    return sorted(name for name in names if kind_of(name, prefix))


def _check_one(
    name: str, secrets: SecretsManagerSecrets, vendors: Vendors, settings: Settings | None
) -> Iterator[Finding]:
    secret: Secret | TwilioCredentials
    try:
        secret = secrets.twilio(name) if kind_of(name) is SecretKind.TWILIO else secrets.openai(name)
    except ProcessorError as error:
        if error.code == DENIED:  # the function's role may still read it
            yield skip("secret", f"{name} may not be read with these credentials", READ)
        else:
            yield fail("secret", str(error), STORE)
        return
    yield ok("secret", f"{name}, right shape")
    if settings is None:
        return
    if isinstance(secret, Secret):
        yield _asked("OpenAI key", vendors.openai, secret, settings)
        return
    yield _asked("Twilio key", vendors.twilio, secret, settings)
    if secret.template_sid:
        yield _asked("template", vendors.template, secret, settings)
        yield _asked("variables", vendors.variables, secret, settings)
    else:
        yield skip("template", f"{name} names none: messages go out free-form, within WhatsApp's 24-hour window")


def _asked(check: str, ask: Callable[[S, Settings], Finding], secret: S, settings: Settings) -> Finding:
    """Ask a vendor about one secret; whatever goes wrong concerns this secret alone."""
    try:
        return ask(secret, settings)
    except Exception as exc:  # noqa: BLE001 - the next secret must be looked at too
        return not_checked(check, exc)
