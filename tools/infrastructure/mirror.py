"""Where the AWS provider comes from: a folder of this machine that holds it, or the registry.

Source: Terraform documentation, "CLI configuration", "Implied local mirror directories" and "Provider installation".
"""

import platform
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.infrastructure.errors import TerraformError

VARIABLE = "TF_PLUGIN_MIRROR"
"""Environment variable that names a mirror folder; it comes before every other place."""

REGISTRY = "registry.terraform.io"
PROVIDER = Path(REGISTRY, "hashicorp", "aws")

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def this_platform() -> str:
    """Return Terraform's name of this machine, like `linux_amd64`."""
    system = {"win32": "windows", "darwin": "darwin"}.get(sys.platform, "linux")
    machine = platform.machine().lower()
    return f"{system}_{_MACHINES.get(machine, machine)}"


def locked_version(root: Path) -> str:
    """Return the version of the AWS provider in the lock file of a root module."""
    lock = root / ".terraform.lock.hcl"
    pattern = rf'provider "{PROVIDER.as_posix()}" {{\s+version\s*=\s*"([^"]+)"'
    found = re.search(pattern, lock.read_text(encoding="utf-8")) if lock.is_file() else None
    if found is None:
        raise TerraformError(f"{lock} does not lock hashicorp/aws: restore the file from git.")
    return found.group(1)


def find_mirror(
    version: str, environ: Mapping[str, str], *, target: str | None = None, opt: Path = Path("/opt")
) -> Path | None:
    """Return the first folder that holds this version of the provider; None: ask the registry.

    Raises:
        TerraformError: The folder that `TF_PLUGIN_MIRROR` names does not hold it.
    """
    target = target or this_platform()
    if chosen := environ.get(VARIABLE, "").strip():
        folder = Path(chosen).expanduser()
        if not _holds(folder, version, target):
            raise TerraformError(
                f"{VARIABLE}={chosen} does not hold hashicorp/aws {version} for {target}: it has {_versions(folder)}.\n"
                f"Unpack it there as {_unpacked(Path(), version, target).as_posix()}/, or unset {VARIABLE}."
            )
        return folder.resolve()
    return next((folder for folder in standard_folders(environ, opt) if _holds(folder, version, target)), None)


def standard_folders(environ: Mapping[str, str], opt: Path = Path("/opt")) -> Iterator[Path]:
    """Yield Terraform's own mirror folders for this system, then whatever looks like one below /opt."""
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "win32":
        if appdata := environ.get("APPDATA"):
            yield Path(appdata, "terraform.d", "plugins")
            yield Path(appdata, "HashiCorp", "Terraform", "plugins")
        return
    yield home / ".terraform.d" / "plugins"
    if sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "io.terraform" / "plugins"
        yield Path("/Library/Application Support/io.terraform/plugins")
    else:
        yield Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "terraform" / "plugins"
        for folder in (environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":"):
            yield Path(folder) / "terraform" / "plugins"
    yield from sorted(found.parent for found in opt.glob(f"*/{REGISTRY}"))


def _unpacked(folder: Path, version: str, target: str) -> Path:
    return folder / PROVIDER / version / target


def _holds(folder: Path, version: str, target: str) -> bool:
    packed = folder / PROVIDER / f"terraform-provider-aws_{version}_{target}.zip"
    return _unpacked(folder, version, target).is_dir() or packed.is_file()


def _versions(folder: Path) -> str:
    provider = folder / PROVIDER
    if not provider.is_dir():
        return f"no {PROVIDER.as_posix()}"
    return ", ".join(sorted(found.name for found in provider.iterdir())) or "nothing of it"
