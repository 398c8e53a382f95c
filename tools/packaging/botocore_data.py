"""Makes the SDK's service descriptions smaller: parsing them is half of the time a client takes to build."""

import gzip
import json
from pathlib import Path
from typing import Any

DATA = Path("botocore/data")


def slim_botocore_data(tree: Path) -> None:
    """Remove from the service descriptions what no call reads.

    That is the documentation of each operation and shape, and the endpoints of services that do not ship.
    """
    endpoint_prefixes = set()
    for file in (tree / DATA).glob("*/*/service-2.json.gz"):
        model = json.loads(gzip.decompress(file.read_bytes()))
        endpoint_prefixes.add(model["metadata"]["endpointPrefix"])
        file.write_bytes(gzip.compress(_compact(_without_documentation(model)), mtime=0))
    endpoints_file = tree / DATA / "endpoints.json"
    endpoints = json.loads(endpoints_file.read_bytes())
    for partition in endpoints["partitions"]:
        partition["services"] = {
            prefix: endpoint for prefix, endpoint in partition["services"].items() if prefix in endpoint_prefixes
        }
    endpoints_file.write_bytes(_compact(endpoints))


def _without_documentation(node: Any) -> Any:
    """Documentation is a string; a member of a shape that happens to be called so is an object."""
    if isinstance(node, dict):
        return {
            key: _without_documentation(value)
            for key, value in node.items()
            if not (key == "documentation" and isinstance(value, str))
        }
    if isinstance(node, list):
        return [_without_documentation(item) for item in node]
    return node


def _compact(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
