"""What the integration tests share: one stack for the run, in as many workers as pay off, and a summary at its end.

`python -m pytest tests/integration -m integration` runs everything. ENGINE chooses the engine, KEEP=1 leaves it
running, -n 0 runs in one process, and so does naming a single test.
"""

import itertools
import os
import signal
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from sandbox.engines.choice import choose
from sandbox.engines.engine import Ability
from sandbox.eventually import eventually
from sandbox.harness import Conversation, Deployment, Stack
from sandbox.stubs import StubClient
from tests.integration.keeper import StackKeeper, StackUnavailableError, WorkersKeeper
from tests.integration.summary import NO_STACK, Summary

WORKERS = 3
"""Tests wait more than they compute; more workers than this gain nothing on two cores."""

SLACK_SECONDS = 30.0
"""What a slow machine may add to what the design allows."""

MISSING_SECRET = {"secret_not_found", "secret_access_denied"}
"""IAM compares a missing secret's name, which has no random suffix, with the ARNs it allows, and denies access."""

REPORTS = Path(__file__).parents[2] / "reports"

MakeConversation = Callable[..., Conversation]

_KEEPER = pytest.StashKey[StackKeeper]()
_WORKERS_KEEPER = pytest.StashKey[WorkersKeeper]()


# The run


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run in parallel, and leave a JUnit report, unless the command line says otherwise."""
    if hasattr(config, "workerinput"):
        return
    option = config.option
    if option.xmlpath is None:
        option.xmlpath = str(
            REPORTS / f"integration{'-' + os.environ['ENGINE'] if os.environ.get('ENGINE') else ''}.xml"
        )
    is_selected = any("::" in argument for argument in config.args)
    if option.numprocesses is None and not is_selected and not option.collectonly and not option.usepdb:
        option.numprocesses = WORKERS
    if option.dist == "no":
        option.dist = "loadgroup"
        option.loadscopereorder = False


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("stack_keeper")
    if given is not None:
        config.option.loadgroup = (
            True  # xdist tells a worker the command line alone, and it does not know of its groups
        )
        config.stash[_WORKERS_KEEPER] = WorkersKeeper(*given)
        return
    keeper = StackKeeper(lambda: choose(os.environ), config.option.numprocesses or 1, _teller(config))
    keeper.keep = os.environ.get("KEEP", "") not in ("", "0")
    config.stash[_KEEPER] = keeper
    config.pluginmanager.register(Summary(config, keeper), "integration-summary")
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _end)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the keeper is."""
    node.workerinput["stack_keeper"] = node.config.stash[_KEEPER].listen()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what needs no stack, while it starts, and go on with what takes longest."""
    items.sort(key=lambda item: (needs_stack(item), 0 if item.get_closest_marker("slow") else 1))


def needs_stack(item: pytest.Item) -> bool:
    return "place" in getattr(item, "fixturenames", ())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the stack start while tests that do without run; where it can't, run none, and the summary says why."""
    if session.config.option.collectonly or not any(needs_stack(item) for item in session.items):
        return
    try:
        (session.config.stash.get(_WORKERS_KEEPER, None) or session.config.stash[_KEEPER]).begin()
    except StackUnavailableError:
        session.items.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say once for a folder what its tests lack, not once for each of them."""
    report = yield
    if report.skipped and report.when == "setup" and isinstance(report.longrepr, tuple):
        report.longrepr = (str(item.path.parent), None, report.longrepr[2])  # type: ignore[assignment]
    return report


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the stack where the summary did not come to it."""
    if (keeper := config.stash.get(_KEEPER, None)) is not None:
        keeper.end()


def _end(number: int, _: object) -> None:
    """Clean up and go, as after Ctrl-C; `make` and `timeout` may both send the signal, and the second is not heard."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _teller(config: pytest.Config) -> Callable[[str], None]:
    """Return what prints a line at once, through pytest's capturing."""

    def tell(line: str) -> None:
        terminal, capture = (config.pluginmanager.getplugin(name) for name in ("terminalreporter", "capturemanager"))
        if terminal is None:
            return
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            terminal.ensure_newline()
            terminal.write_line(line)
            terminal.flush()

    return tell


# The stack


@pytest.fixture(scope="session")
def place(request: pytest.FixtureRequest) -> tuple[Stack, str]:
    """The stack of this run, and the name of the environment that this process has to itself."""
    config = request.config
    try:
        there = config.stash.get(_WORKERS_KEEPER, None)
        return there.get() if there is not None else (config.stash[_KEEPER].get(), "dev")
    except StackUnavailableError:
        request.session.shouldstop = NO_STACK
        pytest.skip(NO_STACK)  # the summary says why, once


@pytest.fixture(scope="session")
def stack(place: tuple[Stack, str]) -> Stack:
    """The stack of this run."""
    return place[0]


@pytest.fixture(scope="session")
def deployment(place: tuple[Stack, str], stack: Stack) -> Deployment:
    """The environment of this process: nobody else uses it."""
    deployment = stack.deployment(place[1])
    deployment.warm_up()
    return deployment


@pytest.fixture
def stubs(stack: Stack) -> StubClient:
    """The stubs, which all tests share: scripts name the recipient of their own test."""
    return stack.stubs


@pytest.fixture
def needs(stack: Stack) -> Callable[[Ability], None]:
    """Skip the test on an engine that lacks an ability."""

    def check(ability: Ability) -> None:
        if ability in stack.traits.lacks:
            pytest.skip(stack.traits.lacks[ability])

    return check


_NUMBERS = itertools.count(1)


@pytest.fixture
def make_conversation(deployment: Deployment, stubs: StubClient) -> Iterator[MakeConversation]:
    """Make conversations of recipients of their own; nothing is left of them in the queues."""
    made: list[Conversation] = []

    def make(**context: Any) -> Conversation:
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
        tel = context.pop("recipient_tel", f"+4477009{worker}{next(_NUMBERS):04d}")
        name = {"frontend_payload__recipient_data__recipient_first_name": f"Ana{uuid.uuid4().hex[:6]}"}
        conversation_id = context.pop("conversation_id", f"conv-{uuid.uuid4().hex[:12]}")
        conversation = Conversation(deployment, stubs, tel, conversation_id, SLACK_SECONDS, **name, **context)
        made.append(conversation)
        return conversation

    yield make
    _leave_nothing(deployment, made)


@pytest.fixture
def conversation(make_conversation: MakeConversation) -> Conversation:
    """A conversation of its own, in template mode."""
    return make_conversation()


def _leave_nothing(deployment: Deployment, made: list[Conversation]) -> None:
    """Empty the queues, and make sure that every fault a test wanted was played."""
    try:
        eventually(lambda: deployment.queued() == (0, 0), within_seconds=2)
    except AssertionError:
        deployment.purge()
    deployment.delete_dead_letters()  # last: what was on its way there is there now
    unplayed = [
        entry
        for entries in (made[0].stubs.pending().values() if made else ())
        for entry in entries
        if entry["times"] is not None and any(conversation.recipient_tel in entry["match"] for conversation in made)
    ]
    assert not unplayed, f"these faults were never played: {unplayed}"
