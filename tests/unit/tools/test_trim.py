from pathlib import Path

import pytest

from tools.packaging.trim import DROPS, NOT_INSTALLED, Drop, trim


@pytest.mark.parametrize(
    ("pattern", "path", "matched"),
    [
        pytest.param("twilio/twiml", "twilio/twiml/voice.py", True, id="file-in-folder"),
        pytest.param("twilio/twiml", "twilio/twiml2/voice.py", False, id="folder-with-the-same-start"),
        pytest.param("pydantic/mypy.py", "pydantic/mypy.py", True, id="file"),
        pytest.param("*/tests", "regex/tests/test_regex.py", True, id="folder-anywhere"),
        pytest.param("*.pyi", "deep/er/still.pyi", True, id="suffix-at-any-depth"),
        pytest.param("botocore/data/*/*", "botocore/data/endpoints.json", False, id="file-above-the-services"),
    ],
)
def test_pattern_covers_a_path_or_a_folder_above_it(pattern: str, path: str, *, matched: bool) -> None:
    assert Drop(pattern, "reason").matches(path) is matched


def test_kept_path_ships_and_its_neighbours_do_not() -> None:
    drop = Drop("twilio/rest", "other products", keep=("twilio/rest/__init__.py", "twilio/rest/api"))

    shipped = [
        path
        for path in ("twilio/rest/__init__.py", "twilio/rest/api/v2010/account.py", "twilio/rest/chat/v1.py")
        if not drop.matches(path)
    ]

    assert shipped == ["twilio/rest/__init__.py", "twilio/rest/api/v2010/account.py"]


def test_trimming_deletes_what_matches_and_says_under_which_entry_it_fell(tmp_path: Path) -> None:
    drop = Drop("library/extra", "never called")
    for name in ("library/__init__.py", "library/extra/one.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    dropped = trim(tmp_path, [drop])

    assert dropped == {"library/extra/one.py": drop}
    assert [path.name for path in tmp_path.rglob("*.py")] == ["__init__.py"]


def test_every_entry_has_a_reason_and_none_is_listed_twice() -> None:
    patterns = [drop.pattern for drop in DROPS]

    assert all(drop.reason.strip() for drop in DROPS)
    assert all(reason.strip() for reason in NOT_INSTALLED.values())
    assert len(set(patterns)) == len(patterns)


@pytest.mark.parametrize(
    "path",
    [
        "boto3-1.44.5.dist-info/METADATA",
        "boto3-1.44.5.dist-info/LICENSE",
        "boto3-1.44.5.dist-info/NOTICE",
        "openai-3.54.0.dist-info/licenses/LICENSE",
    ],
)
def test_versions_and_licences_ship(path: str) -> None:
    assert not any(drop.matches(path) for drop in DROPS)
