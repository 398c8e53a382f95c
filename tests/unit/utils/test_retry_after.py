import pytest

from utils.retry_after import retry_after_seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("2", 2.0, id="seconds"),
        pytest.param("0.25", 0.25, id="a fraction"),
        pytest.param(" 7 ", 7.0, id="blanks"),
        pytest.param("0", 0.0, id="at once"),
        pytest.param("-1", 0.0, id="negative, as some gateways send"),
        pytest.param("90000", 86_400.0, id="more than a day"),
        pytest.param("", None, id="empty"),
        pytest.param("Wed, 21 Oct 2026 07:28:00 GMT", None, id="a date, and no telling what time it is"),
        pytest.param("soon", None, id="nonsense"),
        pytest.param("nan", None, id="not a number"),
        pytest.param("inf", None, id="no number of seconds"),
        pytest.param("-inf", None, id="no number either"),
        pytest.param("1e999", None, id="too large for a number"),
    ],
)
def test_a_header_is_read(header: str, seconds: float | None) -> None:
    assert retry_after_seconds({"Retry-After": header}) == seconds


NOW = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"retry-after-ms": "1500", "retry-after": "9"}, 1.5, id="milliseconds first"),
        pytest.param({"retry-after-ms": "soon", "retry-after": "9"}, 9.0, id="milliseconds that are none"),
        pytest.param({"RETRY-AFTER": "9"}, 9.0, id="in capitals"),
        pytest.param({"date": NOW, "retry-after": "Wed, 21 Oct 2026 07:30:00 GMT"}, 120.0, id="a date"),
        pytest.param({"date": NOW, "retry-after": "Wed, 21 Oct 2026 07:27:00 GMT"}, 0.0, id="a date in the past"),
        pytest.param({"date": NOW, "retry-after": "Wed, 21 Oct 2027 07:27:00 GMT"}, 86_400.0, id="a date far away"),
        pytest.param({"date": NOW, "retry-after": "Wed, 21 Oct"}, None, id="half a date"),
        pytest.param({"date": "today", "retry-after": NOW}, None, id="a date, and another clock"),
    ],
)
def test_the_headers_of_an_answer_are_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds
