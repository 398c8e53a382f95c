"""Summary: what is checked when all tests have run, and one screen that tells how the run went."""

import time
from collections import defaultdict
from collections.abc import Callable

import pytest

from sandbox.harness import Stack
from sandbox.stubs.openapi_check import validate_journal
from tests.integration.keeper import StackKeeper
from tests.integration.leaks import find_leaks

NO_STACK = "there is no stack to test"
NODE = "tests/integration/whole_run.py"
SHOWN_SLOWEST = 6
SHOWN_FAULTS = 20


class Summary:
    """A pytest plugin of the process that began the run."""

    def __init__(self, config: pytest.Config, keeper: StackKeeper) -> None:
        self._config = config
        self._keeper = keeper
        self._began = time.monotonic()
        self._session: pytest.Session
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._outcomes: defaultdict[str, int] = defaultdict(int)
        self._skipped: defaultdict[str, list[str]] = defaultdict(list)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Have a start that fails end the run at once, not at the first test that needs the stack."""
        self._session = session
        runner = self._config.pluginmanager.getplugin("dsession") or session

        def stop() -> None:
            runner.shouldstop = NO_STACK

        self._keeper.on_failure = stop

    def pytest_report_header(self) -> str:
        return f"integration: {self._config.option.numprocesses or 1} environment(s) on one engine"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration
        if report.when == "call" or report.outcome != "passed":
            self._outcomes[report.outcome] += 1
        if report.skipped and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            self._skipped[reason].append(report.nodeid.rpartition("::")[2].partition("@")[0])

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Say nothing of each test that finds no stack."""
        return ("", "", "") if report.skipped and NO_STACK in str(report.longrepr) else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Check what only the whole run can show, while the stack is still there, and end it."""
        stack = self._keeper.stack
        if stack is not None and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._check(session, "no_secret_number_or_text_is_in_any_log", lambda: find_leaks(stack))
            self._check(session, "all_traffic_keeps_to_the_vendors_documents", lambda: _departures(stack))
        if self._keeper.failure:
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        self._keeper.end()

    def _check(self, session: pytest.Session, name: str, find: Callable[[], list[str]]) -> None:
        """Report a check of the whole run as a test of its own, which fails the run if it fails."""
        began = time.monotonic()
        faults = find()
        seconds = time.monotonic() - began
        if not faults:
            self._report(name, "passed", None, seconds)
            return
        more = [f"... and {len(faults) - SHOWN_FAULTS} more"] if len(faults) > SHOWN_FAULTS else []
        self._report(name, "failed", "\n".join([*faults[:SHOWN_FAULTS], *more]), seconds)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _report(self, name: str, outcome: str, text: str | None, seconds: float) -> None:
        self._session.testscollected += 1  # the progress line counts it too
        location = (NODE, 0, name)
        for when, result, words, took in (("call", outcome, text, seconds), ("teardown", "passed", None, 0.0)):
            report = pytest.TestReport(
                nodeid=f"{NODE}::{name}",
                location=location,
                keywords={},
                outcome=result,  # type: ignore[arg-type]
                longrepr=words,
                when=when,  # type: ignore[arg-type]
                duration=took,
            )
            self._config.hook.pytest_runtest_logreport(report=report)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminal = terminalreporter
        keeper = self._keeper
        if keeper.failure:
            terminal.section(NO_STACK, sep="-", red=True)
            terminal.write_line(keeper.failure)
        if keeper.stack is None or keeper.choice is None:
            return
        terminal.section("the whole product on an engine", sep="-")
        terminal.write_line(f"engine   {keeper.stack.traits.title} {keeper.stack.address.engine_version}")
        terminal.write_line(f"because  {keeper.choice.reason}")
        longest = sorted(keeper.timeline.steps, key=lambda step: -(step.seconds or 0))[:4]
        steps = ", ".join(str(step) for step in longest if (step.seconds or 0) >= 0.1)
        terminal.write_line(f"stack    {keeper.timeline.seconds:.1f} s to start: {steps}")
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self._outcomes.items()))
        workers = self._config.option.numprocesses or 1
        took = time.monotonic() - self._began
        terminal.write_line(
            f"tests    {counts} in {took:.0f} s, {sum(self._seconds.values()):.0f} s of tests in {workers} worker(s)"
        )
        for nodeid, seconds in sorted(self._seconds.items(), key=lambda item: -item[1])[:SHOWN_SLOWEST]:
            terminal.write_line(
                f"         {seconds:6.1f} s  {nodeid.removeprefix('tests/integration/').partition('@')[0]}"
            )
        for reason, tests in self._skipped.items():
            terminal.write_line(f"skipped  {len(tests)}: {reason}")
        terminal.write_line(f"report   {self._config.option.xmlpath}")
        if keeper.keep:
            terminal.section("left running, as KEEP=1 asks", sep="-")
            terminal.write_line(keeper.stack.how_to_look_around())


def _departures(stack: Stack) -> list[str]:
    forgotten = stack.stubs.journal_forgotten()
    lost = [f"the journal has forgotten {forgotten} exchanges: raise its limit"] if forgotten else []
    return lost + validate_journal(stack.stubs.journal())
