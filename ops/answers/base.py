"""The base of all answers, and what is printed instead of one."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Anything that is printed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Answer):
    """Printed instead of an answer when a command can't go on."""

    message: str
    advice: str
    exit_code: int
