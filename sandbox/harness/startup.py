"""Startup: bring up a stack, with everything at the same time that can be, and nothing again that is still good."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.engines.engine import Engine, aws_environ
from sandbox.engines.ports import is_free
from sandbox.harness.aws import Aws
from sandbox.harness.packaging import PackageBuild
from sandbox.harness.plan import COMPANIES, MADE_BY_TESTS, Plan, merged
from sandbox.harness.progress import Timeline
from sandbox.harness.workspace import Manifest, Workspace, fingerprint
from sandbox.stubs import StubProcess
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.runner import Terraform, check_version
from tools.interrupts import signals_deferred

JOURNAL_LIMIT = 100_000

_LEFT_RUNNING: list["Startup"] = []
"""Python complains of a process that nobody waits for once nobody knows it."""

Outputs = Mapping[str, Mapping[str, Any]]


class Startup:
    """Starts the parts of one stack, and ends them."""

    def __init__(
        self, engine: Engine, name: str, plans: Sequence[Plan], secrets: Mapping[str, str], timeline: Timeline
    ) -> None:
        self._engine = engine
        self._plans = plans
        self._secrets = secrets
        self._timeline = timeline
        self._build = PackageBuild()
        self._package = Path()
        self.workspace = Workspace.open(engine, name)
        self.stubs = StubProcess()

    def run(self) -> Outputs:
        """Start everything and return Terraform's outputs, by environment."""
        left = self._what_is_left()
        with self._timeline.step("what it needs"):
            self._together(check_version, self._engine.prepare)
        self._together(
            self._build_package,
            lambda: self._start_stubs(left.stub_port if left else 0),
            lambda: self._start_engine(left.engine_port if left else None),
            *([] if left else [lambda plan=plan: self._initialise(plan) for plan in self._plans]),
        )
        mark = fingerprint(self._package, self._engine.version, self._variables(), dict(self._secrets))
        if left and left.fingerprint == mark and self._works(left.outputs):
            return left.outputs
        self.workspace.begin()
        outputs = self._apply(left)
        self._store_secrets()
        self._leave(Manifest(mark, _port_of(self._engine.endpoint), self.stubs.port, outputs))
        return outputs

    def end(self) -> None:
        """End what was started, each part whatever the others do."""
        with ExitStack() as parts:
            parts.callback(self.workspace.close)
            parts.callback(self._engine.stop)
            parts.callback(self.stubs.stop)

    def leave(self) -> None:
        """Let everything run on when this process is gone."""
        if self.workspace.lasts:
            self.workspace.close()
        _LEFT_RUNNING.append(self)

    def how_to_end(self) -> str:
        """Return the command that does what `end` does."""
        own_folder = [] if self.workspace.lasts else [f"rm -r {self.workspace.folder}"]
        return "; ".join([self._engine.how_to_end(), f"kill {self.stubs.pid}", *own_folder])

    # What the last one left

    def _what_is_left(self) -> Manifest | None:
        left = self.workspace.manifest()
        if left and set(left.outputs) >= {plan.environment for plan in self._plans} and is_free(left.engine_port):
            return left
        self.workspace.clear()
        return None

    def _works(self, outputs: Outputs) -> bool:
        """Whether the functions of a restored engine are there and fed."""
        with self._timeline.step("as it was left") as step:
            functions = self._aws().client("lambda")
            try:
                states = [
                    state
                    for output in outputs.values()
                    for state in (
                        functions.get_function_configuration(FunctionName=output["function_name"])["State"],
                        functions.get_event_source_mapping(UUID=output["event_source_mapping_uuid"])["State"],
                    )
                ]
            except (BotoCoreError, ClientError) as exc:
                states = [str(exc)]
            works = set(states) == {"Active", "Enabled"}
            step.note = "" if works else "it does not work any more"
        return works

    def _leave(self, manifest: Manifest) -> None:
        if not self.workspace.lasts:
            return
        with self._timeline.step("left for the next run"):
            self._engine.freeze()
            self._engine.start()
            self.workspace.leave(manifest)

    # The parts

    def _build_package(self) -> None:
        self._package = self._build.run(self._engine.target(), self._timeline)

    def _start_stubs(self, port: int) -> None:
        with self._timeline.step("stubs"):
            host = self._engine.traits.listen_on
            self.stubs = StubProcess(host=host, port=port if is_free(port) else 0, journal_limit=JOURNAL_LIMIT)
            self.stubs.start()

    def _start_engine(self, port: int | None) -> None:
        with self._timeline.step(self._engine.traits.title) as step:
            if self.workspace.lasts:
                self._engine.keep_state_in(self.workspace.engine_state, port)
            self._engine.start()
            step.note = self._engine.version

    # Terraform

    def _apply(self, left: Manifest | None) -> Outputs:
        try:
            return self._apply_all(again=left is not None)
        except TerraformError:
            if left is None:
                raise
        with self._timeline.step("starting over") as step:
            step.note = "the last stack can't be changed into this one"
            self._engine.stop()
            self.workspace.clear()
            self._engine.start()
        return self._apply_all(again=True)

    def _apply_all(self, *, again: bool) -> Outputs:
        outputs: dict[str, Mapping[str, Any]] = {}

        def apply(plan: Plan) -> None:
            if again:
                self._initialise(plan)
            with self._timeline.step(f"terraform apply, {plan.environment}"):
                terraform = self._terraform(plan)
                terraform.apply(self._variables()[plan.environment])
                outputs[plan.environment] = terraform.outputs()

        self._together(*(lambda plan=plan: apply(plan) for plan in self._plans))
        return {plan.environment: outputs[plan.environment] for plan in self._plans}

    def _initialise(self, plan: Plan) -> None:
        """Install provider and modules anew, in a copy of our Terraform; the state stays."""
        with self._timeline.step(f"terraform init, {plan.environment}"):
            folder = self.workspace.terraform(plan.environment)
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.iterdir():
                if path.name == ".terraform" or ".tfstate" in path.name:
                    continue
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            Terraform.copied_to(folder, os.environ).init()

    def _terraform(self, plan: Plan) -> Terraform:
        folder = self.workspace.terraform(plan.environment)
        return Terraform(
            folder,
            terraform_environ(aws_environ(self._engine.endpoint, self._engine.credentials)),
            folder / "terraform.log",
        )

    def _variables(self) -> dict[str, dict[str, Any]]:
        """Return the variables of each environment: the plan's over what the harness and the engine need."""
        target, urls = self._engine.target(), self.stubs.urls_for(self._engine.traits.functions_see_us_as)
        base = {
            "deletion_protection": False,
            "secret_recovery_days": 0,
            "companies": {name: list(projects) for name, projects in COMPANIES.items()},
            "existing_secrets": list(MADE_BY_TESTS),
            "package_path": str(self._package),
            "event_source": {"enabled": True},  # every secret is stored before anything is sent
            "function": {"runtime": f"python{target.python}", "architecture": target.architecture},
            "function_settings": {"openai_base_url": urls.openai, "twilio_api_base_url": urls.twilio},
        }
        others: dict[str, Any] = {
            "companies": {},
            "openai_keys": [],
            "existing_secrets": [*self._secrets, *MADE_BY_TESTS],
        }  # secret names carry no environment: the first makes them
        return {
            plan.environment: {
                **merged(base, self._engine.traits.variables, plan.variables),
                **(others if index else {}),
                "environment": plan.environment,
            }
            for index, plan in enumerate(self._plans)
        }

    def _aws(self) -> Aws:
        return Aws(self._engine.traits.name, self._engine.endpoint, self._engine.credentials)

    def _store_secrets(self) -> None:
        secrets = Aws(self._engine.traits.name, self._engine.endpoint, self._engine.credentials).client(
            "secretsmanager"
        )
        for name, value in self._secrets.items():
            secrets.put_secret_value(SecretId=name, SecretString=value)

    def _together(self, *calls: Callable[[], None]) -> None:
        """Run calls side by side; when one fails, or the user has had enough, the others have to end too."""
        with ThreadPoolExecutor(len(calls)) as pool:
            try:
                with signals_deferred():
                    futures = [pool.submit(call) for call in calls]
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                self._build.stop()
                self._engine.stop()
                raise


def terraform_environ(aws: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which our Terraform works on an engine, and soon gives up where there is none."""
    return {**os.environ, **aws, "AWS_MAX_ATTEMPTS": "3"}


def _port_of(endpoint: str) -> int:
    return int(endpoint.rsplit(":", 1)[1])
