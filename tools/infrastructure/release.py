"""The name of the code that is deployed, for VERSION on every log line."""

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path

UNKNOWN = "unknown"


def describe_release(repository: Path) -> str:
    """Return what `git describe` says, or `unknown` outside git."""
    try:
        said = subprocess.run(
            ["git", "-C", str(repository), "describe", "--tags", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=True,
            encoding="utf-8",
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return re.sub(r"[^A-Za-z0-9_.+-]", "-", said)[:64] or UNKNOWN


def deployed_release(state: str, package: Path) -> str | None:
    """Return the release that the state's function was deployed as, if its package is this one.

    A commit that leaves the package as it is then deploys nothing, and publishes no version of the function.

    Args:
        state: What `terraform state pull` prints; empty if there is none.
    """
    if not package.is_file():
        return None
    digest = base64.b64encode(hashlib.sha256(package.read_bytes()).digest()).decode()
    for resource in json.loads(state or "{}").get("resources", []):
        if resource["type"] != "aws_lambda_function":
            continue
        for instance in resource["instances"]:
            function = instance["attributes"]
            if function.get("source_code_hash") == digest:
                environment = (function.get("environment") or [{}])[0]
                return (environment.get("variables") or {}).get("VERSION")
    return None
