"""The values that keep what was made by hand as it is, as variables of our Terraform; and what cannot be kept."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.infrastructure.adoption.inventory import Facts, Inventory
from tools.infrastructure.adoption.names import names_of
from tools.infrastructure.policies import lost_statements
from tools.infrastructure.secret_names import owner_of

ATTENTION_INDEX = "needs-attention-index"
REPLIES_INDEX = "company-whatsapp-number-recipient-tel-index"
PARTITION_KEYS = ("recipient_tel", "primary_channel")
RUNTIMES = ("python3.11", "python3.12", "python3.13")
LARGEST_MESSAGE = 262144
FEWEST_RECEIVES = 3
QUALIFIED = re.compile(r":function:[^:]+:(.+)$")
"""An ARN of a function that ends in an alias or a version."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to write into the file of an environment.

    Attributes:
        notes: What will be other than it was, each in a sentence.
        obstacles: What would be lost, each in a sentence; with one, nothing is adopted.
    """

    variables: Mapping[str, Any]
    notes: tuple[str, ...]
    obstacles: tuple[str, ...]


def proposal(inventory: Inventory, environment: str, settings: Mapping[str, Any]) -> Proposal:
    """Return what keeps the inventory as it is.

    Args:
        settings: Attributes of `function_settings`, by the environment variable that each becomes.
    """
    notes: list[str] = []
    variables: dict[str, Any] = {
        "environment": environment,
        "names": _names(inventory, environment),
        "existing": _existing(inventory, notes),
        **_key(inventory),
        "queue": _queue(inventory, notes),
        "table": _table(inventory.table),
        "function": _function(inventory, notes),
        "function_settings": _settings(inventory, settings, notes),
        "event_source": _event_source(inventory, notes),
        **_secrets(inventory, environment, notes),
    }
    kept = {name: value for name, value in variables.items() if value not in ({}, None)}
    return Proposal(kept, tuple(notes), tuple(_obstacles(inventory, environment)))


def _obstacles(inventory: Inventory, environment: str) -> Iterator[str]:
    table, function = inventory.table, inventory.function
    for index in table.get("LocalSecondaryIndexes") or []:
        yield (
            f"The table has the local index {index['IndexName']}. Terraform's table has none, and DynamoDB can drop a"
            " local index only with the table and every record in it. Leave the table outside Terraform:"
            f' existing = {{ table_arn = "{table["TableArn"]}" }}'
        )
    if table:
        keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
        if keys.get("HASH") not in PARTITION_KEYS or keys.get("RANGE") != "conversation_id":
            yield (
                f"The table's key is {keys.get('HASH')} and {keys.get('RANGE', 'nothing')}; the function needs"
                " recipient_tel or primary_channel, and conversation_id. Another key means another table: give it a"
                " name by names.table, and copy the records."
            )
        if table.get("Replicas"):
            regions = ", ".join(sorted(replica["RegionName"] for replica in table["Replicas"]))
            yield (
                f"The table has replicas in {regions}, which Terraform would delete. Leave it outside Terraform:"
                f' existing = {{ table_arn = "{table["TableArn"]}" }}'
            )
    if function.get("PackageType") == "Image":
        yield (
            f"The function {function['FunctionName']} runs a container image, and Lambda never changes that into a zip."
            " Give ours another name by names.function, and cut over from one to the other."
        )
    for secret in _own_secrets(inventory, environment):
        if "DeletedDate" in secret:
            yield (
                f"The secret {secret['Name']} is marked for deletion. Take it back first, with its value:"
                f" aws secretsmanager restore-secret --secret-id {secret['Name']}"
            )


def _names(inventory: Inventory, environment: str) -> dict[str, str]:
    defaults = names_of(environment, {})
    return {name: value for name, value in inventory.names.items() if defaults.get(name) != value}


def _existing(inventory: Inventory, notes: list[str]) -> dict[str, str]:
    existing = {}
    if inventory.topic:
        existing["topic_arn"] = inventory.topic["TopicArn"]
        notes.append(
            "The topic stays outside Terraform, with its policy and its subscribers: alarms tell it, and nothing here"
            " deletes it."
        )
    keys = _customer_keys(inventory)
    if len(keys) == 1:
        existing["kms_key_arn"] = next(iter(keys))
    elif keys:
        notes.append(f"Several keys encrypt the stack ({', '.join(sorted(keys))}): choose one by existing.kms_key_arn.")
    return existing


def _customer_keys(inventory: Inventory) -> set[str]:
    """Return the ARNs of the customer's keys that encrypt something, or that have our alias."""
    arn = str(inventory.table.get("TableArn") or inventory.queue.get("QueueArn") or ":::::")
    partition, region, account = (arn.split(":")[part] for part in (1, 3, 4))
    said = {
        inventory.queue.get("KmsMasterKeyId"),
        inventory.table.get("SSEDescription", {}).get("KMSMasterKeyArn"),
        inventory.log_group.get("kmsKeyId"),
        inventory.function.get("KMSKeyArn"),
        inventory.key.get("Arn"),
        *(secret.get("KmsKeyId") for secret in inventory.secrets),
    } - {None, ""}
    own = {str(key) for key in said if "alias/" not in str(key)}
    return {key if key.startswith("arn:") else f"arn:{partition}:kms:{region}:{account}:key/{key}" for key in own}


