"""How Terraform is run: a script that notes what it was asked stands for it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.infrastructure.errors import TerraformError
from tools.infrastructure.mirror import PROVIDER, VARIABLE, this_platform
from tools.infrastructure.runner import ROOT_MODULE, Terraform, check_version

VERSION = "5.100.0"
LOCK = f'provider "{PROVIDER.as_posix()}" {{\n  version     = "{VERSION}"\n}}\n'
REGISTRY_IS_AWAY = "Error: Failed to query available provider packages\ncould not connect to registry.terraform.io"


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """Return an environment with a `terraform` that notes its arguments, and without any mirror."""
    program = tmp_path / "bin" / "terraform"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        'printf "%s\\n" "$*" >> "$NOTES"\n'
        'if [ -n "$SAYS" ]; then printf "%s" "$SAYS"; fi\n'
        'exit "${EXITS:-0}"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / ".terraform.lock.hcl").write_text(LOCK, encoding="utf-8")
    return {
        "PATH": f"{program.parent}:/usr/bin:/bin",
        "HOME": str(tmp_path / "home"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_DATA_DIRS": str(tmp_path / "system"),
        "TF_PLUGIN_CACHE_DIR": str(tmp_path / "cache"),
        "NOTES": str(tmp_path / "notes"),
        VARIABLE: "",
    }


@pytest.fixture
def mirror(tmp_path: Path, machine: dict[str, str]) -> Path:
    folder = tmp_path / "mirror"
    (folder / PROVIDER / VERSION / this_platform()).mkdir(parents=True)
    machine[VARIABLE] = str(folder)
    return folder


@pytest.fixture
def no_opt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no folder of this machine's /opt answer."""
    monkeypatch.setattr(Path, "glob", lambda _self, _pattern: iter(()))


def asked(machine: dict[str, str]) -> list[str]:
    return Path(machine["NOTES"]).read_text(encoding="utf-8").splitlines()


def test_init_takes_the_provider_from_the_mirror_and_leaves_the_lock_file_alone(
    machine: dict[str, str], mirror: Path, tmp_path: Path
) -> None:
    came_from = Terraform(tmp_path / "root", machine).init()

    assert came_from == mirror
    assert asked(machine) == [f"init -input=false -no-color -lockfile=readonly -plugin-dir={mirror}"]


@pytest.mark.usefixtures("no_opt")
def test_init_without_a_mirror_asks_the_registry_as_anyone_does(machine: dict[str, str], tmp_path: Path) -> None:
    came_from = Terraform(tmp_path / "root", machine).init()

    assert came_from is None
    assert asked(machine) == ["init -input=false -no-color -lockfile=readonly"]


@pytest.mark.usefixtures("mirror")
def test_an_upgrade_asks_the_registry_and_moves_the_lock_file(machine: dict[str, str], tmp_path: Path) -> None:
    Terraform(tmp_path / "root", machine).init(upgrade=True)

    assert asked(machine) == ["init -input=false -no-color -upgrade"]


@pytest.mark.usefixtures("no_opt")
def test_a_registry_that_does_not_answer_is_explained_with_every_way_out(
    machine: dict[str, str], tmp_path: Path
) -> None:
    machine |= {"SAYS": REGISTRY_IS_AWAY, "EXITS": "1"}

    with pytest.raises(TerraformError) as raised:
        Terraform(tmp_path / "root", machine).init()

    said = str(raised.value)
    assert REGISTRY_IS_AWAY in said
    assert VARIABLE in said
    assert f"hashicorp/aws/{VERSION}/{this_platform()}" in said
    assert str(tmp_path / "home" / ".terraform.d" / "plugins") in said


@pytest.mark.usefixtures("mirror")
def test_another_failure_of_init_is_shown_as_it_is(machine: dict[str, str], tmp_path: Path) -> None:
    machine |= {"SAYS": "Error: Unsupported block type", "EXITS": "1"}

    with pytest.raises(TerraformError) as raised:
        Terraform(tmp_path / "root", machine).init()

    assert "Unsupported block type" in str(raised.value)
    assert VARIABLE not in str(raised.value)


def test_a_failed_command_is_an_error(machine: dict[str, str], tmp_path: Path) -> None:
    machine["EXITS"] = "1"

    with pytest.raises(TerraformError, match="terraform apply failed"):
        Terraform(tmp_path / "root", machine).run("apply")


