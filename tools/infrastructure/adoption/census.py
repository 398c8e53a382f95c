"""How much there is, before and after: messages, records, versions of secrets."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tools.infrastructure.adoption.clients import Clients, pages
from tools.infrastructure.adoption.inventory import Facts, Inventory

COUNTED = {
    "waiting": "ApproximateNumberOfMessages",
    "in flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True, slots=True)
class Census:
    """What is counted.

    Attributes:
        expiring: Records with a time after which the table's TTL may delete them.
        versions: Versions of each secret, by its name.
    """

    queue: Mapping[str, int] = field(default_factory=dict)
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    records: int = 0
    expiring: int = 0
    versions: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def taken(cls, inventory: Inventory, clients: Clients) -> "Census":
        """Count, without receiving a message or reading a value."""
        records, expiring = _records(inventory.table, clients)
        return cls(
            queue=_messages(inventory.queue, clients),
            dead_letters=_messages(inventory.dead_letter_queue, clients),
            records=records,
            expiring=expiring,
            versions={
                str(secret["Name"]): len(
                    pages(
                        clients("secretsmanager"),
                        "list_secret_version_ids",
                        "Versions",
                        SecretId=secret["ARN"],
                        IncludeDeprecated=True,
                    )
                )
                for secret in inventory.secrets
            },
        )

    def lost(self, before: "Census") -> list[str]:
        """Return what is fewer than it was; a message that moved to the DLQ meanwhile is not."""
        lost = []
        now, then = (sum(census.queue.values()) + sum(census.dead_letters.values()) for census in (self, before))
        if now < then:
            lost.append(f"{then - now} of {then} messages")
        if self.records < before.records:
            lost.append(f"{before.records - self.records} of {before.records} records")
        lost += [
            f"{count - self.versions.get(name, 0)} of {count} versions of the secret {name}"
            for name, count in before.versions.items()
            if self.versions.get(name, 0) < count
        ]
        return lost

    def __str__(self) -> str:
        counts = [f"{count} {what}" for what, count in self.queue.items()]
        return (
            f"{', '.join(counts) or 'no queue'}; {sum(self.dead_letters.values())} in the DLQ; {self.records} records;"
            f" {sum(self.versions.values())} versions of {len(self.versions)} secrets"
        )

    def document(self) -> dict[str, Any]:
        return asdict(self)


def _messages(queue: Facts, clients: Clients) -> dict[str, int]:
    if not queue:
        return {}
    answer = clients("sqs").get_queue_attributes(QueueUrl=queue["QueueUrl"], AttributeNames=["All"])["Attributes"]
    return {what: int(answer.get(name, 0)) for what, name in COUNTED.items()}


def _records(table: Facts, clients: Clients) -> tuple[int, int]:
    if not table:
        return 0, 0
    scan = clients("dynamodb").get_paginator("scan")
    asked = {"TableName": table["TableName"], "Select": "COUNT", "ConsistentRead": True}
    records = sum(page["Count"] for page in scan.paginate(**asked))
    expiring = scan.paginate(**asked, FilterExpression="attribute_exists(expires_at)")
    return records, sum(page["Count"] for page in expiring)
