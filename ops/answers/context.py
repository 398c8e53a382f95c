"""Answers about Context Objects from files: `validate`, `replay`."""

from pydantic import Field

from ops.answers.base import Answer


class Replay(Answer):
    """Answer of `replay`."""

    queue: str
    message_id: str
    conversation_id: str
    recipient: str
    status_before: str | None = Field(description="Status of the conversation's record, if there was one.")
    nothing_goes_out: bool = Field(description="The conversation is closed: this is acknowledged as a duplicate.")
    again_after: str | None = Field(description="With --again: the conversation that this one repeats.")


class FileVerdict(Answer):
    """What is wrong with one Context Object file."""

    file: str
    valid: bool
    faults: list[str]
    warnings: list[str]


class Validation(Answer):
    """Answer of `validate`."""

    files: list[FileVerdict]
