"""Stack: an engine, the stubs of the vendors, and our Terraform applied; the whole product on one machine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from sandbox.engines.engine import Credentials, Engine, Traits, aws_environ
from sandbox.harness.aws import Aws
from sandbox.harness.deployment import Deployment
from sandbox.harness.plan import ENVIRONMENT, SECRETS, Plan
from sandbox.harness.progress import Progress, Timeline, say_nothing
from sandbox.harness.startup import Startup, terraform_environ
from sandbox.stubs import StubClient, StubUrls
from tools.infrastructure.runner import Terraform


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running stack is; plain JSON, so that another process can use the stack too.

    Attributes:
        outputs: Terraform's outputs, by environment.
        terraform: Terraform's folder, by environment.
        how_to_end: The command that ends a stack which was kept.
    """

    traits: Traits
    engine_version: str
    endpoint: str
    credentials: Credentials
    stubs: Mapping[str, str]
    outputs: Mapping[str, Mapping[str, Any]]
    terraform: Mapping[str, str]
    how_to_end: str

    def environ(self) -> dict[str, str]:
        """Return what an AWS SDK, the AWS command line or Terraform needs to reach the engine."""
        return aws_environ(self.endpoint, self.credentials)

    def view(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> Self:
        """Return the address that `view` was made of."""
        return cls(
            **{**view, "traits": Traits(**view["traits"]), "credentials": Credentials(**view["credentials"])},
        )


class Stack:
    """A running stack."""

    def __init__(self, address: Address) -> None:
        """Use the stack at an address; whoever started it ends it."""
        self.address = address
        self.traits = address.traits
        self.aws = Aws(address.traits.name, address.endpoint, address.credentials)
        self.stub_urls = StubUrls(**address.stubs)
        self.stubs = StubClient(self.stub_urls.control)
        self._deployments = {
            environment: Deployment(environment, outputs, self.aws) for environment, outputs in address.outputs.items()
        }

    @classmethod
    @contextmanager
    def start(
        cls,
        engine: Engine,
        *,
        name: str,
        plans: Sequence[Plan] = (Plan(),),
        secrets: Mapping[str, str] = SECRETS,
        progress: Progress = say_nothing,
        timeline: Timeline | None = None,
        keep: bool = False,
    ) -> Iterator[Self]:
        """Start everything, and end it with the block.

        Args:
            engine: Not started yet; `sandbox.engines.choose` returns one.
            name: Stacks of one name take over what the last one left, where the engine keeps its state.
            plans: The environments to deploy, side by side on one engine. The first makes the secrets.
            secrets: Name to value of the secrets that Terraform makes.
            progress: Is told of each step.
            timeline: Remembers the steps.
            keep: Leave it running at the end of the block.

        Raises:
            HarnessError, EngineError, TerraformError, PackageError: It does not start; nothing is left of it.
        """
        startup = Startup(engine, name, plans, secrets, timeline or Timeline(progress))
        try:
            outputs = startup.run()
            yield cls(
                Address(
                    traits=engine.traits,
                    engine_version=engine.version,
                    endpoint=engine.endpoint,
                    credentials=engine.credentials,
                    stubs=startup.stubs.urls.view(),
                    outputs=outputs,
                    terraform={plan.environment: str(startup.workspace.terraform(plan.environment)) for plan in plans},
                    how_to_end=startup.how_to_end(),
                )
            )
        except BaseException:
            startup.end()
            raise
        if keep:
            startup.leave()
        else:
            startup.end()

    def deployment(self, environment: str = ENVIRONMENT) -> Deployment:
        return self._deployments[environment]

    @property
    def deployments(self) -> list[Deployment]:
        return list(self._deployments.values())

    def terraform(self, environment: str = ENVIRONMENT) -> Terraform:
        """Return Terraform as it was applied, for a plan or another look at it."""
        return Terraform(Path(self.address.terraform[environment]), terraform_environ(self.address.environ()))

    def exports(self) -> str:
        """Return the line for a shell that points `aws` and `ops` at this stack."""
        return "export " + " ".join(f"{name}={value}" for name, value in self.address.environ().items())

    def how_to_look_around(self) -> str:
        """Return what to type to see what is in a stack that is left running."""
        return "\n".join(
            [
                f"{self.traits.title} {self.address.engine_version} at {self.address.endpoint}",
                f"  {self.exports()}",
                *(look for deployment in self._deployments.values() for look in _looks(deployment)),
                "  curl -s " + self.stub_urls.control + "/_stub/messages   # what recipients got",
                "  curl -s " + self.stub_urls.control + "/_stub/journal    # what the vendors were asked",
                "End it with:",
                f"  {self.address.how_to_end}",
            ]
        )


def _looks(deployment: Deployment) -> list[str]:
    outputs = deployment.outputs
    return [
        f"  aws dynamodb scan --table-name {outputs['table_name']}",
        f"  aws sqs receive-message --visibility-timeout 0 --queue-url {outputs['dead_letter_queue_url']}",
        f"  aws logs tail {outputs['log_group_name']}",
    ]
