"""Commands and options of `python -m ops` that documents speak of exist."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.unit.docs.documents import DOCUMENTS, Document

app = pytest.importorskip("ops.app", reason="the operations command is not there").app


def calls(document: Document) -> list[list[str]]:
    """Return the words behind each `ops` or `python -m ops` that is to be typed."""
    found = (
        call for line in document.commands for call in re.findall(r"(?:^|\bpython -m |\| )ops ([^|#;]+)", line.strip())
    )
    return [shlex.split(call.replace("'", "")) for call in found]


def fault(words: Sequence[str]) -> str | None:
    """Return what is wrong with a call, if anything is."""
    command: Any = typer.main.get_command(app)
    words = list(words)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name = words.pop(0)
        if name not in command.commands:
            return f"there is no command {name!r}"
        command = command.commands[name]
    options = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
    unknown = {word for word in words if word.startswith("--")} - {*options, "--help", "--install-completion"}
    return f"{command.name} has no {', '.join(sorted(unknown))}" if unknown else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_call_of_the_operations_command_is_possible(document: Document) -> None:
    assert [problem for words in calls(document) if (problem := fault(words))] == []


@pytest.mark.parametrize(
    "text", ["`ops nonsense`", "`python -m ops dlq nonsense`", "```sh\nops show ID --nonsense\n```"]
)
def test_a_call_that_is_not_possible_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "here.md").write_text(text, encoding="utf-8")

    assert [fault(words) is not None for words in calls(Document(tmp_path / "here.md"))] == [True]