def test_with_a_log_nothing_is_shown_and_a_failure_quotes_its_end(
    machine: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    machine |= {"SAYS": "Error: the queue exists", "EXITS": "1"}
    stack = Terraform(tmp_path / "root", machine, log=tmp_path / "terraform.log")

    with pytest.raises(TerraformError, match="the queue exists"):
        stack.run("apply")

    assert capfd.readouterr() == ("", "")


def test_an_exit_code_that_is_accepted_is_returned(machine: dict[str, str], tmp_path: Path) -> None:
    machine["EXITS"] = "2"

    assert Terraform(tmp_path / "root", machine).run("plan", accepted=(0, 2)) == 2


def test_outputs_are_plain_values(machine: dict[str, str], tmp_path: Path) -> None:
    machine["SAYS"] = '{"queue_url": {"value": "https://q", "type": "string"}}'

    assert Terraform(tmp_path / "root", machine).outputs() == {"queue_url": "https://q"}


def test_apply_keeps_its_variables_for_destroy(machine: dict[str, str], tmp_path: Path) -> None:
    stack = Terraform(tmp_path / "root", machine)

    stack.apply({"environment": "dev"})
    stack.destroy()

    assert (stack.folder / "stack.auto.tfvars.json").read_text(encoding="utf-8") == '{\n  "environment": "dev"\n}'
    assert [line.split()[0] for line in asked(machine)] == ["apply", "destroy"]


def test_a_copy_has_the_code_and_the_lock_file_but_no_state(machine: dict[str, str], tmp_path: Path) -> None:
    stack = Terraform.copied_to(tmp_path / "copy", machine)

    assert (stack.folder / ".terraform.lock.hcl").is_file()
    assert (stack.folder / "modules" / "queue" / "main.tf").read_bytes() == (
        ROOT_MODULE / "modules" / "queue" / "main.tf"
    ).read_bytes()
    assert not (stack.folder / ".terraform").exists()


def test_a_missing_terraform_is_told_with_where_to_get_it(machine: dict[str, str]) -> None:
    machine["PATH"] = "/nonexistent"

    with pytest.raises(TerraformError, match="not installed"):
        check_version(machine)


@pytest.mark.parametrize(("version", "accepted"), [("1.10.5", False), ("1.11.0", True), ("2.0.0-beta1", True)])
def test_terraform_must_know_write_only_arguments(version: str, accepted: bool, machine: dict[str, str]) -> None:
    machine["SAYS"] = f'{{"terraform_version": "{version}"}}'

    if accepted:
        check_version(machine)
    else:
        with pytest.raises(TerraformError, match="too old"):
            check_version(machine)


def test_ctrl_c_while_terraform_starts_leaves_nothing_behind(machine: dict[str, str], tmp_path: Path) -> None:
    """Its first act is to interrupt us, at times before its start has returned."""
    (tmp_path / "bin" / "terraform").write_text(
        '#!/bin/sh\nkill -INT $PPID\nsleep 0.05\necho >> "$NOTES"\n', encoding="utf-8"
    )
    terraform = Terraform(tmp_path / "root", machine)

    for _ in range(20):
        terraform.run("apply")

    assert Path(machine["NOTES"]).read_text(encoding="utf-8") == "\n" * 20


def test_ctrl_c_lets_terraform_finish(machine: dict[str, str], tmp_path: Path) -> None:
    """A killed apply would lose the state of what it made."""
    program = tmp_path / "bin" / "terraform"
    program.write_text(
        '#!/bin/sh\ntrap : INT\necho started > "$NOTES"\nsleep 0.6 & wait\nsleep 0.4\necho finished > "$NOTES"\n',
        encoding="utf-8",
    )
    code = (
        "import os, sys; from pathlib import Path; from tools.infrastructure.runner import Terraform\n"
        "Terraform(Path(sys.argv[1]), os.environ).run('apply')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "root")],
        env=machine,
        cwd=ROOT_MODULE.parent,
        start_new_session=True,
    )
    deadline = time.monotonic() + 20
    while not Path(machine["NOTES"]).exists() and time.monotonic() < deadline:
        time.sleep(0.02)

    os.killpg(process.pid, signal.SIGINT)

    assert process.wait(timeout=20) == 0
    assert Path(machine["NOTES"]).read_text(encoding="utf-8") == "finished\n"
