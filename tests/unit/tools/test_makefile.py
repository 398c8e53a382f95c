"""The Makefile: what people give it is one word for the shell, and is looked at before anything is built."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
GIVEN = sorted(set(re.findall(r"^(\w+) \?=", MAKEFILE, re.MULTILINE)) - {"ENGINE"})
"""Variables that people set; ENGINE goes by the environment, not by a command line."""

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def shown(*arguments: str) -> list[str]:
    """Return the commands that make would run."""
    done = subprocess.run(
        ["make", "-n", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=True, timeout=60
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", GIVEN)
def test_every_use_in_a_recipe_is_quoted(name: str) -> None:
    recipes = "\n".join(line for line in MAKEFILE.splitlines() if line.startswith("\t"))

    uses = recipes.count(f"$({name})")

    assert uses > 0
    assert recipes.count(f"$(call quoted,$({name}))") == uses


@needs_make
@pytest.mark.parametrize("value", ["0; touch x #", "a b", "it's", '"', "`touch x`", "a'; touch x; '", "*", "-$$HOME"])
@pytest.mark.parametrize(
    ("target", "name", "option"),
    [
        ("simulate", "SEED", "--seed"),
        ("fuzz", "CASES", "--cases"),
        ("chaos", "CONVERSATIONS", "--conversations"),
        ("package", "ENV", "--env"),
        ("destroy", "ENV", "--env"),
    ],
)
def test_argument_reaches_its_command_as_it_was_given(target: str, name: str, option: str, value: str) -> None:
    command = shlex.split(shown(target, f"{name}={value}")[-1])

    assert command[command.index(option) + 1] == value.replace("$$", "$")


@needs_make
@pytest.mark.parametrize("target", ["plan", "deploy"])
def test_environment_is_looked_at_before_the_package_is_built(target: str) -> None:
    commands = [line for line in shown(target, "ENV=staging") if "-m tools." in line]

    assert [re.findall(r"-m tools\.(\w+)(?: (\w+))?", command)[0] for command in commands] == [
        ("terraform", "environment"),
        ("package", ""),
        ("terraform", target),
    ]
