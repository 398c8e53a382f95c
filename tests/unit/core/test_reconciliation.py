"""Reconciliation: whether a listed message is what was meant to be sent."""

import pytest

from core.conversation import Mode
from core.reconciliation import matches

TEMPLATE = "Hello Ana! Acme Coffee would like to talk about the position of Barista. Reply STOP to end."


@pytest.mark.parametrize(
    ("content", "body"),
    [
        pytest.param("Hello Ana", "Hello Ana", id="equal"),
        pytest.param("Hello\n\nAna ", " Hello Ana\r\n", id="other white space"),
        pytest.param("Zoë 👩‍👩‍👧", "Zoë 👩‍👩‍👧", id="any script"),
    ],
)
def test_a_text_matches_itself(content: str, body: str) -> None:
    assert matches(Mode.FREE_FORM, content, body)


@pytest.mark.parametrize(
    ("content", "body"),
    [
        pytest.param("Hello Ana", "Hello Ana!", id="more"),
        pytest.param("Hello Ana", "Hello", id="less"),
        pytest.param("Hello Ana", "hello ana", id="case"),
        pytest.param("Hello Ana", "HelloAna", id="no white space"),
        pytest.param("Hello", "", id="nothing"),
    ],
)
def test_a_text_matches_no_other(content: str, body: str) -> None:
    assert not matches(Mode.FREE_FORM, content, body)


@pytest.mark.parametrize(
    ("content", "body"),
    [
        pytest.param('{"1": "Ana", "2": "Acme Coffee", "3": "Barista"}', TEMPLATE, id="all values"),
        pytest.param('{"1": "Ana"}', TEMPLATE, id="one value"),
        pytest.param('{"1": "Acme Coffee"}', "Acme \n Coffee", id="white space of the template"),
    ],
)
def test_a_template_matches_if_every_value_occurs(content: str, body: str) -> None:
    assert matches(Mode.TEMPLATE, content, body)


@pytest.mark.parametrize(
    ("content", "body"),
    [
        pytest.param('{"1": "Ana", "2": "Another company"}', TEMPLATE, id="one value is not there"),
        pytest.param('{"1": "Ana"}', "", id="nothing"),
        pytest.param('{"1": "ana"}', TEMPLATE, id="case"),
    ],
)
def test_a_template_does_not_match_if_a_value_is_missing(content: str, body: str) -> None:
    assert not matches(Mode.TEMPLATE, content, body)
