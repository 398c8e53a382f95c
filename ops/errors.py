"""Errors: how a command ends, in one line that says what was wrong and what to do."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's end means to a script."""

    OK = 0
    PROBLEM = 1
    """It was looked at and is not in order: a check failed, a file is not valid, nothing was found, some stayed."""
    USAGE = 2
    AWS = 3
    """AWS was not reached, or refused: credentials, region, permission, a thing that does not exist."""
    NOT_CONFIRMED = 4
    """Nothing was done: the answer was no, or there was nobody to ask."""
    INTERRUPTED = 130


class OpsError(Exception):
    """A command can't go on.

    Attributes:
        advice: What to do about it; a sentence.
    """

    exit_code = ExitCode.PROBLEM

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}. {self.advice}" if self.advice else f"{message}."


class UsageError(OpsError):
    """The command line asks for something that can't be."""

    exit_code = ExitCode.USAGE


class AwsError(OpsError):
    """AWS was not reached, or refused."""

    exit_code = ExitCode.AWS


class NotConfirmedError(OpsError):
    """What a person had to agree to was not agreed to."""

    exit_code = ExitCode.NOT_CONFIRMED
