"""Every error raised on purpose, by what redelivery can do about it.

A `code` is a contract with logs, metrics and the stored record. A message is safe to log and to store: it is our own
sentence, never a vendor's text and never a value of the input.
"""

from collections.abc import Sequence

from core.conversation import Run, UndecidedRow


class ProcessorError(Exception):
    """Base of every error raised on purpose.

    Attributes:
        ends_run: The recorded OpenAI run is of no further use; the next attempt asks again.
        ends_reply: The recorded reply is of no further use, nor is its run.
        configuration: The setup is at fault (keys, billing, sender, template, permissions), and a person must act now.
            Never set where the content of one message can bring the error about: see docs/adr/0021.
    """

    code: str = "processor_error"
    ends_run: bool = False
    ends_reply: bool = False
    configuration: bool = False

    def __init__(self, message: str, *, code: str | None = None, configuration: bool | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        if configuration is not None:
            self.configuration = configuration


class PermanentError(ProcessorError):
    """Redelivery cannot help: invalid input, rejected credentials, refused recipient."""

    code = "permanent"


class TransientError(ProcessorError):
    """The same message may succeed later: throttling, 5xx, connection refused.

    Attributes:
        retry_after_seconds: When the vendor asked for it, how long to wait at least.
        repeatable: The call certainly had no effect, so it may be made again at once.
    """

    code = "transient"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        configuration: bool | None = None,
        retry_after_seconds: float | None = None,
        repeatable: bool = False,
    ) -> None:
        super().__init__(message, code=code, configuration=configuration)
        self.retry_after_seconds = retry_after_seconds
        self.repeatable = repeatable


class DeliveryUnknownError(ProcessorError):
    """Twilio may have accepted the message: reconcile before anything is sent again.

    Attributes:
        retry_after_seconds: When the message's fate will be known, from now.
    """

    code = "delivery_unknown"

    def __init__(self, message: str, *, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class DeliveryUndecidedError(PermanentError):
    """Whether the message was sent can't be told, now or later: a person decides.

    Attributes:
        rows: The messages at Twilio in question.
    """

    code = "delivery_undecided"

    def __init__(self, message: str, rows: Sequence[UndecidedRow] = ()) -> None:
        super().__init__(message)
        self.rows = tuple(rows)


class ConversationConflictError(PermanentError):
    """The record under this message's keys belongs to another company, project or sender."""

    code = "conversation_conflict"


class LostLeaseError(ProcessorError):
    """Another delivery may own the conversation now: stop before the next side effect."""

    code = "lease_lost"


class InvalidContextObjectError(PermanentError):
    """The Context Object is refused; `faults` says where and why, without values."""

    code = "invalid_context"

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class AlreadyFailedError(PermanentError):
    """An earlier receive of this very message failed for good; its code is repeated, its work is not."""


class SecretError(PermanentError):
    """A secret is missing, malformed, forbidden or may not be read."""

    code = "secret_unusable"


class AccountFaultError(PermanentError):
    """A vendor refuses the whole account: nothing can be sent until a person has put that right."""

    code = "account_fault"
    configuration = True


class CredentialsRejectedError(AccountFaultError):
    """A vendor answered 401 or 403: the secret may have been rotated since it was cached."""

    code = "credentials_rejected"


class DefinitionError(PermanentError):
    """No usable assistant definition for this conversation."""

    code = "assistant_definition_missing"


class ReplyError(PermanentError):
    """The model's output cannot be sent, and asking again would end the same way."""

    code = "reply_unusable"
    ends_run = True


class ReplyRefusedError(PermanentError):
    """Twilio refuses the reply for its content or its template: once that is put right, another reply is needed."""

    code = "reply_refused"
    ends_reply = True


class OutgoingPolicyError(PermanentError):
    """The reply breaks a rule for what may be sent: it goes nowhere, and the model is asked again once that is changed.

    `code` says which rule; the message shows nothing of the reply.
    """

    code = "outgoing_refused"
    ends_reply = True


class RunsExhaustedError(PermanentError):
    """The model has been paid for this conversation as often as it may be."""

    code = "openai_runs_exhausted"


class LeaseHeldError(TransientError):
    """Another delivery of this conversation is at work."""

    code = "lease_held"


class DeadlineError(TransientError):
    """The invocation's time is up; what was done is recorded and the next attempt goes on."""

    code = "deadline_reached"

    def __init__(self, message: str, *, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)


class ModelAtWorkError(DeadlineError):
    """The run goes on, and waiting for it in the function would cost more than in the queue.

    Attributes:
        run: It is recorded.
        usual_seconds: What such runs usually take, if that is known.
    """

    code = "model_at_work"

    def __init__(self, run: Run, *, usual_seconds: float | None, retry_after_seconds: float = 0.0) -> None:
        super().__init__("the model is at work", retry_after_seconds=retry_after_seconds)
        self.run = run
        self.usual_seconds = usual_seconds


class PutDeniedError(PermanentError):
    """The function may not put messages on its own queue."""

    code = "sqs_put_denied"


class SendTooLateError(TransientError):
    """A send was not started because the moment until which it may start has passed; nothing was sent."""

    code = "send_too_late"


class StoreUnavailableError(TransientError):
    """DynamoDB did not answer, or refused for a reason that may pass."""

    code = "store_unavailable"


class RunFailedError(TransientError):
    """The run ended without a usable reply, and asking again may help."""

    code = "openai_run_failed"
    ends_run = True


class RunGoneError(RunFailedError):
    """OpenAI does not know the run: one that was just created may not be known yet, an older one no more."""

    code = "openai_run_gone"


class FinalUpdateError(TransientError):
    """The message is out but its record could not be closed; redelivery will find the message and close it."""

    code = "final_db_update_failed"


class UnforeseenError(TransientError):
    """An exception nobody foresaw; the receive limit and the DLQ bound what it can do."""

    code = "unforeseen"
