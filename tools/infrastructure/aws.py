"""Whose AWS account a command would change, asked before it changes anything."""

from collections.abc import Mapping
from dataclasses import dataclass

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tools.infrastructure.errors import TerraformError


@dataclass(frozen=True, slots=True)
class Account:
    """An account and region, or an emulator of them."""

    account_id: str
    region: str
    endpoint: str | None

    def __str__(self) -> str:
        where = f"account {self.account_id}, region {self.region}"
        return f"{where}, emulated at {self.endpoint}" if self.endpoint else where


def who_am_i(environ: Mapping[str, str], pinned_region: str | None) -> Account:
    """Ask AWS who the credentials of this environment belong to.

    The region is the one that the environment's variables say, so that a wrong one is seen; else the pinned one, else
    the one of the AWS profile.

    Raises:
        TerraformError: There is no region, no credentials, or they are refused.
    """
    session = boto3.Session()
    said = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    region = said or pinned_region or session.region_name
    if not region:
        raise TerraformError("No region: set aws_region in the tfvars, AWS_REGION, or a region in the AWS profile.")
    limits = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
    try:
        identity = session.client("sts", region_name=region, config=limits).get_caller_identity()
    except (BotoCoreError, ClientError) as exc:
        raise TerraformError(
            f"AWS does not accept this environment's credentials: {exc}\n"
            "Sign in (`aws sso login`, `aws configure`) or set AWS_PROFILE, then run this again."
        ) from exc
    return Account(identity["Account"], region, environ.get("AWS_ENDPOINT_URL"))
