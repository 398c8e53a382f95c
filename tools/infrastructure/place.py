"""Where a state belongs: the account and region of what it holds, compared with where a command would work."""

import json
import re
from collections.abc import Iterator

from tools.infrastructure.aws import Account
from tools.infrastructure.environment import Environment
from tools.infrastructure.errors import TerraformError

_ARN = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:(?P<region>[a-z0-9-]*):(?P<account>\d{12}):")


def check_pins(environment: Environment, account: Account) -> None:
    """Refuse an account or region other than the ones that the environment's file names.

    Raises:
        TerraformError: It names others.
    """
    if environment.account_id not in (None, account.account_id):
        raise TerraformError(
            f"{environment.name} is pinned to account {environment.account_id}, and these credentials belong to"
            f" {account}. Nothing was touched. Sign in to the right account, or set AWS_PROFILE."
        )
    if environment.region not in (None, account.region):
        raise TerraformError(
            f"{environment.name} is pinned to region {environment.region}, and AWS_REGION or AWS_DEFAULT_REGION says"
            f" {account.region}. Nothing was touched. Unset it, or say {environment.region}."
        )


def check_state(name: str, state: str, account: Account) -> None:
    """Refuse a state that holds resources of another account or region.

    Args:
        name: Of the environment.
        state: What `terraform state pull` prints; empty if there is none.

    Raises:
        TerraformError: It does; applying would build a second stack beside them.
    """
    others = {
        f"account {owner}, region {region or account.region}"
        for region, owner in _places(state)
        if owner != account.account_id or region not in ("", account.region)
    }
    if others:
        raise TerraformError(
            f"The state of {name} holds resources in {' and '.join(sorted(others))}, and this would work in {account}."
            " Nothing was touched: it would build a second stack, and take over what both share. Use the credentials"
            " and region that the state belongs to, or give the other place an environment with a name of its own."
        )


def _places(state: str) -> Iterator[tuple[str, str]]:
    """Yield region, empty for a global resource, and account of every resource."""
    for resource in json.loads(state or "{}").get("resources", []):
        if resource["mode"] != "managed":
            continue
        for instance in resource["instances"]:
            found = _ARN.match(str((instance.get("attributes") or {}).get("arn") or ""))
            if found:
                yield found["region"], found["account"]
