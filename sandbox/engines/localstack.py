"""LocalStack: AWS in a container, by testcontainers; functions run in containers of their own."""

import socket
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import parse_host
from requests.exceptions import RequestException
from testcontainers.community.localstack import LocalStackContainer
from testcontainers.core import utils
from testcontainers.core.config import ConnectionMode, get_docker_socket, testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient, get_docker_host
from testcontainers.core.labels import LABEL_SESSION_ID, SESSION_ID
from testcontainers.core.waiting_utils import WaitStrategy

from sandbox.engines.engine import REGION, Ability, Credentials, EngineError, Target, Traits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import DockerClient as Docker

IMAGE = "localstack/localstack:4.14.0"
"""The last tag that needs no account."""

PYTHON = "3.13"
PREFIX = "whatsapp-channel-processor-"
START_SECONDS = 90
CALL_SECONDS = 5
DOCKER_SECONDS = 120
LICENSE_EXIT_CODE = 55
LOCALHOST = ("localhost", "127.0.0.1")

TRAITS = Traits(
    name="localstack",
    title="LocalStack",
    listen_on="0.0.0.0",  # functions come from containers
    functions_see_us_as="host.docker.internal",
    keeps_state=False,
    lacks={
        Ability.ROLE_ENFORCEMENT: "LocalStack's community edition does not hold functions to their roles",
        Ability.POLICY_SIMULATOR: "LocalStack has no SimulateCustomPolicy",
        Ability.VENDORS_SEEN_ALIKE: "functions in containers reach the stubs by a name that this machine does not know",
        Ability.CONCURRENT_BATCHES: "LocalStack runs the batches of a queue one after another",
    },
    variables={"alerting": {"saved_queries": False}},  # PutQueryDefinition is missing
)

OPTIONS = {
    # A queue is looked at every fifth of a second, not after up to ten seconds.
    "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.2",
    "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "0.4",
    "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "60",
    "DISABLE_EVENTS": "1",
    # No page in a browser may use it: foreign origins are refused, and no answer can be read by another origin.
    "DISABLE_CORS_CHECKS": "0",
    "DISABLE_CORS_HEADERS": "1",
    # All that it speaks to is on this machine; Docker hands containers the proxy of its own configuration.
    "NO_PROXY": "*",
    "no_proxy": "*",
}

PASSED_THROUGH = ("LAMBDA_RUNTIME_IMAGE_MAPPING", "LOCALSTACK_AUTH_TOKEN")


