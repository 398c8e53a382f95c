"""The evaluator of CloudWatch's filter patterns keeps the rules that AWS documents."""

import json
from typing import Any

import pytest

from tests.integration.product.filter_pattern import FilterPattern, PatternError

EVENT: dict[str, Any] = {
    "level": "CRITICAL",
    "count": 12,
    "ratio": 0.5,
    "ip": "123.123.4.5",
    "done": True,
    "open": False,
    "nothing": None,
    "user": {"name": "Ana", "tags": ["a", "b"]},
    "with-dash": "x y",
}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param('{ $.level = "CRITICAL" }', True, id="equal"),
        pytest.param('{ $.level = "critical" }', False, id="case matters"),
        pytest.param('{ $.level = "CRIT" }', False, id="the whole string counts"),
        pytest.param("{ $.level = CRITICAL }", True, id="letters need no quotes"),
        pytest.param('{ $.level != "ERROR" }', True, id="unequal"),
        pytest.param('{ $.level != "CRITICAL" }', False, id="not unequal"),
        pytest.param('{ $.level = "CRIT*" }', True, id="wildcard at the end"),
        pytest.param('{ $.level = "*TICA*" }', True, id="wildcards around"),
        pytest.param('{ $.ip = "123.123.*" }', True, id="wildcard in a quoted string"),
        pytest.param("{ $.ip != 123.123.* }", False, id="wildcard among digits and dots"),
        pytest.param('{ $.ip = "123x123.*" }', False, id="a dot is a dot"),
        pytest.param("{ $.level = %^CRIT% }", True, id="regular expression"),
        pytest.param("{ $.level = %^crit% }", False, id="regular expression that does not match"),
        pytest.param("{ $.count = 12 }", True, id="number"),
        pytest.param("{ $.count = 1.2e1 }", True, id="scientific notation"),
        pytest.param("{ $.count > 11 }", True, id="greater"),
        pytest.param("{ $.count > 12 }", False, id="not greater"),
        pytest.param("{ $.count >= 12 }", True, id="greater or equal"),
        pytest.param("{ $.ratio < 0.6 }", True, id="less"),
        pytest.param("{ $.ratio <= 0.4 }", False, id="not less or equal"),
        pytest.param("{ $.count != 13 }", True, id="another number"),
        pytest.param("{ $.level > 1 }", False, id="a string is no number"),
        pytest.param("{ $.done IS TRUE }", True, id="is true"),
        pytest.param("{ $.open IS TRUE }", False, id="is not true"),
        pytest.param("{ $.open IS FALSE }", True, id="is false"),
        pytest.param("{ $.nothing IS NULL }", True, id="is null"),
        pytest.param("{ $.level IS NULL }", False, id="is not null"),
        pytest.param("{ $.absent NOT EXISTS }", True, id="not there"),
        pytest.param("{ $.level NOT EXISTS }", False, id="there"),
        pytest.param("{ $.nothing NOT EXISTS }", False, id="null is there"),
        pytest.param('{ $.absent = "*" }', False, id="what is not there equals nothing"),
        pytest.param('{ $.user.name = "Ana" }', True, id="nested"),
        pytest.param('{ $.user.tags[1] = "b" }', True, id="array from zero"),
        pytest.param('{ $.user.tags[2] = "*" }', False, id="beyond the array"),
        pytest.param('{ $.user = "*" }', False, id="an object matches nothing"),
        pytest.param('{ $.user.tags = "*" }', False, id="an array matches nothing"),
        pytest.param('{ $.with-dash = "x y" }', True, id="dash in a selector"),
        pytest.param('{ ($.level = "CRITICAL") && ($.count = 12) }', True, id="both"),
        pytest.param('{ ($.level = "CRITICAL") && ($.count = 13) }', False, id="not both"),
        pytest.param('{ ($.level = "ERROR") || ($.count = 12) }', True, id="either"),
        pytest.param("{ $.count = 12 || $.count = 1 && $.count = 2 }", True, id="and before or"),
        pytest.param("{ ($.count = 12 || $.count = 1) && $.count = 2 }", False, id="parentheses first"),
        pytest.param('{($.level="CRITICAL")&&($.count=12)}', True, id="without spaces"),
    ],
)
def test_pattern_matches_as_documented(pattern: str, expected: bool) -> None:
    assert FilterPattern(pattern).matches(json.dumps(EVENT)) is expected


@pytest.mark.parametrize("message", ["", "START RequestId: 1", "[]", '"CRITICAL"', '{"level": "CRITICAL"} and more'])
def test_what_is_not_one_json_object_never_matches(message: str) -> None:
    assert not FilterPattern('{ $.level = "*" }').matches(message)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param('$.level = "ERROR"', id="no braces"),
        pytest.param('{ level = "ERROR" }', id="no selector"),
        pytest.param("{ $.level = not-quoted }", id="a dash needs quotes"),
        pytest.param("{ $.level = }", id="no value"),
        pytest.param("{ $.level IS NOT NULL }", id="IS NOT is unknown"),
        pytest.param("{ $.level EXISTS x }", id="EXISTS is unknown"),
        pytest.param('{ $.level > "a" }', id="order of strings"),
        pytest.param('{ ($.level = "a" }', id="open parenthesis"),
        pytest.param('{ $.level = "a" $.b = 1 }', id="no operator between"),
        pytest.param("{ $.a = %x% || $.b = %y% || $.c = %z% }", id="three regular expressions"),
        pytest.param('{ $.level = "' + "x" * 1024 + '" }', id="too long"),
    ],
)
def test_pattern_that_breaks_a_rule_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        FilterPattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("CRITICAL", True, id="a term"),
        pytest.param("critical", False, id="case matters in a term"),
        pytest.param('"update failed"', True, id="a phrase"),
        pytest.param('"failed update"', False, id="a phrase in another order"),
        pytest.param('CRITICAL "update failed"', True, id="two terms"),
        pytest.param('ERROR "update failed"', False, id="one of two terms"),
        pytest.param('CRITICAL -"update failed"', False, id="a term that must not occur"),
        pytest.param('?ERROR ?"update failed"', True, id="one of several"),
        pytest.param("?ERROR ?WARNING", False, id="none of several"),
    ],
)
def test_terms_are_looked_for_in_the_text_of_an_event(pattern: str, expected: bool) -> None:
    assert FilterPattern(pattern).matches('{"level": "CRITICAL", "message": "the update failed"}') is expected


@pytest.mark.parametrize("pattern", ["", '"open', "$.level = 5"])
def test_what_is_no_pattern_of_terms_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        FilterPattern(pattern)
