"""A backup of what was made by hand, from which it can be put back. No value of a secret is read."""

import json
import re
import time
import urllib.request
from pathlib import Path
from typing import Any

from tools.infrastructure.adoption.clients import Clients, found, pages
from tools.infrastructure.adoption.inventory import Facts, Inventory
from tools.infrastructure.errors import TerraformError

LONGEST_SECONDS = 600
"""How long a backup of the table may take to be available; DynamoDB needs seconds, whatever the size."""

SENSITIVE = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)


def back_up(inventory: Inventory, folder: Path, name: str, clients: Clients) -> list[str]:
    """Keep everything that could be needed, and say what is where.

    Args:
        folder: Of the files; only its owner may read it.
        name: Of the backup that DynamoDB keeps of the table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    kept = []
    if inventory.table:
        kept.append(f"the table: {_table(inventory.table, name, clients)}")
    if inventory.function:
        location = clients("lambda").get_function(FunctionName=inventory.function["FunctionName"])["Code"]["Location"]
        with urllib.request.urlopen(location, timeout=60) as code:  # noqa: S310 - Lambda's own link
            (folder / "function.zip").write_bytes(code.read())
        _write(folder / "function.json", _without_passwords(inventory.function))
        kept.append(f"the function's code and configuration: {folder}/function.zip, function.json")
    _write(
        folder / "policies.json",
        {
            "queue": json.loads(inventory.queue.get("Policy", "{}")),
            "dead_letter_queue": json.loads(inventory.dead_letter_queue.get("Policy", "{}")),
            "topic": json.loads(inventory.topic.get("Policy", "{}")),
            "role": {name: inventory.role.get(name) for name in ("AssumeRolePolicyDocument", "Inline", "Attached")},
        },
    )
    _write(folder / "secrets.json", [_versions(secret, clients) for secret in inventory.secrets])
    rest = ("queue", "dead_letter_queue", "table", "role", "mappings", "log_group", "metric_filters", "alarms", "topic")
    _write(folder / "inventory.json", {name: getattr(inventory, name) for name in rest})
    kept.append(f"policies, ids of secret versions, and how all was set: {folder}/")
    return kept


def _table(table: Facts, name: str, clients: Clients) -> str:
    client = clients("dynamodb")
    arn = found(client.create_backup, TableName=table["TableName"], BackupName=name)["BackupDetails"]["BackupArn"]
    deadline = time.monotonic() + LONGEST_SECONDS
    while client.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"] != "AVAILABLE":
        if time.monotonic() > deadline:
            raise TerraformError(f"The backup {arn} is not there after {LONGEST_SECONDS} s; nothing was changed.")
        time.sleep(1)
    return str(arn)


def _versions(secret: Facts, clients: Clients) -> dict[str, Any]:
    versions = pages(
        clients("secretsmanager"), "list_secret_version_ids", "Versions", SecretId=secret["ARN"], IncludeDeprecated=True
    )
    return {
        "name": secret["Name"],
        "arn": secret["ARN"],
        "versions": {version["VersionId"]: version.get("VersionStages", []) for version in versions},
    }


def _without_passwords(function: Facts) -> dict[str, Any]:
    variables = function.get("Environment", {}).get("Variables", {})
    shown = {name: "not kept" if SENSITIVE.search(name) else value for name, value in variables.items()}
    return {**function, "Environment": {"Variables": shown}}


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=2, default=str, ensure_ascii=False) + "\n", encoding="utf-8")
    path.chmod(0o600)
