"""Environments of one account that live on another's secrets.

Secret names carry no environment, so one environment's secret can serve another's function. Whoever destroys the first
takes it from the second.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tools.infrastructure.environment import TAGS
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.plan import Plan
from tools.infrastructure.secret_names import PROJECT

if TYPE_CHECKING:
    from mypy_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient

KINDS = ("openai-api-key", "whatsapp-credentials")
"""The kinds of secret; each stands as a segment in a secret's name."""


def refuse_shared(
    plan: Plan,
    environment: str,
    client: "ResourceGroupsTaggingAPIClient",
    named: list[str],
    tag_names: Mapping[str, str] = TAGS,
) -> None:
    """Refuse to delete secrets of a kind that another environment here needs and has none of.

    Raises:
        TerraformError: With the secrets and who needs them, unless each address is named.
    """
    going = [
        change
        for change in plan.of_type("aws_secretsmanager_secret")
        if change.deletes and not change.replaces and change.address not in named
    ]
    if not going:
        return
    functions, secrets = (
        _by_environment(client, kind, tag_names) for kind in ("lambda:function", "secretsmanager:secret")
    )
    lines, options = [], []
    for change in going:
        name = str(change.before.get("name"))
        kind = next((kind for kind in KINDS if kind in name.split("/")), None)
        needing = sorted(
            other
            for other in functions.keys() - {environment}
            if kind and not any(f"{kind}/" in arn for arn in secrets.get(other, []))
        )
        if needing:
            lines.append(f"  {name}: {', '.join(needing)} has no {kind} secret of its own, and may read this one")
            options.append(f"--allow-destroy '{change.address}'")
    if lines:
        raise TerraformError(
            f"Nothing was touched. Destroying {environment} would delete secrets that other environments need:\n"
            + "\n".join(lines)
            + f"\nGive them secrets first. If they don't need these: {' '.join(options)}"
        )


def _by_environment(
    client: "ResourceGroupsTaggingAPIClient", kind: str, tag_names: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return the ARNs of this project's resources of one kind, by environment."""
    found: dict[str, list[str]] = {}
    for arn, environment in _tagged(client, kind, tag_names):
        found.setdefault(environment, []).append(arn)
    return found


def _tagged(
    client: "ResourceGroupsTaggingAPIClient", kind: str, tag_names: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    pages = client.get_paginator("get_resources").paginate(
        TagFilters=[{"Key": tag_names["project"], "Values": [PROJECT]}], ResourceTypeFilters=[kind]
    )
    for page in pages:
        for resource in page["ResourceTagMappingList"]:
            tags = {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}
            if tag_names["environment"] in tags:
                yield resource["ResourceARN"], tags[tag_names["environment"]]
