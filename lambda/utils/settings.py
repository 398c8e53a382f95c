"""Settings: everything the function reads from its environment, parsed once."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, ConfigDict, Field, StringConstraints, ValidationError

from utils.guard_settings import MODEL_NAME, GuardSettings
from utils.secret_reference import REFERENCE_PREFIX

SEND_START_SECONDS = 5
"""How long after its intent was recorded a send may start, at the least. See `Settings.settle_seconds`."""

CLOCK_SKEW_SECONDS = 2
"""How far the clocks of two execution environments may be apart."""

MIN_RETENTION_DAYS = 30
"""A record must outlive every message about it: 14 days in the queue and, once redriven, 14 more."""

MIN_WORK_SECONDS = 3
"""What claim, secrets and the start of a run need of an invocation, besides a send and the margin."""

MAX_TIMEOUT_SECONDS = 900
MAX_VISIBILITY_SECONDS = 43_200 - MAX_TIMEOUT_SECONDS
"""SQS hides a message for 12 hours in all, counted from its receive; the last heartbeat comes up to a timeout later.

Source: Amazon SQS API Reference, ChangeMessageVisibility; AWS Lambda Developer Guide, "Lambda quotas".
"""

BASE_URL_PATTERN = (
    r"^(https://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:]+)"
    r"|http://(localhost|[A-Za-z0-9.-]+\.localhost|host\.docker\.internal|127(\.[0-9]{1,3}){3}|\[::1\]))"
    r"(:[0-9]{1,5})?(/[^\s?#]*)?$"
)
"""Keys and texts go there: https, or http that stays on the machine. `make schema` gives Terraform the pattern."""

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$")]
BaseUrl = Annotated[str, StringConstraints(pattern=BASE_URL_PATTERN)]


class SettingsError(Exception):
    """The environment is not usable; the message names every variable at fault and no value."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("invalid environment: " + "; ".join(faults))


