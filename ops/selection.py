"""Selection: which messages of the DLQ a command is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from ops.answers import Reason
from ops.errors import UsageError
from ops.letters import Letter
from ops.reasons import find_reasons
from ops.recipients import number_in
from ops.table import ConversationTable

Codes = Annotated[list[str] | None, typer.Option("--code", help="Only messages with this code; repeatable.")]
Companies = Annotated[list[str] | None, typer.Option("--company", help="Only messages of this company; repeatable.")]
Ids = Annotated[
    list[str] | None,
    typer.Option("--id", help="Only this message, by its own id, its conversation's or the number; repeatable."),
]

Judged = tuple[Letter, Reason, datetime | None]


@dataclass(frozen=True, slots=True)
class Selection:
    """Messages by id, code and company: each that is given must fit. With none given, all."""

    codes: frozenset[str]
    companies: frozenset[str]
    ids: frozenset[str]

    @classmethod
    def of(cls, codes: Sequence[str] | None, companies: Sequence[str] | None, ids: Sequence[str] | None) -> "Selection":
        """Return a selection; numbers among the ids are read as people write them.

        Raises:
            UsageError: An id is empty.
        """
        if any(not text.strip() for text in (*(codes or ()), *(companies or ()), *(ids or ()))):
            raise UsageError("An id, code or company is empty", "Is a variable of your shell not set?")
        return cls(
            frozenset(codes or ()), frozenset(companies or ()), frozenset(number_in(one) or one for one in ids or ())
        )

    def __bool__(self) -> bool:
        return bool(self.codes or self.companies or self.ids)

    def __str__(self) -> str:
        """Say which messages, as a question does."""
        parts = [
            f"{word} {', '.join(sorted(values))}"
            for word, values in (("with", self.codes), ("of", self.companies), ("known as", self.ids))
            if values
        ]
        return f"messages {' '.join(parts)}" if parts else "messages"

    def pick(self, letters: Sequence[Letter], table: ConversationTable) -> list[Letter]:
        """Return those that fit; the table is asked only where a code is given."""
        if self.codes:
            return [letter for letter, _, _ in self.pick_judged(letters, table)]
        return [letter for letter in letters if self._fits(letter)]

    def pick_judged(self, letters: Sequence[Letter], table: ConversationTable) -> list[Judged]:
        """Return those that fit, with the reason why each is in the DLQ."""
        judged = find_reasons([letter for letter in letters if self._fits(letter)], table)
        return [one for one in judged if not self.codes or one[1].code in self.codes]

    def missing(self, letters: Sequence[Letter]) -> list[str]:
        """Return the ids that none of the letters has."""
        return sorted(one for one in self.ids if not any(letter.known_as(one) for letter in letters))

    def _fits(self, letter: Letter) -> bool:
        if self.companies and letter.company_id not in self.companies:
            return False
        return not self.ids or any(letter.known_as(one) for one in self.ids)
