"""Reply: the model's text made into what WhatsApp accepts."""

import json
from itertools import pairwise
from typing import Any

import pytest
import regex
from hypothesis import assume, given
from hypothesis import strategies as st

from core.conversation import Mode, Reply, Usage
from core.errors import PermanentError, ReplyError, RunFailedError, TransientError
from core.reply import MAX_PART_UNITS, MAX_VARIABLES, content_variables, shape_reply, split_text, units

FAMILY = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"
USAGE = Usage(120, 30)


def variables(**values: Any) -> str:
    return json.dumps(values)


# Modes


def test_a_template_gets_one_part_of_variables() -> None:
    reply = shape_reply(Mode.TEMPLATE, '{"1": "Ana"}', USAGE, max_parts=3)

    assert reply == Reply(Mode.TEMPLATE, ('{"1": "Ana"}',), USAGE)


def test_free_form_text_is_sent_as_it_is() -> None:
    reply = shape_reply(Mode.FREE_FORM, "  Hello Ana,\n\nhow are you?\n", USAGE, max_parts=3)

    assert reply == Reply(Mode.FREE_FORM, ("Hello Ana,\n\nhow are you?",), USAGE)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("text", ["", " \n\t ", "\u2003"])
def test_nothing_can_not_be_sent(mode: Mode, text: str) -> None:
    with pytest.raises(ReplyError) as caught:
        shape_reply(mode, text, USAGE, max_parts=3)

    assert caught.value.code == "openai_empty_output"


# Content variables


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"1": "Ana", "2": "Acme"}', {"1": "Ana", "2": "Acme"}, id="bare"),
        pytest.param('{"content_variables": {"1": "Ana"}}', {"1": "Ana"}, id="wrapped"),
        pytest.param('```json\n{"1": "Ana"}\n```', {"1": "Ana"}, id="fenced"),
        pytest.param('\n```\n{"1": "Ana"}```\n', {"1": "Ana"}, id="fenced without a language"),
        pytest.param('{"first_name": "Ana"}', {"first_name": "Ana"}, id="named"),
        pytest.param('{"1": "a\\nb\\tc\\r\\nd"}', {"1": "a b c d"}, id="newlines and tabs"),
        pytest.param('{"1": "a      b"}', {"1": "a b"}, id="a run of spaces"),
        pytest.param('{"1": "  Ana  "}', {"1": "Ana"}, id="spaces around"),
        pytest.param('{"1": 12}', {"1": "12"}, id="a whole number"),
        pytest.param('{"1": "Zoë 👩‍👩‍👧"}', {"1": "Zoë 👩‍👩‍👧"}, id="any script"),
        pytest.param('{"1": "%s"}' % ("x" * 1600), {"1": "x" * 1600}, id="as long as may be"),
    ],
)
def test_variables_are_read_and_cleaned(text: str, expected: dict[str, str]) -> None:
    assert json.loads(content_variables(text)) == expected


def test_the_same_variables_are_always_written_the_same_way() -> None:
    """A resumed attempt compares them with what it finds at Twilio and in other records."""
    assert (
        content_variables('{"2": "b", "1": "ü"}')
        == content_variables('{ "1":"\\u00fc", "2":"b" }')
        == '{"1": "ü", "2": "b"}'
    )


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        pytest.param(variables(), "reply_variables_count", None, id="none"),
        pytest.param('{"content_variables": {}}', "reply_variables_count", None, id="none, wrapped"),
        pytest.param(
            json.dumps({str(number): "x" for number in range(MAX_VARIABLES + 1)}),
            "reply_variables_count",
            None,
            id="too many",
        ),
        pytest.param('{"1": ""}', "reply_variable_empty", "1", id="empty"),
        pytest.param('{"1": "x", "2": null}', "reply_variable_empty", "2", id="null"),
        pytest.param('{"1": " \\n "}', "reply_variable_empty", "1", id="blank"),
        pytest.param('{"name": "%s"}' % ("x" * 1601), "reply_variable_length", "name", id="too long"),
        pytest.param('{"1": "%s"}' % ("😀" * 801), "reply_variable_length", "1", id="too long in UTF-16 units"),
        pytest.param('{"1": true}', "reply_variable_type", "1", id="a truth"),
        pytest.param('{"1": 1.5}', "reply_variable_type", "1", id="a fraction"),
        pytest.param('{"1": ["x"]}', "reply_variable_type", "1", id="a list"),
        pytest.param('{"1": {"a": "x"}}', "reply_variable_type", "1", id="an object"),
        pytest.param('{"1": "\\ud83d"}', "reply_variable_type", "1", id="half a character"),
        pytest.param('{"first name": "x"}', "reply_variable_name", None, id="a name with a space"),
        pytest.param('{"%s": "x"}' % ("n" * 17), "reply_variable_name", None, id="a name too long"),
        pytest.param('{"": "x"}', "reply_variable_name", None, id="no name"),
        pytest.param('{"1\\n": "x"}', "reply_variable_name", None, id="a name with a newline"),
    ],
)
def test_a_variable_that_breaks_a_rule_is_named_and_not_shown(text: str, code: str, named: str | None) -> None:
    with pytest.raises(ReplyError) as caught:
        content_variables(text)

    assert caught.value.code == code
    assert isinstance(caught.value, PermanentError)
    assert named is None or f"content variable {named} " in str(caught.value)
    assert "xxx" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Hello Ana!", id="text"),
        pytest.param('["Ana"]', id="a list"),
        pytest.param('"Ana"', id="a string"),
        pytest.param("null", id="null"),
        pytest.param('{"1": "Ana"', id="cut off"),
        pytest.param('{"1": "Ana"} and more', id="more after it"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('{"1": %s}' % ("9" * 5000), id="a number too large to read"),
    ],
)
def test_what_is_no_object_may_be_better_the_next_time(text: str) -> None:
    with pytest.raises(RunFailedError) as caught:
        content_variables(text)

    assert caught.value.code == "openai_invalid_json"
    assert isinstance(caught.value, TransientError)
    assert caught.value.ends_run


