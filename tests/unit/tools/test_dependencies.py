from pathlib import Path

import pytest

from tools.packaging.dependencies import explain, find_uv
from tools.packaging.errors import PackageError
from tools.packaging.target import Arch, Target

NO_SOLUTION = "error: No solution found when resolving dependencies\n  cause: Because "


@pytest.mark.parametrize(
    ("stderr", "what", "what_to_do"),
    [
        pytest.param(
            "error: Failed to download `six==1.17.0`\n  cause: Hash mismatch for `six==1.17.0`",
            "not the one that requirements.txt locks",
            "uv cache clean",
            id="hash-mismatch",
        ),
        pytest.param(
            "error: In `--require-hashes` mode, all requirements must have a hash, but none were provided",
            "has no hash",
            "make lock",
            id="missing-hash",
        ),
        pytest.param(
            f"{NO_SOLUTION}jiter==0.19.0 has no usable wheels and you require jiter==0.19.0",
            "no ready-made wheel for python3.13 on arm64",
            "--arch",
            id="no-wheel",
        ),
        pytest.param(
            f"{NO_SOLUTION}aiosignal==1.4.0 requires\n  Python >=3.14 and you require aiosignal==1.4.0",
            "does not support python3.13",
            "--python",
            id="python-too-old",
        ),
        pytest.param(
            "error: Request failed after 3 retries\n  cause: Failed to fetch: https://pypi.org/simple/six/\n"
            "  cause: error sending request for url (https://pypi.org/simple/six/)\n  cause: dns error",
            "registry cannot be reached",
            "HTTPS_PROXY",
            id="no-network",
        ),
        pytest.param(
            "error: Failed to fetch: https://pypi.org/simple/\n  cause: HTTP status client error (403)",
            "registry cannot be used",
            "UV_DEFAULT_INDEX",
            id="registry-refuses",
        ),
        pytest.param(
            f"{NO_SOLUTION}there is no version of six==1.99.0 and you require six==1.99.0",
            "does not have a version that is locked",
            "make lock",
            id="version-withdrawn",
        ),
        pytest.param("error: something new", "could not install requirements.txt", "uv said", id="unknown"),
    ],
)
def test_failed_installation_says_what_is_wrong_and_what_to_do_and_quotes_uv(
    stderr: str, what: str, what_to_do: str
) -> None:
    message = str(explain(stderr, Path("/somewhere/requirements.txt"), Target("3.13", Arch.ARM64)))

    assert what in message
    assert what_to_do in message
    assert message.endswith(stderr)


def test_uv_of_the_environment_comes_before_the_one_on_the_path(tmp_path: Path) -> None:
    for folder in ("environment", "elsewhere"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "uv").touch(mode=0o755)

    both = find_uv(str(tmp_path / "environment" / "python"), str(tmp_path / "elsewhere"))
    only_on_path = find_uv(str(tmp_path / "python"), str(tmp_path / "elsewhere"))

    assert both == tmp_path / "environment" / "uv"
    assert only_on_path == tmp_path / "elsewhere" / "uv"


def test_missing_uv_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"uv.*python -m pip install -r requirements-dev\.txt"):
        find_uv(str(tmp_path / "python"), str(tmp_path))
