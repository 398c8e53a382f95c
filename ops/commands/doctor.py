"""`doctor`: is the deployment in order?"""

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from ops.answers import Diagnosis, Finding, Verdict, fail, not_checked, skip
from ops.checks.alarms import check_alarms, check_listeners
from ops.checks.function import check_event_source, check_function, check_log_group, check_settings
from ops.checks.names import check_names
from ops.checks.package import check_package
from ops.checks.queues import check_account, check_dead_letter_queue, check_queue, check_redrive_policy
from ops.checks.table import check_attention, check_table
from ops.errors import AwsError, ExitCode
from ops.options import NoSecrets
from ops.patient import Patient
from ops.render import BAD, DIM, GOOD, STRONG, WARN, counted, grid
from ops.session import Session

Check = Callable[[Patient], Iterable[Finding]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("queue", check_queue),
    ("DLQ", check_dead_letter_queue),
    ("redrive policy", check_redrive_policy),
    ("table", check_table),
    ("conversations", check_attention),
    ("function", check_function),
    ("settings", check_settings),
    ("event source", check_event_source),
    ("log group", check_log_group),
    ("alarms", check_alarms),
    ("names", check_names),
    ("listeners", check_listeners),
)
"""In the order in which they are shown; those of the package and the secrets follow."""

_STYLES = {Verdict.OK: GOOD, Verdict.WARNING: WARN, Verdict.FAILED: f"{STRONG} {BAD}", Verdict.SKIPPED: DIM}


def doctor(
    session: Session,
    *,
    secret: Annotated[list[str] | None, typer.Option(help="Check only this secret; repeatable.")] = None,
    no_secrets: NoSecrets = False,
) -> None:
    """Check a deployment from queue to alarms, secrets and vendors' keys included; a verdict and advice per line."""
    checks = [
        *CHECKS,
        ("package", check_package(session.world.fetch)),
        ("secrets", _secrets_check(session, secret or [], no_secrets=no_secrets)),
    ]
    patient, findings = Patient(session.aws, session.names), list[Finding]()
    with session.screen.progress("examining") as tick:
        try:
            findings += check_account(patient)
        except AwsError:
            raise  # without credentials there is nothing to examine
        except Exception as exc:  # noqa: BLE001 - as of every other check
            findings.append(not_checked("account", exc))
        said: set[str] = set()
        for number, (name, check) in enumerate(checks):
            tick(number, len(checks))
            findings += _examine(name, check, patient, said)
    answer = Diagnosis(
        environment=session.names.environment,
        where=session.aws.where,
        healthy=all(finding.verdict is not Verdict.FAILED for finding in findings),
        findings=findings,
    )
    session.screen.answer(answer, _render)
    if not answer.healthy:
        raise typer.Exit(ExitCode.PROBLEM)


def _examine(name: str, check: Check, patient: Patient, said: set[str]) -> Iterator[Finding]:
    """Run a check; what can't be looked at is a failure, said once: `said` is what was."""
    try:
        yield from check(patient)
    except AwsError as error:
        message = error.args[0]
        if message in said:
            yield skip(name, "can't be looked at, as something above is missing")
        else:
            yield fail(name, message, error.advice)
        said.add(message)
    except Exception as exc:  # noqa: BLE001 - the one check that can't be made must not hide the others
        yield not_checked(name, exc)


def _secrets_check(session: Session, names: list[str], *, no_secrets: bool) -> Check:
    def check(patient: Patient) -> Iterable[Finding]:
        from ops.checks.secrets import check_secrets  # noqa: PLC0415 - the vendors' SDKs take long to import

        return check_secrets(names, session.world.vendors())(patient)

    return (lambda _: [skip("secrets", "not looked at")]) if no_secrets else check


def _render(answer: Diagnosis) -> RenderableType:
    rows, given = grid(3), set[str]()
    for finding in answer.findings:
        rows.add_row(Text(finding.verdict, _STYLES[finding.verdict]), finding.check, finding.detail)
        if finding.advice and finding.advice not in given:
            given.add(finding.advice)
            rows.add_row("", "", Text(finding.advice, DIM))
    return Group(rows, Text(), _summary(answer))


def _summary(answer: Diagnosis) -> Text:
    number = {verdict: sum(finding.verdict is verdict for finding in answer.findings) for verdict in Verdict}
    parts = [f"{number[Verdict.OK]} ok"]
    if number[Verdict.WARNING]:
        parts.append(counted(number[Verdict.WARNING], "warning"))
    if number[Verdict.FAILED]:
        parts.append(f"{number[Verdict.FAILED]} failed")
    if number[Verdict.SKIPPED]:
        parts.append(f"{number[Verdict.SKIPPED]} not looked at")
    state = "in order" if answer.healthy else "not in order"
    style = GOOD if answer.healthy else f"{STRONG} {BAD}"
    return Text.assemble((f"{answer.environment} is {state}", style), f": {', '.join(parts)}")