def test_a_wrong_reply_is_not_kept_for_the_next_attempt() -> None:
    with pytest.raises(ReplyError) as caught:
        content_variables('{"1": ""}')

    assert caught.value.ends_run


# Splitting


def paragraph(letter: str, length: int) -> str:
    """Return a paragraph of short sentences."""
    return (f"{letter}{letter}{letter}. " * (length // 5 + 1))[:length].strip()


def test_a_text_that_fits_is_one_part() -> None:
    text = "x" * MAX_PART_UNITS

    assert split_text(text, 1) == [text]


def test_a_text_is_split_at_a_paragraph_if_there_is_one() -> None:
    first, second = paragraph("a", 900), paragraph("b", 900)

    assert split_text(f"{first}\n \n\n{second}", 3) == [first, second]


def test_a_text_without_paragraphs_is_split_at_a_sentence() -> None:
    parts = split_text("One two three four! " * 100, 3)

    assert all(part.endswith("four!") for part in parts)
    assert " ".join(parts) == ("One two three four! " * 100).strip()


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param('He said "well." ', id="a quotation mark"),
        pytest.param("Would she?) ", id="a bracket"),
        pytest.param("And so on\u2026 ", id="an ellipsis"),
        pytest.param("One line\n", id="a line"),
        pytest.param("\u4f60\u597d\u4e16\u754c\u3002", id="no space after it"),
    ],
)
def test_a_sentence_is_seen_by_its_end(sentence: str) -> None:
    parts = split_text(sentence * 400, 10)

    assert len(parts) > 1
    assert {part[-2:] for part in parts} == {sentence.strip()[-2:]}


def test_a_text_without_sentences_is_split_at_a_word() -> None:
    parts = split_text("word " * 500, 3)

    assert all(part.startswith("word") and part.endswith("word") for part in parts)


def test_a_text_without_spaces_is_split_between_characters() -> None:
    parts = split_text(FAMILY * 400, 3)

    assert "".join(parts) == FAMILY * 400
    assert all(len(part) % len(FAMILY) == 0 for part in parts)


def test_parts_are_cut_tighter_where_good_places_make_too_many() -> None:
    """Each paragraph is a little over half a part, so that breaks at paragraphs waste almost half of each."""
    text = "\n\n".join(paragraph(letter, 760) for letter in "abcd")

    parts = split_text(text, 3)

    assert len(parts) == 3
    assert "".join(parts).replace(" ", "").replace("\n", "") == text.replace(" ", "").replace("\n", "")


def test_a_text_that_needs_too_many_parts_is_refused() -> None:
    with pytest.raises(ReplyError) as caught:
        split_text("x" * (3 * MAX_PART_UNITS + 1), 3)

    assert caught.value.code == "reply_too_long"
    assert "4 messages" in str(caught.value)


def test_a_character_longer_than_a_message_is_refused() -> None:
    with pytest.raises(ReplyError) as caught:
        split_text("a" + "\u0301" * 2000, 3)

    assert caught.value.code == "reply_too_long"


def test_half_a_character_is_refused() -> None:
    with pytest.raises(ReplyError) as caught:
        split_text("Hello \ud83d", 3)

    assert caught.value.code == "reply_unusable"


def test_windows_line_ends_are_one_character() -> None:
    assert split_text("a\r\nb", 1) == ["a\nb"]


SPACES = [" ", "\n", "\n\n", "\t", "\u00a0", "\u2028"]
ENDS = [". ", "! ", "?) ", "\u3002", "\uff01"]
JOINERS = ["\u0301", " \u0301", "\u200d", "\ufe0f", "\u0600", "\u0e33", "\u1161"]
CHARACTERS = ["word", "word ", "\u4f60", "a\u0301", FAMILY, "\N{REGIONAL INDICATOR SYMBOL LETTER G}", "\u1100"]
PIECES = st.sampled_from([*SPACES, *ENDS, *JOINERS, *CHARACTERS])
TEXTS = st.lists(st.tuples(PIECES, st.integers(1, 500)), min_size=1, max_size=8).map(
    lambda pieces: "".join(piece * count for piece, count in pieces)
)


@given(TEXTS)
def test_every_text_is_sent_whole_in_parts_that_fit(text: str) -> None:
    assume(text.strip())

    try:
        parts = split_text(text, 100)
    except ReplyError:
        return

    assert all(0 < units(part) <= MAX_PART_UNITS for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@given(TEXTS)
def test_no_grapheme_is_ever_split(text: str) -> None:
    assume(text.strip())
    text = text.strip()
    boundaries = {0} | {match.end() for match in regex.finditer(r"\X", text)}

    try:
        parts = split_text(text, 100)
    except ReplyError:
        return

    end = 0
    for part, following in pairwise([*parts, ""]):
        start = text.index(part, end)
        end = start + len(part)
        assert start in boundaries
        assert end in boundaries
        assert text[end : text.index(following, end)].strip() == ""


@given(TEXTS, st.integers(1, 10))
def test_there_are_never_more_parts_than_allowed(text: str, max_parts: int) -> None:
    assume(text.strip())

    try:
        parts = split_text(text, max_parts)
    except ReplyError:
        return

    assert len(parts) <= max_parts
