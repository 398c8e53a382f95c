"""The one error of this package: what was wrong, where, and what to do."""


class TerraformError(Exception):
    """Terraform cannot do what was asked; the message is meant for the person who asked."""
