import os
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest
from rich.console import Console

from demo.ending import FAILED, DemoError, Interruption, run
from sandbox.engines.engine import EngineError
from sandbox.harness.errors import HarnessError


def raising(error: BaseException) -> Callable[[Console, Interruption], int]:
    def main(_: Console, __: Interruption) -> int:
        raise error

    return main


@pytest.mark.parametrize(
    "error",
    [DemoError("it is [so]: do this"), HarnessError("it is [so]: do this"), EngineError("it is [so]: do this")],
)
def test_an_error_is_its_message_and_no_traceback(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(raising(error))

    assert code == FAILED
    assert capsys.readouterr().err.strip() == "it is [so]: do this"


def test_what_nobody_foresaw_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_with_a_line(number: int, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def main(_: Console, __: Interruption) -> int:
        os.kill(os.getpid(), number)
        return 0

    assert run(main) == code
    assert capsys.readouterr().out.split("\n")[1:3] == [
        "Cleaning up, a moment ...",
        "Interrupted; nothing is left running.",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_it_was_started_to_ignore_does_nothing(number: int) -> None:
    """As nohup has it, or a shell that starts it in the background."""

    def main(_: Console, __: Interruption) -> int:
        os.kill(os.getpid(), number)
        return 0

    before = signal.signal(number, signal.SIG_IGN)
    try:
        assert run(main) == 0
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_an_error_that_an_interruption_caused_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    def main(_: Console, __: Interruption) -> int:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        raise EngineError("the engine was ended under its feet")

    assert run(main) == 130
    assert capsys.readouterr().err == ""


def test_further_signals_do_not_end_the_cleaning_up() -> None:
    cleaned: list[str] = []

    def main(_: Console, __: Interruption) -> int:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append("all")
        return 0

    assert run(main) == 130
    assert cleaned == ["all"]


def test_cleaning_up_after_success_is_not_ended_and_it_stays_a_success() -> None:
    def main(_: Console, interruption: Interruption) -> int:
        interruption.wait_for_end()
        os.kill(os.getpid(), signal.SIGINT)
        return 0

    assert run(main) == 0


def test_an_error_stays_one_though_it_was_cleaned_up_after() -> None:
    def main(_: Console, interruption: Interruption) -> int:
        try:
            raise DemoError("not so")
        finally:
            interruption.wait_for_end()

    assert run(main) == FAILED


def test_the_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)

    run(lambda _, __: 0)

    assert signal.getsignal(signal.SIGTERM) is before
