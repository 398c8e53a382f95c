import pytest

from tools.packaging.errors import PackageError
from tools.packaging.target import Arch, Target


@pytest.mark.parametrize(
    ("python", "arch", "platform"),
    [
        pytest.param("3.13", Arch.ARM64, "aarch64-manylinux_2_34", id="default"),
        pytest.param("3.12", Arch.X86_64, "x86_64-manylinux_2_34", id="first-on-amazon-linux-2023"),
        pytest.param("3.11", Arch.X86_64, "x86_64-manylinux_2_17", id="last-on-amazon-linux-2"),
        pytest.param("3.11", Arch.NATIVE, None, id="this-machine"),
    ],
)
def test_target_accepts_the_wheels_that_its_operating_system_loads(
    python: str, arch: Arch, platform: str | None
) -> None:
    assert Target(python, arch).uv_platform == platform


@pytest.mark.parametrize("python", ["3.10", "2.7", "3", "3.13.1", "three", "3.13 --offline"])
def test_unusable_python_version_is_refused_by_name(python: str) -> None:
    with pytest.raises(PackageError, match=f"--python {python}"):
        Target(python, Arch.ARM64)