def _key(inventory: Inventory) -> dict[str, bool]:
    return {} if _customer_keys(inventory) else {"customer_managed_key": False, "keep_key": False}


def _queue(inventory: Inventory, notes: list[str]) -> dict[str, Any]:
    queue, letters = inventory.queue, inventory.dead_letter_queue
    kept: dict[str, Any] = {}
    if queue:
        kept["visibility_timeout_seconds"] = int(queue["VisibilityTimeout"])
        kept["message_retention_seconds"] = int(queue["MessageRetentionPeriod"])
        kept["statements"] = _foreign(queue)
        receives = int(json.loads(queue.get("RedrivePolicy", "{}")).get("maxReceiveCount", 0))
        if receives >= FEWEST_RECEIVES:
            kept["max_receive_count"] = receives
        elif receives:
            notes.append(
                f"The queue gives up after {receives} receives; the function needs {FEWEST_RECEIVES}, two for"
                " faults that pass."
            )
        size = int(queue["MaximumMessageSize"])
        if size <= LARGEST_MESSAGE:
            kept["max_message_size"] = size
        else:
            notes.append(
                f"The queue takes messages up to {size} bytes; from now on up to {LARGEST_MESSAGE}: the function"
                " refuses larger ones, and the sender should hear of it."
            )
    if letters:
        kept["dead_letter_retention_seconds"] = int(letters["MessageRetentionPeriod"])
        kept["dead_letter_statements"] = _foreign(letters)
        kept["dead_letter_sources"] = list(inventory.dead_letter_sources)
    return {name: value for name, value in kept.items() if value != []}


def _foreign(queue: Facts) -> list[str]:
    """Return the statements of a queue's policy that ours would not say, each as JSON."""
    if not queue.get("Policy"):
        return []
    listed = json.loads(queue["Policy"]).get("Statement") or []
    tls = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": queue["QueueArn"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    ours = json.dumps({"Statement": [tls]})
    statements = listed if isinstance(listed, list) else [listed]
    return [json.dumps(one) for one in statements if lost_statements(json.dumps({"Statement": [one]}), ours)]


def _table(table: Facts) -> dict[str, Any]:
    if not table:
        return {}
    types = {item["AttributeName"]: item["AttributeType"] for item in table["AttributeDefinitions"]}
    indexes = {index["IndexName"]: _index(index, types) for index in table.get("GlobalSecondaryIndexes") or []}
    stream = table.get("StreamSpecification") or {}
    return {
        "partition_key": next(key["AttributeName"] for key in table["KeySchema"] if key["KeyType"] == "HASH"),
        **({"replies_index": True} if indexes.pop(REPLIES_INDEX, None) else {}),
        **({"indexes": kept} if (kept := {k: v for k, v in indexes.items() if k != ATTENTION_INDEX}) else {}),
        **({"stream_view_type": stream["StreamViewType"]} if stream.get("StreamEnabled") else {}),
    }


def _index(index: Facts, types: Mapping[str, str]) -> dict[str, Any]:
    keys = {key["KeyType"]: key["AttributeName"] for key in index["KeySchema"]}
    projection = index["Projection"]
    return {
        "hash_key": keys["HASH"],
        "hash_type": types[keys["HASH"]],
        **({"range_key": keys["RANGE"], "range_type": types[keys["RANGE"]]} if "RANGE" in keys else {}),
        "projection_type": projection["ProjectionType"],
        **({"non_key_attributes": projection["NonKeyAttributes"]} if projection.get("NonKeyAttributes") else {}),
    }


