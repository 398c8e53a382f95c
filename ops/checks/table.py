"""Checks of the conversations table."""

from collections.abc import Iterator
from itertools import islice

from ops.answers import Finding, fail, ok, warn
from ops.names import ATTENTION_INDEX
from ops.patient import Patient
from ops.render import counted
from ops.table import PARTITION_KEYS, ConversationTable

SORT_KEY = "conversation_id"
INDEX_KEY = ("needs_attention", "updated_at")
EXPIRY = "expires_at"

COUNTED = 100
"""Most conversations that are counted; the number is for a person."""


def check_table(patient: Patient) -> Iterator[Finding]:
    table, name = patient.table, patient.names.table
    if table["TableStatus"] not in {"ACTIVE", "UPDATING"}:
        yield fail("table", f"{name} is {table['TableStatus']}", f"Wait, or: {patient.deploy}")
    elif _key(table["KeySchema"]) not in [(partition, SORT_KEY) for partition in PARTITION_KEYS]:
        yield fail(
            "table",
            f"{name} has another key than {' or '.join(PARTITION_KEYS)} and {SORT_KEY}",
            "Is it another table? See --table.",
        )
    else:
        yield ok("table", f"{name}, {table['TableStatus'].lower()}, about {counted(table['ItemCount'], 'record')}")
    indexes = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", [])}
    index = indexes.get(ATTENTION_INDEX)
    if index is None or _key(index["KeySchema"]) != INDEX_KEY:
        yield fail("index", f"there is no {ATTENTION_INDEX} on {' and '.join(INDEX_KEY)}", patient.deploy)
    elif index.get("IndexStatus", "ACTIVE") != "ACTIVE":
        yield warn("index", f"{ATTENTION_INDEX} is {index['IndexStatus']}", "Wait until it is built.")
    else:
        yield ok("index", f"{ATTENTION_INDEX}, active")
    ttl = patient.time_to_live
    if ttl.get("TimeToLiveStatus") not in {"ENABLED", "ENABLING"} or ttl.get("AttributeName") != EXPIRY:
        yield warn("expiry", f"records are kept for ever: time to live is not on {EXPIRY}", patient.deploy)


def check_attention(patient: Patient) -> Iterator[Finding]:
    table = ConversationTable(patient.aws, patient.names)
    number = sum(1 for _ in islice(table.needing_attention(), COUNTED))
    if number:
        more = " or more" if number == COUNTED else ""
        verb = "needs" if number == 1 else "need"
        yield warn(
            "conversations", f"{counted(number, 'conversation')}{more} {verb} attention", "List them: ops attention"
        )
    else:
        yield ok("conversations", "none needs attention")


def _key(schema: list[dict[str, str]]) -> tuple[str, ...]:
    return tuple(element["AttributeName"] for element in sorted(schema, key=lambda element: element["KeyType"]))