class LocalStack:
    """LocalStack in a container of its own; a context manager."""

    traits = TRAITS
    credentials = Credentials("test", "test")
    """It takes any and checks no signature."""

    def __init__(self, environ: "Mapping[str, str]") -> None:
        """Take `LOCALSTACK_IMAGE` and what is passed through from the environment."""
        self.image = environ.get("LOCALSTACK_IMAGE") or IMAGE
        self._passed = {name: environ[name] for name in PASSED_THROUGH if environ.get(name)}
        self._name = f"{PREFIX}{uuid.uuid4().hex[:8]}"
        self._container: _Container | None = None
        self._endpoint = self._version = ""
        self._docker: Docker | None = None

    @property
    def version(self) -> str:
        return f"{self._version} ({self.image})"

    @property
    def endpoint(self) -> str:
        return self._endpoint

    def target(self) -> Target:
        machine = str(self._client().version()["Arch"])
        arch = {"amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}.get(machine, machine)
        return Target(PYTHON, arch, arch)

    def start(self) -> Self:
        self._client()
        try:
            self._container = self._configured().start()
            self._endpoint = self._container.get_url()
            self._version = str(_get(f"{self._endpoint}/_localstack/health")["version"])
        except (DockerException, RequestException) as exc:
            self.stop()
            raise EngineError(f"Docker does not start {self.image}: {exc}") from exc
        except BaseException:
            self.stop()
            raise
        return self

    def prepare(self) -> None:
        """Have the image, from here or the registry.

        Raises:
            EngineError: It can't be had.
        """
        images = self._client().images
        try:
            images.get(self.image)
        except ImageNotFound:
            try:
                images.pull(self.image)
            except (APIError, RequestException) as exc:
                reason = exc.explanation if isinstance(exc, APIError) else exc
                raise EngineError(
                    f"The image {self.image} can't be pulled: {reason}\n"
                    "Check its name and the network, sign in to its registry (`docker login`), name one that you can"
                    " reach with LOCALSTACK_IMAGE, or run without Docker: ENGINE=ministack."
                ) from exc

    def keep_state_in(self, folder: Path, port: int | None = None) -> None:
        raise EngineError("LocalStack keeps no state between its runs")

    def freeze(self) -> None:
        raise EngineError("LocalStack keeps no state between its runs")

    def stop(self) -> None:
        self._container = None
        if self._docker is None:  # never prepared or started
            return
        with suppress(DockerException, RequestException):
            self._remove_containers()

    def log_tail(self, lines: int = 20) -> str:
        if self._container is None:
            return ""
        return "\n".join(_log(self._container).splitlines()[-lines:])

    def how_to_end(self) -> str:
        return f"docker rm -f $(docker ps -aq --filter name={self._name})"

    def containers(self) -> list[str]:
        """Return the names of its containers that are there, those of functions included."""
        return [str(found.name) for found in self._client().containers.list(all=True, filters={"name": self._name})]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _configured(self) -> "_Container":
        container = _Container(self.image, region_name=REGION).with_name(self._name).waiting_for(_Ready())
        if _is_here(self._client(), container.get_docker_client()):
            container.ports = dict.fromkeys(container.ports, ("127.0.0.1",))  # type: ignore[arg-type]  # Docker takes it
            testcontainers_config.tc_host_override = "127.0.0.1"
            testcontainers_config.connection_mode_override = ConnectionMode.docker_host
        container.with_volume_mapping(get_docker_socket(), "/var/run/docker.sock", "rw")
        flags = ["--add-host=host.docker.internal:host-gateway"]
        if not testcontainers_config.ryuk_disabled:
            flags.append(f"--label={LABEL_SESSION_ID}={SESSION_ID}")  # so that Ryuk removes them, should we be killed
        return container.with_envs(
            MAIN_CONTAINER_NAME=self._name, LAMBDA_DOCKER_FLAGS=" ".join(flags), **OPTIONS, **self._passed
        )

    def _client(self) -> "Docker":
        if self._docker is None:
            self._docker = docker_client()
        return self._docker

    def _remove_containers(self) -> None:
        """Remove LocalStack first, which would start functions anew, and then the functions."""
        found = self._client().containers.list(all=True, filters={"name": self._name}, ignore_removed=True)
        for container in sorted(found, key=lambda one: str(one.name) != self._name):
            with suppress(NotFound, APIError):
                container.remove(force=True, v=True)


def docker_client() -> "Docker":
    """Return a client of a Docker that answers.

    Raises:
        EngineError: There is none, or it does not answer.
    """
    try:
        _knock()
        client = DockerClient(timeout=CALL_SECONDS).client
    except (DockerException, RequestException, OSError) as exc:
        raise EngineError(f"Docker does not answer: {_reason(exc)}") from exc
    try:
        client.ping()
    except (DockerException, RequestException, OSError) as exc:
        client.close()
        raise EngineError(f"Docker does not answer: {_reason(exc)}") from exc
    client.api.timeout = DOCKER_SECONDS
    return client


def _knock() -> None:
    """Connect to Docker's Unix socket, if it has one; docker leaves open a socket that does not connect.

    Raises:
        OSError: Nobody is there.
    """
    path = _socket_path()
    if path is not None:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(CALL_SECONDS)
            caller.connect(path)


def _is_here(docker: "Docker", testcontainers: DockerClient) -> bool:
    """Whether Docker runs on this machine, so that what it publishes on 127.0.0.1 can be reached from here alone.

    A machine that is a container may have Docker inside, or speak to the one outside: the one inside has a bridge here.
    """
    if not utils.inside_container():
        return testcontainers.host() in LOCALHOST
    if testcontainers_config.tc_host_override or testcontainers_config.connection_mode_override:
        return testcontainers_config.tc_host_override in LOCALHOST
    if _socket_path() is None:
        return False
    networks = docker.networks.list(names=["bridge"])
    configs = [config for network in networks for config in network.attrs["IPAM"]["Config"] or []]
    return any(_is_ours(config["Gateway"]) for config in configs if "Gateway" in config)


def _is_ours(address: str) -> bool:
    """Whether an interface of this machine has the address."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _socket_path() -> str | None:
    """Return the path of Docker's Unix socket, if it has one."""
    scheme, _, path = str(parse_host(get_docker_host(), is_win32=sys.platform == "win32")).partition("://")
    return path if scheme == "http+unix" else None


class _Container(LocalStackContainer):
    """LocalStackContainer that is ready when its wait strategy says so, not when a line is in its log."""

    def start(self, timeout: float = START_SECONDS) -> Self:
        DockerContainer.start(self)
        return self


class _Ready(WaitStrategy):
    """Waits until LocalStack answers, or says at once that it never will."""

    def wait_until_ready(self, container: Any) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            wrapped = container.get_wrapped_container()
            wrapped.reload()
            if wrapped.status in ("exited", "dead"):
                raise _ended(container, int(wrapped.attrs["State"]["ExitCode"]))
            if wrapped.status == "running":
                try:
                    _get(f"{container.get_url()}/_localstack/health")
                except RequestException:
                    pass
                else:
                    return
            time.sleep(0.1)
        raise EngineError(f"LocalStack does not answer {START_SECONDS} s after its start:\n{_log(container)[-3000:]}")


def _ended(container: Any, exit_code: int) -> EngineError:
    log = _log(container)
    if exit_code == LICENSE_EXIT_CODE or "License activation failed" in log:
        return EngineError(
            f"{container.image} needs an account: set LOCALSTACK_AUTH_TOKEN, use the last image that needs none"
            f" (LOCALSTACK_IMAGE={IMAGE}), or run without Docker: ENGINE=ministack."
        )
    return EngineError(f"LocalStack ended with exit code {exit_code}; its last words:\n{log[-3000:]}")


def _log(container: Any) -> str:
    try:
        return "".join(part.decode(errors="replace") for part in container.get_logs())
    except (DockerException, RequestException):
        return ""


def _get(url: str) -> Any:
    answer = requests.get(url, timeout=CALL_SECONDS)
    answer.raise_for_status()
    return answer.json()


def _reason(exc: BaseException) -> str:
    """Return the innermost cause: docker wraps `Connection refused` in four layers."""
    while exc.__cause__ or exc.__context__:
        exc = exc.__cause__ or exc.__context__  # type: ignore[assignment]
    return str(exc) or type(exc).__name__
