import io
from typing import Any

import pytest
from rich.console import Console

from demo.progress import HINTS, MEANWHILE, WORDS, Steps
from sandbox.eventually import eventually
from sandbox.harness.errors import HarnessError
from sandbox.harness.progress import Timeline


def make_console(*, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=None, highlight=False)


def printed(console: Console) -> str:
    text: Any = console.file
    return str(text.getvalue())


def test_without_a_terminal_every_step_is_two_lines() -> None:
    console = make_console()
    timeline = Timeline(Steps(console), clock=lambda: 0.0)

    with timeline.step("terraform apply, dev") as step:
        step.note = "12 resources"

    begin, end = printed(console).splitlines()
    assert begin == "[  0.0 s] Terraform: apply ... (about a minute: the provider waits until queues have settled)"
    assert end == "[  0.0 s] Terraform: apply: 0.0 s (12 resources)"


def test_a_step_that_fails_is_not_shown_as_done() -> None:
    console = make_console()
    timeline = Timeline(Steps(console), clock=lambda: 0.0)

    with pytest.raises(HarnessError), timeline.step("package"):
        raise HarnessError

    assert printed(console).splitlines()[-1] == "[  0.0 s] Building the deployment package: ended after 0.0 s"


def test_a_note_is_told_when_it_changes() -> None:
    console = make_console()
    steps = Steps(console)

    with Timeline(steps).step("six Context Objects") as step:
        for note in ("none", "none", "one"):
            steps.note(step, note)

    assert [line.strip() for line in printed(console).splitlines()[1:3]] == ["none", "one"]


def test_without_a_terminal_a_step_that_lasts_says_so() -> None:
    console = make_console()
    steps = Steps(console, remind_seconds=0.02)

    with steps.shown(), Timeline(steps).step("package"):
        eventually(lambda: "Building the deployment package: 0 s so far" in printed(console))

    assert "so far" not in printed(console).splitlines()[-1]


def test_on_a_terminal_there_is_one_live_list_and_something_to_read() -> None:
    console = make_console(terminal=True)
    steps = Steps(console)
    timeline = Timeline(steps)

    with steps.shown():
        with timeline.step("stubs"):
            eventually(lambda: "HTTP servers" in printed(console))
            eventually(lambda: any(title in printed(console) for title, _ in MEANWHILE))
        with pytest.raises(HarnessError), timeline.step("package"):
            raise HarnessError

    last_frame = printed(console).rpartition("\x1b[2K")[2]
    done, failed, *_ = last_frame.splitlines()
    assert done.startswith("✓ Starting OpenAI and Twilio")
    assert failed.startswith("✗ Building the deployment package")
    assert not any(title in last_frame for title, _ in MEANWHILE)


def test_hints_are_about_steps_that_have_words() -> None:
    assert set(HINTS) <= set(WORDS)
