"""Reply: the model's text made into what WhatsApp accepts."""

from itertools import pairwise

import pytest
import regex
from hypothesis import assume, given
from hypothesis import strategies as st

from core.content_variables import units
from core.conversation import Mode, Reply, Usage
from core.errors import ReplyError, RunFailedError, TransientError
from core.reply import MAX_PART_UNITS, MAX_REPLY_BYTES, shape_reply, split_text
from tests.fakes.cost import MAX_CPU_SECONDS, MAX_MEMORY_BYTES, cpu_seconds, peak_memory_bytes
from tests.samples.hostile import TEXTS as HOSTILE
from tests.samples.hostile import Maker
from utils.settings import Settings

FAMILY = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"
USAGE = Usage(120, 30)


# Modes


def test_a_template_gets_one_part_of_variables() -> None:
    reply = shape_reply(Mode.TEMPLATE, '{"1": "Ana"}', USAGE, max_parts=3)

    assert reply == Reply(Mode.TEMPLATE, ('{"1": "Ana"}',), USAGE)


def test_free_form_text_is_sent_as_it_is() -> None:
    reply = shape_reply(Mode.FREE_FORM, "  Hello Ana,\n\nhow are you?\n", USAGE, max_parts=3)

    assert reply == Reply(Mode.FREE_FORM, ("Hello Ana,\n\nhow are you?",), USAGE)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(" \n\t ", id="white space"),
        pytest.param("\u2003\u00a0", id="wide spaces"),
        pytest.param("\u200b\u200b", id="zero-width spaces"),
        pytest.param("\ufeff", id="a byte order mark"),
        pytest.param("\u2060\u00ad\u200d", id="joiners and soft hyphens"),
        pytest.param("\u3164\u115f\uffa0", id="Hangul fillers"),
        pytest.param("\u2800", id="a Braille blank"),
        pytest.param("\ufe0f\u034f", id="a variation without a character"),
        pytest.param("\U000e0041", id="a tag"),
        pytest.param("<think>Hello?</think>", id="a thought"),
        pytest.param("<think>Hello", id="a thought that was cut off"),
    ],
)
def test_nothing_that_can_be_seen_can_not_be_sent(mode: Mode, text: str) -> None:
    with pytest.raises(ReplyError) as caught:
        shape_reply(mode, text, USAGE, max_parts=3)

    assert caught.value.code == "openai_empty_output"


BROKEN = [
    "\x00",
    "\x07",
    "\x0b",
    "\x0c",
    "\x1b",
    "\x1f",
    "\x7f",
    "\x85",
    "\x9f",
    "\ud83d",
    "\udc00",
    "\ufffe",
    "\ufdd0",
]


@pytest.mark.parametrize("character", BROKEN, ids=ascii)
@pytest.mark.parametrize("text", ["Hello {}Ana", "Hello Ana{}", "{}Hello Ana", "{}"])
def test_broken_characters_are_neither_sent_nor_repaired(text: str, character: str) -> None:
    with pytest.raises(RunFailedError) as caught:
        shape_reply(Mode.FREE_FORM, text.format(character), USAGE, max_parts=3)

    assert caught.value.code == "reply_broken_characters"
    assert isinstance(caught.value, TransientError)
    assert caught.value.ends_run


