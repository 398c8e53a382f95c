"""Redaction: what may be shown of a number, and values that never are."""

import hashlib
import logging
import traceback

import pytest

from utils.redaction import Secret, mask_phone, pseudonym


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        pytest.param("+447700903814", "+44******3814", id="as in the design"),
        pytest.param("+12025550123", "+12*****0123", id="US"),
        pytest.param("+1234567", "+12*4567", id="shortest that E.164 allows"),
        pytest.param("+123456", "*******", id="too short to keep anything"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_number_is_masked(number: str, shown: str) -> None:
    assert mask_phone(number) == shown


KEY = Secret("sk-1")


def test_a_pseudonym_is_stable_and_shows_nothing() -> None:
    name = pseudonym(KEY, "acme", "+447700903814")

    assert name == pseudonym(KEY, "acme", "+447700903814")
    assert len(name) == 64
    assert "7700903814" not in name


def test_nobody_can_make_a_pseudonym_without_the_key() -> None:
    """There are few enough numbers to try them all."""
    plain = hashlib.sha256(b"acme\x1f+447700903814").hexdigest()

    assert pseudonym(KEY, "acme", "+447700903814") not in (plain, pseudonym(Secret("sk-2"), "acme", "+447700903814"))


def test_pseudonyms_of_two_companies_differ() -> None:
    assert pseudonym(KEY, "acme", "+447700903814") != pseudonym(KEY, "other", "+447700903814")


def test_the_parts_of_a_pseudonym_are_told_apart() -> None:
    assert pseudonym(KEY, "ab", "c") != pseudonym(KEY, "a", "bc")


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{!r}".format, "%s".__mod__])
def test_a_secret_prints_as_stars(show: object) -> None:
    assert show(Secret("sk-1234")) == "***"  # type: ignore[operator]


def test_a_secret_in_a_container_prints_as_stars() -> None:
    assert "sk-1234" not in f"{[Secret('sk-1234')]} { ({'key': Secret('sk-1234')}) }"


def test_a_secret_is_not_in_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("key %s %r", Secret("sk-1234"), Secret("sk-1234"))

    assert "sk-1234" not in caplog.text


def test_a_secret_is_not_in_a_traceback() -> None:
    text = "".join(traceback.format_exception(ValueError(Secret("sk-1234"))))

    assert text == "ValueError: ***\n"


def test_a_secret_has_no_attribute_dictionary_to_dump() -> None:
    assert not hasattr(Secret("sk-1234"), "__dict__")


def test_a_secret_is_revealed_to_the_one_who_asks() -> None:
    assert Secret("sk-1234").reveal() == "sk-1234"


def test_secrets_are_equal_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
