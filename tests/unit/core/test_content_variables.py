"""Content variables: read from whatever the model put around them, and held to WhatsApp's rules."""

import json
from typing import Any

import pytest

from core.content_variables import MAX_VARIABLES, content_variables
from core.errors import PermanentError, ReplyError, RunFailedError, TransientError


def variables(**values: Any) -> str:
    return json.dumps(values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"1": "Ana", "2": "Acme"}', {"1": "Ana", "2": "Acme"}, id="bare"),
        pytest.param('{"content_variables": {"1": "Ana"}}', {"1": "Ana"}, id="wrapped"),
        pytest.param('```json\n{"1": "Ana"}\n```', {"1": "Ana"}, id="fenced"),
        pytest.param('\n```\n{"1": "Ana"}```\n', {"1": "Ana"}, id="fenced without a language"),
        pytest.param('```json {"1": "Ana"}```', {"1": "Ana"}, id="fenced on one line"),
        pytest.param('```json\r\n{"1": "Ana"}\r\n```\r\n', {"1": "Ana"}, id="fenced with Windows line ends"),
        pytest.param('\ufeff{"1": "Ana"}', {"1": "Ana"}, id="after a byte order mark"),
        pytest.param('\ufeff```\n{"1": "Ana"}\n```', {"1": "Ana"}, id="fenced after a byte order mark"),
        pytest.param('Here you are:\n{"1": "Ana"}', {"1": "Ana"}, id="prose before it"),
        pytest.param('{"1": "Ana"} and more', {"1": "Ana"}, id="prose after it"),
        pytest.param('For {name}, as asked: {\n "1": "Ana"}. Done {', {"1": "Ana"}, id="prose with braces"),
        pytest.param('Sure!\n```json\n{"1": "Ana"}\n```\nAnything else?', {"1": "Ana"}, id="a fence in prose"),
        pytest.param('{"1": "Ana"}\n\n{ "1":"Ana" }', {"1": "Ana"}, id="twice the same"),
        pytest.param('{"1": "a\nb"}', {"1": "a b"}, id="a line end as it is"),
        pytest.param("{}", {}, id="none"),
        pytest.param('{"content_variables": {}}', {}, id="none, wrapped"),
        pytest.param("```json\n{}\n```", {}, id="none, fenced"),
        pytest.param('{"1": "Ana \u30104:0\u2020source\u3011"}', {"1": "Ana"}, id="a citation"),
        pytest.param('{"1": "Ana\\u30104\\u2020a.pdf\\u3011."}', {"1": "Ana."}, id="an escaped citation"),
        pytest.param('{"first_name": "Ana"}', {"first_name": "Ana"}, id="named"),
        pytest.param('{"1": "a\\nb\\tc\\r\\nd"}', {"1": "a b c d"}, id="newlines and tabs"),
        pytest.param('{"1": "a      b"}', {"1": "a b"}, id="a run of spaces"),
        pytest.param('{"1": "  Ana  "}', {"1": "Ana"}, id="spaces around"),
        pytest.param('{"1": 12}', {"1": "12"}, id="a whole number"),
        pytest.param('{"1": "Zoë 👩‍👩‍👧"}', {"1": "Zoë 👩‍👩‍👧"}, id="any script"),
        pytest.param('{"1": "%s"}' % ("x" * 1024), {"1": "x" * 1024}, id="as long as may be"),
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
        pytest.param(
            json.dumps({str(number): "x" for number in range(MAX_VARIABLES + 1)}),
            "reply_variables_count",
            None,
            id="too many",
        ),
        pytest.param('{"1": ""}', "reply_variable_empty", "1", id="empty"),
        pytest.param('{"1": "x", "2": null}', "reply_variable_empty", "2", id="null"),
        pytest.param('{"1": " \\n "}', "reply_variable_empty", "1", id="blank"),
        pytest.param('{"1": "\u200b\u3164"}', "reply_variable_empty", "1", id="invisible"),
        pytest.param('{"1": "\u30104\u2020source\u3011"}', "reply_variable_empty", "1", id="a citation alone"),
        pytest.param('{"1": "%s", "2": "y"}' % ("x" * 1024), "reply_template_length", None, id="too long in all"),
        pytest.param('{"1": "%s"}' % ("x" * 1025), "reply_template_length", None, id="too long in one"),
        pytest.param('{"name": "%s"}' % ("x" * 1601), "reply_variable_length", "name", id="too long"),
        pytest.param('{"1": "%s"}' % ("😀" * 801), "reply_variable_length", "1", id="too long in UTF-16 units"),
        pytest.param('{"1": true}', "reply_variable_type", "1", id="a truth"),
        pytest.param('{"1": 1.5}', "reply_variable_type", "1", id="a fraction"),
        pytest.param('{"1": ["x"]}', "reply_variable_type", "1", id="a list"),
        pytest.param('{"1": {"a": "x"}}', "reply_variable_type", "1", id="an object"),
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
        pytest.param('{"1": "Ana", "2": {"3": "x"}', id="cut off after an object in it"),
        pytest.param('{"1": "Ana"} {"1": "Ben"}', id="two objects"),
        pytest.param('{"1": "Ana"} {"2', id="two objects, one cut off"),
        pytest.param('```json\n[{"1": "Ana"}]\n```', id="a list in a fence"),
        pytest.param('"{\\"1\\": \\"Ana\\"}"', id="an object in a string"),
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


@pytest.mark.parametrize(
    "character", ["\\u0000", "\\u001b", "\\u000b", "\\u0085", "\\ud83d", "\\udc00", "\x00", "\x1f"], ids=ascii
)
def test_a_variable_with_broken_characters_is_named_and_asked_for_again(character: str) -> None:
    with pytest.raises(RunFailedError) as caught:
        content_variables('{"1": "Ana", "offer": "xxx' + character + '"}')

    assert caught.value.code == "reply_broken_characters"
    assert "content variable offer " in str(caught.value)
    assert "xxx" not in str(caught.value)


def test_a_name_with_broken_characters_is_asked_for_again_and_not_shown() -> None:
    with pytest.raises(RunFailedError) as caught:
        content_variables('{"1\\u0000": "Ana"}')

    assert caught.value.code == "reply_broken_characters"
    assert "1" not in str(caught.value)


@pytest.mark.parametrize("text", ['{"' * 50_000, '{"a":' * 50_000, '{"1": "x"} ' * 20_000, '[{"1": "x"},' * 20_000])
def test_looking_for_an_object_takes_no_longer_than_reading_it(text: str) -> None:
    try:
        assert json.loads(content_variables(text)) == {"1": "x"}
    except RunFailedError as error:
        assert error.code == "openai_invalid_json"  # noqa: PT017 - either is right; that it ends is what matters