def test_tabs_and_line_ends_are_no_broken_characters() -> None:
    assert shape_reply(Mode.FREE_FORM, "a\tb\r\nc\rd", USAGE, max_parts=3).parts == ("a\tb\nc\rd",)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        pytest.param("<think>Who is it?</think>\n\nHello Ana", "Hello Ana", id="before the answer"),
        pytest.param("<THINK a='b'>\nWho?\n</THINK >Hello Ana", "Hello Ana", id="in another form"),
        pytest.param("Who is it?\n</think>\nHello Ana", "Hello Ana", id="its start is missing"),
        pytest.param("Hello Ana\n<think>Was that right?", "Hello Ana", id="its end is missing"),
        pytest.param("<think>a<think>b</think>c</think>Hello Ana", "Hello Ana", id="one in another"),
        pytest.param("<think>a</think>Hello <thinking>b</thinking>Ana", "Hello Ana", id="two"),
        pytest.param("<think>\x00</think>Hello Ana", "Hello Ana", id="broken"),
        pytest.param("I think <b>Ana</b> > Ben", "I think <b>Ana</b> > Ben", id="none"),
        pytest.param("\ufeffHello Ana", "Hello Ana", id="a byte order mark"),
        pytest.param("Open \u30104:0\u2020a.pdf\u3011till 9\u301012\u2020source\u3011.", "Opentill 9.", id="citations"),
        pytest.param("Hello\ue200cite\ue202turn0search0\ue201 Ana", "Hello Ana", id="citations of another form"),
        pytest.param("\u3010Acme\u3011 Hello", "\u3010Acme\u3011 Hello", id="brackets"),
    ],
)
def test_what_is_not_meant_for_the_reader_is_removed(text: str, sent: str) -> None:
    assert shape_reply(Mode.FREE_FORM, text, USAGE, max_parts=3).parts == (sent,)


def test_no_part_is_invisible() -> None:
    text = "Hello" + "\u200b" * 2 * MAX_PART_UNITS + " Ana"

    parts = shape_reply(Mode.FREE_FORM, text, USAGE, max_parts=10).parts

    assert len(parts) == 2
    assert "".join(parts).replace("\u200b", "") == "Hello Ana"


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
    assert "more than the 3 messages" in str(caught.value)


def test_a_character_longer_than_a_message_is_refused() -> None:
    with pytest.raises(ReplyError) as caught:
        split_text("a" + "\u0301" * 2000, 3)

    assert caught.value.code == "reply_too_long"


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


# Cost

MOST_PARTS = next(rule.le for rule in Settings.model_fields["max_message_parts"].metadata if hasattr(rule, "le"))


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_no_reply_is_dear_to_shape_or_to_refuse(make: Maker, mode: Mode) -> None:
    text = make(MAX_REPLY_BYTES)

    assert cpu_seconds(lambda: shape_reply(mode, text, USAGE, MOST_PARTS)) < MAX_CPU_SECONDS


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_long_reply_is_refused_unread(make: Maker, mode: Mode) -> None:
    text = make(512 * 1024)

    assert cpu_seconds(lambda: shape_reply(mode, text, USAGE, MOST_PARTS)) < MAX_CPU_SECONDS / 2


@pytest.mark.parametrize("name", [name for name in HOSTILE if name.startswith("JSON: a list")])
def test_no_reply_takes_much_memory(name: str) -> None:
    text = HOSTILE[name](MAX_REPLY_BYTES)

    assert peak_memory_bytes(lambda: shape_reply(Mode.TEMPLATE, text, USAGE, MOST_PARTS)) < MAX_MEMORY_BYTES / 10


@pytest.mark.parametrize("unit", ["x", "word ", "a\n", FAMILY, "\N{REGIONAL INDICATOR SYMBOL LETTER G}"])
def test_splitting_takes_no_longer_for_what_is_not_sent(unit: str) -> None:
    """No pass over the text is repeated for each part of it."""
    text = unit * (512 * 1024 // len(unit))

    assert cpu_seconds(lambda: split_text(text, MOST_PARTS)) < MAX_CPU_SECONDS


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("unit", ["x", "\u6f22", "\ud83d"])
def test_a_reply_that_the_record_has_no_room_for_is_refused(mode: Mode, unit: str) -> None:
    with pytest.raises(ReplyError) as caught:
        shape_reply(mode, unit * (MAX_REPLY_BYTES // len(unit.encode(errors="surrogatepass")) + 1), USAGE, MOST_PARTS)

    assert caught.value.code == "reply_too_long"


def test_the_longest_reply_that_the_settings_allow_is_sent() -> None:
    parts = shape_reply(Mode.FREE_FORM, "\u6f22" * MAX_PART_UNITS * MOST_PARTS, USAGE, MOST_PARTS).parts

    assert [units(part) for part in parts] == [MAX_PART_UNITS] * MOST_PARTS
