"""The one error of the harness: what was wrong, where, and what to do."""


class HarnessError(Exception):
    """The stack can't be started or used; the message is meant for the person who started it."""
