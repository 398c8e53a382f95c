"""Everything in terraform/ is known to provider 6: types, arguments, blocks, and the attributes that are read.

Plans run under the locked provider 5; this reads the files against the next one's schema. It knows names, not values.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hcl2
import pytest

TERRAFORM = Path(__file__).resolve().parents[3] / "terraform"
FILES = sorted(path for path in TERRAFORM.rglob("*.tf") if ".terraform" not in path.parts)
SCHEMA: Mapping[str, Any] = json.loads(Path(__file__).with_name("provider_6.json").read_text(encoding="utf-8"))

META = {"count", "for_each", "provider", "depends_on", "lifecycle"}

_PLAIN = hcl2.SerializationOptions(strip_string_quotes=True, with_comments=False, explicit_blocks=False)


def unknown(body: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield what a block says that the schema does not know, and what it must say and does not."""
    arguments, blocks = schema.get("arguments", {}), schema.get("blocks", {})
    dynamic = [(name, part["content"]) for block in body.get("dynamic", []) for name, part in block.items()]
    for name, inner in [*((name, value) for name, value in body.items() if name != "dynamic"), *dynamic]:
        if name in blocks:
            for one in inner:
                yield from unknown(one, blocks[name], f"{where}.{name}")
        elif arguments.get(name, "computed") == "computed":
            yield f"{where}: {name}"
    said = {*body, *(name for name, _ in dynamic)}
    yield from (f"{where} lacks {name}" for name, how in arguments.items() if how == "required" and name not in said)


def faults(text: str) -> list[str]:
    document = hcl2.loads(text, serialization_options=_PLAIN)
    found = []
    for kind in ("resource", "data"):
        for block in document.get(kind, []):
            for quoted, named in block.items():
                name = quoted.strip('"')
                if (schema := SCHEMA[kind].get(name)) is None:
                    found += [f"{kind} {name} is not known"] if name.startswith("aws_") else []
                    continue
                for body in named.values():
                    found += unknown({key: value for key, value in body.items() if key not in META}, schema, name)
    for data, kind, attribute in re.findall(r"(?<![\w.])(data\.)?(aws_[a-z0-9_]+)\.\w+(?:\[[^\]]*\])?\.(\w+)", text):
        schema = SCHEMA["data" if data else "resource"].get(kind, {})
        if attribute not in {*schema.get("arguments", {}), *schema.get("blocks", {})}:
            found.append(f"{data}{kind} has no {attribute}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TERRAFORM)))
def test_provider_6_knows_all_of_it(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


DYNAMIC = """
resource "aws_dynamodb_table" "t" {
  name = "t"
  dynamic "ttl" {
    for_each = []
    content {
      until = 1
    }
  }
}
"""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('resource "aws_sqs_queue" "q" {\n  nme = "q"\n}\n', "aws_sqs_queue: nme"),
        ('resource "aws_sqs_queue" "q" {\n  arn = "a"\n}\n', "aws_sqs_queue: arn"),
        ('resource "aws_sns_topic_policy" "q" {\n  arn = "a"\n}\n', "aws_sns_topic_policy lacks policy"),
        ('resource "aws_sqs_quote" "q" {\n}\n', "resource aws_sqs_quote is not known"),
        ('output "o" {\n  value = aws_sqs_queue.this[0].urn\n}\n', "aws_sqs_queue has no urn"),
        (DYNAMIC, "aws_dynamodb_table.ttl: until"),
    ],
)
def test_what_it_does_not_know_is_seen(text: str, fault: str) -> None:
    assert fault in faults(text)