def _function(inventory: Inventory, notes: list[str]) -> dict[str, Any]:
    function, role, group = inventory.function, inventory.role, inventory.log_group
    kept: dict[str, Any] = {}
    if function:
        kept["memory_mb"] = function["MemorySize"]
        kept["timeout_seconds"] = function["Timeout"]
        kept["architecture"] = (function.get("Architectures") or ["x86_64"])[0]
        if function.get("Runtime") in RUNTIMES:
            kept["runtime"] = function["Runtime"]
        else:
            notes.append(f"The function runs {function.get('Runtime')}, which the package is not built for.")
        reserved = function["Concurrency"].get("ReservedConcurrentExecutions")
        kept["reserved_concurrency"] = reserved
        kept["tracing"] = True if function.get("TracingConfig", {}).get("Mode") == "Active" else None
        vpc = function.get("VpcConfig") or {}
        if vpc.get("SubnetIds"):
            kept["vpc"] = {"subnet_ids": vpc["SubnetIds"], "security_group_ids": vpc["SecurityGroupIds"]}
        kept["layers"] = [layer["Arn"] for layer in function.get("Layers") or []] or None
        fed = {
            qualifier[1] for mapping in inventory.mappings if (qualifier := QUALIFIED.search(mapping["FunctionArn"]))
        }
        kept["alias_name"] = next((alias["Name"] for alias in function["Aliases"] if alias["Name"] in fed), None)
    if role:
        kept["role_path"] = role["Path"] if role.get("Path", "/") != "/" else None
        kept["permissions_boundary_arn"] = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    if group:
        kept["log_retention_days"] = group.get("retentionInDays", 0)
    return {name: value for name, value in kept.items() if value is not None}


def _settings(inventory: Inventory, settings: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    given = inventory.function.get("Environment", {}).get("Variables", {})
    unknown = sorted(name for name in given if name not in settings)
    if unknown:
        notes.append(f"These variables of the function are none of ours, or set by Terraform: {', '.join(unknown)}.")
    return {settings[name]: value for name, value in given.items() if name in settings and value}


def _event_source(inventory: Inventory, notes: list[str]) -> dict[str, Any]:
    name = inventory.names["function"]
    ours = next((mapping for mapping in inventory.mappings if mapping["FunctionArn"].split(":")[6] == name), {})
    kept: dict[str, Any] = {"enabled": False}
    if ours:
        kept["batch_size"] = min(int(ours.get("BatchSize") or 10), 10)
        kept["batching_window_seconds"] = ours.get("MaximumBatchingWindowInSeconds") or 0
        if most := (ours.get("ScalingConfig") or {}).get("MaximumConcurrency"):
            kept["maximum_concurrency"] = most
    if any(mapping["FunctionArn"].split(":")[6] != name for mapping in inventory.mappings):
        notes.append("Another function is fed by the queue; it stays, and is switched off at the cut-over.")
    return kept


def _own_secrets(inventory: Inventory, environment: str) -> list[Facts]:
    """Return the secrets that no other environment of ours made."""
    return [secret for secret in inventory.secrets if owner_of(secret, inventory.tag_names) in (None, environment)]


def _secrets(inventory: Inventory, environment: str, notes: list[str]) -> dict[str, Any]:
    """Sort the secrets: those that companies and openai_keys would make are ours, the rest is read where it is."""
    companies: dict[str, list[str]] = {}
    keys, elsewhere = [], []
    own = {secret["Name"] for secret in _own_secrets(inventory, environment)}
    for secret in inventory.secrets:
        name = str(secret["Name"])
        match name.split("/"):
            case ["whatsapp-credentials", company, project, "twilio"] if name in own:
                companies.setdefault(company, []).append(project)
            case ["openai-api-key", *rest] if name in own and rest:
                keys.append("/".join(rest))
            case _:
                elsewhere.append(name)
    if elsewhere:
        notes.append(f"These secrets stay outside Terraform, and the function may read them: {', '.join(elsewhere)}.")
    return {
        "companies": companies,
        "openai_keys": keys if keys or inventory.secrets else None,
        "existing_secrets": elsewhere or None,
    }