class Settings(GuardSettings):
    """Configuration of the function; each field's alias is its environment variable.

    An empty variable counts as unset. Durations are in seconds and end in `_seconds`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    conversations_table_name: str = Field(
        validation_alias=AliasChoices(
            "CONVERSATIONS_TABLE_NAME_DEV", "CONVERSATIONS_TABLE_NAME", "CONVERSATIONS_TABLE"
        ),
        pattern=r"^[A-Za-z0-9_.-]{3,255}$",
        description="DynamoDB table of conversations. Terraform sets the first name in `dev`, the second elsewhere;"
        " the third is the engine's.",
    )
    conversations_partition_key: Literal["recipient_tel", "primary_channel"] = Field(
        default="recipient_tel",
        validation_alias="CONVERSATIONS_PARTITION_KEY",
        description="Partition key of that table, which holds the recipient's number; `primary_channel` in the engine's"
        " later schema.",
    )
    queue_url: Url = Field(
        validation_alias="WHATSAPP_QUEUE_URL",
        description="URL of the queue the function is fed from; the heartbeat hides its messages.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        default="INFO",
        validation_alias="LOG_LEVEL",
        description="Lowest level that is logged.",
    )
    version: str = Field(
        default="unknown",
        validation_alias="VERSION",
        pattern=r"^[A-Za-z0-9_.+-]{1,64}$",
        description="Release of the code, on every log line.",
    )
    metrics_namespace: str = Field(
        default="AIComms/WhatsAppProcessor/Dev",
        validation_alias="METRICS_NAMESPACE",
        pattern=r"^[A-Za-z0-9_./#:-]{1,255}$",
        description="CloudWatch namespace of the function's own metrics.",
    )
    visibility_timeout_seconds: int = Field(
        default=360,
        ge=4,
        le=MAX_VISIBILITY_SECONDS,
        validation_alias="VISIBILITY_TIMEOUT_SECONDS",
        description="How long each heartbeat hides a message; the queue's own visibility timeout.",
    )
    heartbeat_interval_seconds: int = Field(
        default=120,
        ge=1,
        le=21_600,
        validation_alias="HEARTBEAT_INTERVAL_SECONDS",
        description="Time between two heartbeats; each renews the visibility and the lease of every message.",
    )
    max_receive_count: int = Field(
        default=3,
        ge=3,
        le=1000,
        validation_alias="MAX_RECEIVE_COUNT",
        description="Receives after which SQS moves a message to the DLQ; two may be lost to faults.",
    )
    max_concurrent_messages: int = Field(
        default=10,
        ge=1,
        le=100,
        validation_alias="MAX_CONCURRENT_MESSAGES",
        description="Messages of one batch that are processed at the same time.",
    )
    safety_margin_seconds: int = Field(
        default=15,
        ge=5,
        le=300,
        validation_alias="SAFETY_MARGIN_SECONDS",
        description="Work stops this long before Lambda's timeout, and a lease ends this long before the visibility.",
    )
    secrets_cache_seconds: int = Field(
        default=300,
        ge=0,
        le=86_400,
        validation_alias="SECRETS_CACHE_SECONDS",
        description="How long a secret is kept in memory; a rejected one is dropped at once.",
    )
    secret_name_prefix: str = Field(
        default="",
        validation_alias="SECRET_NAME_PREFIX",
        max_length=256,
        pattern=REFERENCE_PREFIX,
        description="Path that the name of every secret must begin with; a Context Object with another is refused.",
    )
    openai_api: Literal["responses", "assistants"] = Field(
        default="responses",
        validation_alias="OPENAI_API",
        description="`responses` for OpenAI; `assistants` for a server that still speaks Assistants v2.",
    )
    openai_background: bool = Field(
        default=True,
        validation_alias="OPENAI_BACKGROUND",
        description="Run responses in the background and poll them, so that a later attempt resumes the same run.",
    )
    openai_model: str = Field(
        default="gpt-6-luna",
        validation_alias="OPENAI_MODEL",
        pattern=rf"^{MODEL_NAME}$",
        description="Model where the assistant definition names none.",
    )
    openai_base_url: BaseUrl | None = Field(
        default=None,
        validation_alias="OPENAI_BASE_URL",
        description="Base URL of an OpenAI-compatible server, with its `/v1`.",
    )
    patience_seconds: int = Field(
        default=0,
        ge=0,
        le=86_400,
        validation_alias="PATIENCE_SECONDS",
        description="How long a conversation waits in the queue for a vendor that is down, counted from its first"
        " message; 0 gives messages back instead: three receives, then the DLQ. More needs the right to send to the"
        " queue.",
    )
    openai_hold_seconds: int = Field(
        default=2,
        ge=0,
        le=900,
        validation_alias="OPENAI_HOLD_SECONDS",
        description="How long the function itself waits for the model, if PATIENCE_SECONDS is not 0; the queue waits"
        " for the rest.",
    )
    openai_run_deadline_seconds: int = Field(
        default=3600,
        ge=900,
        le=86_400,
        validation_alias="OPENAI_RUN_DEADLINE_SECONDS",
        description="Age after which a run of the model is given up and another is asked for.",
    )
    delivery_watch_seconds: int = Field(
        default=0,
        ge=0,
        le=86_400,
        validation_alias="DELIVERY_WATCH_SECONDS",
        description="How long after a message was sent Twilio is asked, by messages that wait in the queue, whether"
        " WhatsApp has delivered it; 0 for never. More needs the right to send to the queue.",
    )
    twilio_api_base_url: BaseUrl | None = Field(
        default=None,
        validation_alias="TWILIO_API_BASE_URL",
        description="Base URL that stands for https://api.twilio.com.",
    )
    twilio_status_callback_url: Url | None = Field(
        default=None,
        validation_alias="TWILIO_STATUS_CALLBACK_URL",
        description="Where Twilio reports the fate of each message.",
    )
    twilio_timeout_seconds: int = Field(
        default=20,
        ge=2,
        le=120,
        validation_alias="TWILIO_TIMEOUT_SECONDS",
        description="Longest time one Twilio call may take, connecting included.",
    )
    twilio_list_lag_seconds: int = Field(
        default=30,
        ge=0,
        le=3600,
        validation_alias="TWILIO_LIST_LAG_SECONDS",
        description="Longest time after which a new message shows in Twilio's list of messages.",
    )
    reconcile_after_seconds: int = Field(
        default=60,
        ge=1,
        le=7200,
        validation_alias="RECONCILE_AFTER_SECONDS",
        description="A message that Twilio does not list this long after its intent may be sent again.",
    )
    max_message_parts: int = Field(
        default=3,
        ge=1,
        le=10,
        validation_alias="MAX_MESSAGE_PARTS",
        description="Most WhatsApp messages one free-form reply may be split into.",
    )

    record_retention_days: int = Field(
        default=0,
        ge=0,
        le=3650,
        validation_alias="RECORD_RETENTION_DAYS",
        description="Days after its last write that DynamoDB may delete a record, at least 30; 0 keeps it for ever.",
    )

    @property
    def lease_seconds(self) -> int:
        """Length of a lease: it ends before SQS shows the message again, so a crash costs one receive, not two."""
        return max(self.visibility_timeout_seconds - self.safety_margin_seconds, 1)

    @property
    def settle_seconds(self) -> int:
        """Time from an intent after which Twilio's list is known to show its message, if there is one.

        `RECONCILE_AFTER_SECONDS`, or a little more where that leaves a send less than `SEND_START_SECONDS` to start.
        """
        return max(
            self.reconcile_after_seconds,
            self.twilio_timeout_seconds + self.twilio_list_lag_seconds + SEND_START_SECONDS,
        )

    @property
    def send_start_seconds(self) -> int:
        """How long after its intent a send may still start, so that it has settled by `settle_seconds`."""
        return self.settle_seconds - self.twilio_timeout_seconds - self.twilio_list_lag_seconds

    @property
    def min_timeout_seconds(self) -> int:
        """Shortest timeout of the function in which a message can be sent at all."""
        return self.safety_margin_seconds + self.twilio_timeout_seconds + MIN_WORK_SECONDS

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Parse the environment.

        Raises:
            SettingsError: A variable is missing or invalid, or two contradict each other; all faults are named.
        """
        try:
            settings = cls.model_validate({name: value for name, value in environ.items() if value.strip()})
        except ValidationError as exc:
            raise SettingsError([_describe(error) for error in exc.errors()]) from None
        if faults := settings.contradictions():
            raise SettingsError(faults)
        return settings

    def contradictions(self) -> list[str]:
        """Name the variables that are valid alone and not together."""
        faults = []
        if self.reconcile_after_seconds < self.twilio_timeout_seconds + self.twilio_list_lag_seconds:
            faults.append("RECONCILE_AFTER_SECONDS must be at least TWILIO_TIMEOUT_SECONDS + TWILIO_LIST_LAG_SECONDS")
        held = self.lease_seconds - self.heartbeat_interval_seconds
        if held <= self.twilio_timeout_seconds + CLOCK_SKEW_SECONDS:
            faults.append(
                "VISIBILITY_TIMEOUT_SECONDS must exceed SAFETY_MARGIN_SECONDS + HEARTBEAT_INTERVAL_SECONDS"
                f" + TWILIO_TIMEOUT_SECONDS + {CLOCK_SKEW_SECONDS}, or no send would fit into a lease"
            )
        if 0 < self.record_retention_days < MIN_RETENTION_DAYS:
            faults.append(f"RECORD_RETENTION_DAYS must be 0 or at least {MIN_RETENTION_DAYS}")
        if self.outgoing_links == "given" and self.openai_api == "assistants":
            faults.append(
                "OUTGOING_LINKS can't be given with OPENAI_API=assistants: nobody knows what the server's text holds"
            )
        if self.allowed_models and self.openai_model not in self.allowed_models:
            faults.append("OPENAI_MODELS must include OPENAI_MODEL")
        return faults


def _describe(error: object) -> str:
    """Name the variable and what it should be; pydantic's own text holds no value."""
    location, message = error["loc"], error["msg"]  # type: ignore[index]
    name = str(location[0])
    if error["type"] == "missing":  # type: ignore[index]
        others = {"CONVERSATIONS_TABLE_NAME_DEV": " (or CONVERSATIONS_TABLE_NAME, CONVERSATIONS_TABLE)"}
        return f"{name}{others.get(name, '')} is missing"
    if error["type"] == "string_pattern_mismatch" and name.endswith("_BASE_URL"):  # type: ignore[index]
        return f"{name}: must be https, or http to this machine, without user, query or fragment"
    return f"{name}: {message}"
