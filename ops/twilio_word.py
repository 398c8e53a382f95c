"""Twilio's word: what Twilio says now of the messages between a company's number and a recipient."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.conversation import Conversation
from core.errors import ProcessorError
from core.ports import TwilioCredentials, TwilioMessage
from ops.errors import OpsError
from ops.patient import Patient
from ops.session import Session
from ops.table import Item
from services.conversation_item import read_conversation
from services.secrets_manager_service import SecretsManagerSecrets
from utils.redaction import Secret
from utils.settings import Settings, SettingsError

ALLOWANCE = timedelta(minutes=5)
"""A message is created at Twilio after its conversation, by clocks that may differ."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One company's number, one recipient, and the secret that opens the account between them."""

    recipient: str
    sender: str
    credentials_id: str


def channel_of(item: Item, record: Conversation) -> Channel | None:
    """Return where the messages of a record went out; None where it does not say so."""
    sender = record.owner.sender if record.owner else record.sender
    credentials = record.owner.credentials_id if record.owner else item.get("whatsapp_credentials_id")
    if sender is None or not isinstance(credentials, str):
        return None
    return Channel(record.key.recipient_tel, sender, credentials)


class VendorAccess:
    """Settings of the function and secrets, as far as the person's credentials may read them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The function's settings, which say where the vendors are.

        Raises:
            OpsError: They can't be read.
        """
        if self._settings is None:
            try:
                self._settings = Patient(self._session.aws, self._session.names).settings
            except SettingsError as error:
                raise OpsError(
                    f"The function's settings are not valid: {error.faults[0]}", "See `ops doctor`."
                ) from error
        return self._settings

    def twilio(self, reference: str) -> TwilioCredentials:
        """Read a Twilio secret; raises a `ProcessorError` as the function would, or an `OpsError`."""
        return self._secrets().twilio(reference)

    def openai(self, reference: str) -> Secret:
        """Read an OpenAI secret; raises as `twilio` does."""
        return self._secrets().openai(reference)

    def _secrets(self) -> SecretsManagerSecrets:
        return SecretsManagerSecrets(self._session.aws.secrets, 0, lambda: 0.0, self.settings.secret_name_prefix)


class TwilioWord:
    """Asks Twilio for each channel once.

    Attributes:
        problems: Why Twilio could not be asked, each reason once.
    """

    def __init__(self, session: Session, access: VendorAccess | None = None, *, silent: bool = False) -> None:
        """Make it.

        Args:
            silent: Ask nothing.
        """
        self._session = session
        self._access = access or VendorAccess(session)
        self._silent = silent
        self._listed: dict[Channel, dict[str, TwilioMessage] | None] = {}
        self.problems: list[str] = []

    def ask(self, items: Iterable[Item]) -> None:
        """Ask about every record that names a message, or may have one, from the oldest of each channel on."""
        since: dict[Channel, datetime] = {}
        for item in items:
            record = read_conversation(item)
            channel = channel_of(item, record)
            if channel is None or not (record.held_sids or record.intent_at or record.sent):
                continue
            began = record.created_at or datetime.fromtimestamp(0, tz=UTC)
            since[channel] = min(began, since.get(channel, began))
        for channel, began in since.items():
            if channel not in self._listed and not self._silent:
                self._listed[channel] = self._list(channel, began - ALLOWANCE)

    def of(self, item: Item) -> Mapping[str, TwilioMessage]:
        """Return by SID what Twilio lists between the record's two numbers."""
        channel = channel_of(item, read_conversation(item))
        return (self._listed.get(channel) if channel else None) or {}

    def everything(self) -> list[tuple[Channel, TwilioMessage]]:
        """Return all that was listed."""
        return [(channel, row) for channel, rows in self._listed.items() for row in (rows or {}).values()]

    def _list(self, channel: Channel, since: datetime) -> dict[str, TwilioMessage] | None:
        try:
            credentials = self._access.twilio(channel.credentials_id)
            rows = self._session.world.vendors().list_messages(
                channel.recipient, channel.sender, credentials, self._access.settings, since
            )
        except OpsError as error:
            self._cannot(str(error))
        except ProcessorError as error:
            self._cannot(f"{error}.")
        else:
            return {row.sid: row for row in rows}
        return None

    def _cannot(self, why: str) -> None:
        if why not in self.problems:
            self.problems.append(why)
