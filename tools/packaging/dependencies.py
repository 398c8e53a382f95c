"""Installs the locked dependencies for the target, with uv."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.packaging.errors import PackageError
from tools.packaging.target import Target
from tools.packaging.trim import NOT_INSTALLED

CHECK_LOCK = "Run `make lock` to lock the dependencies anew, and look at what changed."
CHECK_ORIGIN = (
    "Do not go on: a proxy, a mirror or the registry served something else. Clear uv's cache"
    " (`uv cache clean`) and try again from a network you trust."
)
CHECK_NETWORK = (
    "Check the connection and the proxy variables (HTTPS_PROXY), or name a registry you can reach with"
    " UV_DEFAULT_INDEX. Once a build has succeeded, uv's cache makes it work without a network."
)
FAULTS = (
    (
        "Hash mismatch",
        "A downloaded file is not the one that {requirements} locks.",
        CHECK_ORIGIN,
    ),
    ("must have a hash", "A requirement in {requirements} has no hash.", CHECK_LOCK),
    (
        "no usable wheels",
        "A dependency has no ready-made wheel for {target}, and nothing is compiled here.",
        "Choose another --python or --arch, or a version of that package that has one.",
    ),
    (
        "requires Python",
        "A dependency does not support {target}.",
        "Choose another --python, or a version of that package that supports it.",
    ),
    ("error sending request", "The package registry cannot be reached.", CHECK_NETWORK),
    ("Failed to fetch", "The package registry cannot be used.", CHECK_NETWORK),
    ("network was disabled", "uv is not allowed to use the network (UV_OFFLINE).", CHECK_NETWORK),
    ("there is no version of", "The package registry does not have a version that is locked.", CHECK_LOCK),
)
"""What uv prints (it has one exit code for all of these), what it means, and what to do."""


def find_uv(python: str = sys.executable, search_path: str | None = None) -> Path:
    """Return the uv beside an interpreter, or the first on a search path, which is PATH unless given."""
    beside = Path(python).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv", path=search_path)
    if found is None:
        raise PackageError(
            "uv, which installs the dependencies, is not there."
            f" Install the project's tools: {python} -m pip install -r requirements-dev.txt"
        )
    return Path(found)


def install_dependencies(requirements: Path, target: Target, destination: Path) -> None:
    """Install what `requirements` locks, from wheels for the target, into a folder.

    uv's cache is asked first: the hashes make it as good as the registry, and it answers without a network.
    """
    with tempfile.TemporaryDirectory() as folder:
        excludes = Path(folder) / "not-installed.txt"
        excludes.write_text("\n".join(NOT_INSTALLED), encoding="utf-8")
        command = [str(find_uv()), "pip", "install", f"--requirements={requirements}", f"--excludes={excludes}"]
        command += ["--require-hashes", "--only-binary=:all:", f"--target={destination}", "--link-mode=copy"]
        command += [f"--python={sys.executable}", f"--python-version={target.python}"]
        if target.uv_platform is not None:
            command.append(f"--python-platform={target.uv_platform}")
        for network in (["--offline"], []):
            result = subprocess.run([*command, *network], capture_output=True, text=True, check=False, encoding="utf-8")
            if result.returncode == 0:
                _remove_bytecode(destination)
                return
    raise explain(result.stderr, requirements, target)


def _remove_bytecode(tree: Path) -> None:
    """Remove what uv compiles, with this machine's Python, where its configuration asks for it."""
    for cache in list(tree.rglob("__pycache__")):
        shutil.rmtree(cache)


def explain(stderr: str, requirements: Path, target: Target) -> PackageError:
    """Turn uv's complaint into what was wrong and what to do; uv's own words follow."""
    for sign, what, what_to_do in FAULTS:
        if sign in " ".join(stderr.split()):
            summary = f"{what.format(requirements=requirements.name, target=target)} {what_to_do}"
            break
    else:
        summary = f"uv could not install {requirements.name} for {target}."
    return PackageError(f"{summary}\nuv said:\n{stderr.strip()}")
