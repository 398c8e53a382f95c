"""The threat model names what stops each attack by its real name."""

import re
from pathlib import Path

from core.errors import ConversationConflictError
from services.openai_client import MAX_CLIENTS
from services.secrets_manager_service import MAX_SECRETS
from utils.guard_settings import GuardSettings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
MODEL = PAGE.split("## Threat model")[1].split("\n## ")[0]


def test_every_row_says_what_stops_it_and_what_does_not() -> None:
    rows = [line.split("|")[1:-1] for line in MODEL.splitlines() if line.startswith("| ")][1:]

    assert len(rows) >= 15
    assert all(len(row) == 4 for row in rows)
    assert all(row[2].strip() for row in rows)


def test_what_is_named_exists() -> None:
    named = set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)?|[A-Z_]+)`", MODEL))
    known = {str(field.validation_alias) for field in GuardSettings.model_fields.values()}
    known |= {"SECRETS_CACHE_SECONDS", ConversationConflictError.code, "thread_id", "phone_numbers", "moderation"}
    terraform = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "terraform").rglob("*.tf"))

    assert [name for name in named - known if not re.search(rf"\b{name.rpartition('.')[2]}\b", terraform)] == []


def test_the_bounds_of_the_caches_are_the_codes() -> None:
    assert f"are {MAX_SECRETS} and {MAX_CLIENTS} at most" in MODEL
