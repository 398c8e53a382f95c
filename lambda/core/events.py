"""Names of log lines and metrics: a contract with the metric filter, the alarms, the dashboard and saved queries."""

from enum import StrEnum


class Event(StrEnum):
    """`event` of a log line."""

    BATCH_FINISHED = "batch_finished"
    CONVERSATION_CLAIMED = "conversation_claimed"
    CONVERSATION_RESUMED = "conversation_resumed"
    DUPLICATE_SUPPRESSED = "duplicate_suppressed"
    RUN_STARTED = "run_started"
    REPLY_RECEIVED = "reply_received"
    SEND_INTENDED = "send_intended"
    SEND_OUTCOME_UNKNOWN = "send_outcome_unknown"
    LIST_FAILED = "list_failed"
    SEND_RECONCILED = "send_reconciled"
    ADOPTED_UNSEEN = "adopted_unseen"
    MESSAGE_SENT = "message_sent"
    CONVERSATION_CLOSED = "conversation_closed"
    MESSAGE_FAILED = "message_failed"
    MESSAGE_POSTPONED = "message_postponed"
    MESSAGE_NOT_POSTPONED = "message_not_postponed"
    SECRET_REFRESHED = "secret_refreshed"  # noqa: S105 - an event's name
    FINAL_DB_UPDATE_FAILED = "final_db_update_failed"
    FAILURE_NOT_RECORDED = "failure_not_recorded"
    HEARTBEAT_FAILED = "heartbeat_failed"
    HEARTBEAT_LOST = "heartbeat_lost"
    NAME_LEFT_OUT = "name_left_out"
    THREAD_NOT_USABLE = "thread_not_usable"
    VISIBILITY_NOT_CHANGED = "visibility_not_changed"
    INVALID_EVENT = "invalid_event"
    START_REFUSED = "start_refused"


class Metric(StrEnum):
    """Name of an EMF metric; latencies are in milliseconds, waits in seconds, all others are counts."""

    MESSAGES_SENT = "MessagesSent"
    MESSAGES_FAILED = "MessagesFailed"
    MESSAGES_POSTPONED = "MessagesPostponed"
    WAITING_SECONDS = "WaitingSeconds"
    CONTINUATION_NUMBER = "ContinuationNumber"
    ACCOUNT_FAULTS = "AccountFaults"
    DUPLICATES_SUPPRESSED = "DuplicatesSuppressed"
    RESUMED = "Resumed"
    RECONCILED = "Reconciled"
    ADOPTED_UNSEEN = "AdoptedUnseen"
    OPENAI_LATENCY = "OpenAILatency"
    TWILIO_LATENCY = "TwilioLatency"
    END_TO_END_LATENCY = "EndToEndLatency"
    TOKENS_IN = "TokensIn"
    TOKENS_OUT = "TokensOut"
    HEARTBEAT_LOST = "HeartbeatLost"
