"""Versions of the function: which stay, and when none is published at all."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tools.infrastructure.release import deployed_release
from tools.infrastructure.versions import prune, prune_if_allowed


class Functions:
    """Lambda, with published versions from 1 on and an alias or two."""

    def __init__(self, count: int, *aliases: dict[str, Any], denied: bool = False) -> None:
        self._pages = {
            "list_versions_by_function": [
                {"Versions": [{"Version": "$LATEST"}, *({"Version": str(number)} for number in range(1, count + 1))]}
            ],
            "list_aliases": [{"Aliases": list(aliases)}],
        }
        self._denied = denied
        self.deleted: list[str] = []

    def get_paginator(self, operation: str) -> Any:
        pages = self._pages[operation]

        class Paginator:
            def paginate(self, **_: str) -> list[dict[str, Any]]:
                return pages

        return Paginator()

    def delete_function(self, *, FunctionName: str, Qualifier: str) -> None:  # noqa: N803 - boto3's names
        if self._denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DeleteFunction")
        self.deleted.append(Qualifier)


def test_the_newest_stay_and_what_an_alias_names() -> None:
    weighted = {"FunctionVersion": "12", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}}}
    functions = Functions(12, weighted, {"FunctionVersion": "1"})

    assert prune(functions, "f", kept=8) == ["3", "4"]
    assert functions.deleted == ["3", "4"]


@pytest.mark.parametrize("count", [0, 3])
def test_few_versions_all_stay(count: int) -> None:
    assert prune(Functions(count), "f", kept=3) == []


def test_a_deployment_that_may_not_prune_has_succeeded() -> None:
    gone, stopped = prune_if_allowed(Functions(20, denied=True), "f")

    assert gone == []
    assert stopped is not None
    assert "AccessDenied" in stopped


def state(package: bytes, **variables: str) -> str:
    digest = base64.b64encode(hashlib.sha256(package).digest()).decode()
    attributes = {"source_code_hash": digest, "environment": [{"variables": variables}] if variables else []}
    return json.dumps({"resources": [{"type": "aws_lambda_function", "instances": [{"attributes": attributes}]}]})


@pytest.mark.parametrize(
    ("held", "release"),
    [
        (state(b"this", VERSION="v1"), "v1"),
        (state(b"another", VERSION="v1"), None),
        (state(b"this"), None),
        ("", None),
    ],
    ids=["the same package", "another package", "no release", "no state"],
)
def test_the_same_package_keeps_its_release(held: str, release: str | None, tmp_path: Path) -> None:
    package = tmp_path / "package.zip"
    package.write_bytes(b"this")

    assert deployed_release(held, package) == release


def test_without_a_package_there_is_nothing_to_compare(tmp_path: Path) -> None:
    assert deployed_release(state(b"this", VERSION="v1"), tmp_path / "none.zip") is None
