"""Links: what is compared of one, and that looking for them costs little."""

import pytest

from core.links import MAX_IN_ANY_ORDER, MAX_LINK_LENGTH, Reading, find_links, find_links_across
from tests.fakes.cost import cpu_seconds, peak_memory_bytes


def readings(text: str) -> list[Reading]:
    return [reading for link in find_links(text) for reading in link.readings]


@pytest.mark.parametrize(
    ("text", "compared", "host"),
    [
        pytest.param("https://Acme.Example/Jobs/", "acme.example/Jobs", "acme.example", id="web"),
        pytest.param("http://acme.example:80?x=1", "acme.example?x=1", "acme.example", id="usual port"),
        pytest.param("acme.example:8443/x", "acme.example:8443/x", "acme.example", id="another port"),
        pytest.param("(acme.example/a_(b)).", "acme.example/a_(b", "acme.example", id="punctuation"),
        pytest.param("mailto:Ana@Acme.Example", "ana@acme.example", "acme.example", id="mail"),
        pytest.param("Ana@acme.example", "ana@acme.example", "acme.example", id="bare mail"),
        pytest.param("bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example", id="IDN"),
        pytest.param("https://a@acme.example", "https://a@acme.example", None, id="user"),
        pytest.param("mailto:a@acme.example,b@evil.example", "a@acme.example,b@evil.example", None, id="two mails"),
        pytest.param("https://%61cme.example", "https://%61cme.example", None, id="escape"),
        pytest.param("ftp://acme.example", "ftp://acme.example", None, id="another scheme"),
        pytest.param(f"https://acme.example/{'x' * MAX_LINK_LENGTH}", "", None, id="too long"),
    ],
)
def test_a_link_is_compared_by_host_and_path(text: str, compared: str, host: str | None) -> None:
    assert readings(text) == [Reading(compared, host)]


def test_letters_that_can_not_be_part_of_a_host_leave_two_ways_to_read_it() -> None:
    assert {reading.host for reading in readings("请访问acme.example")} == {
        "acme.example",
        "xn--acme-pr9lpki90d.example",
    }


@pytest.mark.parametrize("text", ["pаypal.com", "ѕacme.example", "γacme.example"])  # noqa: RUF001 - lookalikes
def test_letters_that_look_like_latin_ones_do_not(text: str) -> None:
    assert len(readings(text)) == 1


HARD = {
    "dots": "a." * 24_000,
    "hosts": "a.com," * 8_000,
    "one long host": "com-com." * 6_000,
    "schemes": "a:/" * 16_000,
    "schemes that lead somewhere": "http://a.com/" * 3_500,
    "signs": "@" * 48_000,
    "mails": "a@a.com" * 6_500,
    "a long word": "a" * 48_000,
    "a long word with a host": "a" * 47_000 + ".com",
    "brackets": "[.]" * 16_000,
    "blanks": " " * 48_000 + "[",
    "ligatures": "\ufdfa" * 16_000,
    "entities": "&#46;" * 9_000,
    "invisible": "a\u200b." * 9_000,
    "marks": "a\u0301\u0301." * 8_000,
    "Chinese": "中.com" * 8_000,
}


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_the_longest_reply_costs_less_than_half_a_second_and_100_megabytes(text: str) -> None:
    assert cpu_seconds(lambda: list(find_links(text))) < 0.5


def test_the_dearest_reply_needs_little_memory() -> None:
    assert peak_memory_bytes(lambda: [None for _ in find_links(HARD["schemes that lead somewhere"])]) < 20_000_000


@pytest.mark.parametrize("count", [MAX_IN_ANY_ORDER, 100])
def test_many_values_cost_less_than_half_a_second(count: int) -> None:
    values = [f"x{index}.ab:c" for index in range(count)]

    assert cpu_seconds(lambda: list(find_links_across(values))) < 0.5
