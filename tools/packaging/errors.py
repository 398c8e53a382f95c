"""The one error of the builder: what was wrong, where, and what to do."""


class PackageError(Exception):
    """The package cannot be built; the message is meant for the person who asked for it."""
