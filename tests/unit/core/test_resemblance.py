"""Resemblance: whether a listed message is what was meant to be sent."""

import html

import pytest

from core.conversation import Mode
from core.resemblance import fold, is_shown, matches, proves

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


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        pytest.param("\u201cHi\u201d \u2013 it\u2019s Ana\u2026", '"Hi" - it\'s Ana...', id="typographic"),
        pytest.param("«Bonjour» • Zoë", '"Bonjour" * Zoë', id="quotes and bullets"),
        pytest.param("Tom & Ana <3", "Tom &amp; Ana &lt;3", id="escaped"),
        pytest.param("Tom & Ana <3", "Tom &amp;amp; Ana &amp;lt;3", id="escaped twice"),
        pytest.param("x&copy=1", "x&amp;copy=1", id="escaped, and like an entity before"),
        pytest.param("Hello\u00a0Ana\u200b", "Hello Ana", id="spaces and what nobody sees"),
        pytest.param("👩‍👩‍👧 and ❤️", "👩👩👧 and ❤", id="joiners"),
        pytest.param("Zoe\u0308", "Zoë", id="composed"),
        pytest.param("\uff15\uff10\uff05 off\uff01", "50% off!", id="wide"),
    ],
)
def test_what_vendors_change_does_not_count(sent: str, shown: str) -> None:
    assert matches(Mode.FREE_FORM, sent, shown)


@pytest.mark.parametrize(
    "text", ["“Hi” & <b>", "x&copy=1", "&lt;", "&amp;lt;", "Tom &#38; Ana", "½ price…", "a\u00adb"]
)
def test_a_text_is_folded_alike_however_it_is_escaped(text: str) -> None:
    assert fold(html.escape(text)) == fold(text) == fold(fold(text))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("2²", "22", id="superscript"),
        pytest.param("①", "1", id="number in a circle"),
        pytest.param("10 €", "10 $", id="currency"),
        pytest.param("Zoë", "Zoe", id="accent"),
        pytest.param("9:00", "9.00", id="punctuation"),
        pytest.param("a.b", "a,b", id="comma"),
        pytest.param("HelloAna", "Hello Ana", id="white space"),
    ],
)
def test_texts_that_a_reader_can_tell_apart_stay_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    ("content", "proof"),
    [
        ('{"1": "Ana", "2": "Acme"}', False),
        ('{"1": "Ana", "2": "Acme Cafe"}', False),
        ('{"1": "Ana", "2": "Acme Coffee"}', True),
        ('{"1": "\\u200b\\u200b\\u200b\\u200b\\u200b\\u200b\\u200b\\u200b\\u200b\\u200b\\u200b\\u200b"}', False),
        ("{}", False),
    ],
)
def test_a_template_proves_something_with_twelve_visible_characters(content: str, proof: bool) -> None:
    assert proves(Mode.TEMPLATE, content) is proof
    assert proves(Mode.FREE_FORM, "Hi")


@pytest.mark.parametrize("body", ["", " ", "\n", "\u200b", "\u00ad\ufeff"])
def test_a_body_without_a_visible_character_is_not_shown(body: str) -> None:
    assert not is_shown(body)
    assert not matches(Mode.TEMPLATE, "{}", body)
