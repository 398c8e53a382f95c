"""Vendors: whether OpenAI and Twilio accept the keys, asked with requests that cost nothing and change nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from openai import OpenAIError
from twilio.base.exceptions import TwilioException

from core.errors import CredentialsRejectedError, PermanentError, ProcessorError
from core.ports import TwilioCredentials, TwilioMessage
from ops import LAMBDA
from ops.answers import Finding, fail, ok, skip, warn
from ops.eraser import Eraser
from ops.template_variables import judge_variables, schemas_of
from services.openai_client import OpenAIClients
from services.openai_client import classify as classify_openai
from services.twilio_http import AnswerLostError, NotSentError, OneShotHttpClient
from services.twilio_service import TwilioWhatsApp, make_client
from services.twilio_service import classify as classify_twilio
from utils.redaction import Secret
from utils.settings import Settings

if TYPE_CHECKING:
    from httpx2 import BaseTransport

TIMEOUT_SECONDS = 10

NOBODY = "+15005550006"
"""A number of Twilio's own for tests. Source: Twilio, "Test Credentials"."""

PROVE = "Send a message to prove it."
ROTATE = "Store a valid one as docs/deploying.md says, step 3"
NETWORK = "Is it reached from here as from the function? Check the network and the vendor's status page."


def _now() -> datetime:
    return datetime.now(UTC)


class Vendors:
    """OpenAI and Twilio, at the addresses of the function's settings."""

    def __init__(self, openai_transport: "BaseTransport | None" = None, now: Callable[[], datetime] = _now) -> None:
        """Make the vendors' door.

        Args:
            openai_transport: Carries the requests to OpenAI; sockets where not given.
        """
        self._openai_transport = openai_transport
        self._now = now

    def openai(self, key: Secret, settings: Settings) -> Finding:
        """List the models."""
        client = OpenAIClients(settings.openai_base_url, self._openai_transport).get(key)
        try:
            models = {model.id for model in client.with_options(timeout=TIMEOUT_SECONDS).models.list().data}
        except OpenAIError as exc:
            return _openai_failure(exc)
        except (AttributeError, TypeError):
            return warn("OpenAI key", "not proven: the server's list of models can't be read", PROVE)
        if settings.openai_api == "responses" and settings.openai_model not in models:
            return warn(
                "OpenAI key",
                f"accepted, but {settings.openai_model} is not among its {len(models)} models",
                "Allow the model in the key's project, or choose another with openai_model.",
            )
        return ok("OpenAI key", f"accepted, {settings.openai_model} is available")

    def twilio(self, credentials: TwilioCredentials, settings: Settings) -> Finding:
        """List messages, as the function does when it reconciles."""
        gateway = TwilioWhatsApp(TIMEOUT_SECONDS, self._now, settings.twilio_api_base_url)
        try:
            gateway.list_messages(NOBODY, NOBODY, credentials, self._now())
        except ProcessorError as error:
            return fail("Twilio key", str(error), ROTATE if isinstance(error, PermanentError) else NETWORK)
        return ok("Twilio key", "accepted, may list messages")

    def eraser(self) -> Eraser:
        """Return what deletes at the vendors."""
        return Eraser(self._openai_transport, self._now)

    def list_messages(
        self, to: str, from_: str, credentials: TwilioCredentials, settings: Settings, since: datetime
    ) -> list[TwilioMessage]:
        """List the messages from one number to another; raises as the function's own gateway does."""
        gateway = TwilioWhatsApp(TIMEOUT_SECONDS, self._now, settings.twilio_api_base_url)
        return gateway.list_messages(to, from_, credentials, since)

    def variables(self, credentials: TwilioCredentials, settings: Settings) -> Finding:
        """Compare the template's variables with its samples and with the assistant definitions of this checkout."""
        if settings.twilio_api_base_url is not None or settings.openai_api != "responses":
            return skip("variables", "not asked, as the vendors are others")
        http = OneShotHttpClient(TIMEOUT_SECONDS, self._now)
        try:
            content = make_client(credentials, http).content.v1.contents(credentials.template_sid).fetch()
        except (TwilioException, NotSentError, AnswerLostError) as exc:
            return skip("variables", str(classify_twilio(exc, http, creating=False)))
        return judge_variables(content.types, content.variables, schemas_of(LAMBDA / "assistants"))

    def template(self, credentials: TwilioCredentials, settings: Settings) -> Finding:
        """Ask whether WhatsApp has approved the template."""
        if settings.twilio_api_base_url is not None:
            return skip("template", "not asked, as TWILIO_API_BASE_URL leads elsewhere")
        http = OneShotHttpClient(TIMEOUT_SECONDS, self._now)
        try:
            approval = (
                make_client(credentials, http).content.v1.contents(credentials.template_sid).approval_fetch().fetch()
            )
        except (TwilioException, NotSentError, AnswerLostError) as exc:
            error = classify_twilio(exc, http, creating=False)
            if http.status == 404:  # noqa: PLR2004
                return fail("template", "Twilio does not know the template", "Correct twilio_template_sid.")
            return fail("template", str(error), NETWORK)
        return _approval(approval.whatsapp)


def _openai_failure(exc: OpenAIError) -> Finding:
    error = classify_openai(exc)
    status = getattr(exc, "status_code", None)
    if status == 404:  # noqa: PLR2004
        return warn("OpenAI key", "not proven: the server has no list of models", PROVE)
    if status == 403:  # noqa: PLR2004
        return warn(
            "OpenAI key",
            f"not proven, it may not list models: {error}",
            "A restricted key need not; send a message to prove it.",
        )
    return fail("OpenAI key", str(error), ROTATE if isinstance(error, CredentialsRejectedError) else NETWORK)


def _approval(whatsapp: Any) -> Finding:
    details = whatsapp if isinstance(whatsapp, dict) else {}
    status = str(details.get("status", "unknown"))
    if status == "approved":
        return ok("template", f"approved by WhatsApp, {str(details.get('category', '')).lower() or 'no category'}")
    if status in {"received", "pending", "unsubmitted"}:
        return warn("template", f"{status}: WhatsApp has not approved it", "Submit it, or wait for the approval.")
    reason = details.get("rejection_reason")
    return fail(
        "template",
        f"{status} by WhatsApp{f': {reason}' if reason else ''}",
        "Make another in Twilio's Content Template Builder.",
    )
