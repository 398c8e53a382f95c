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
        pytest.param(None, None, id="absent"),
        pytest.param("", None, id="empty"),
        pytest.param("Wed, 21 Oct 2026 07:28:00 GMT", None, id="a date"),
        pytest.param("soon", None, id="nonsense"),
        pytest.param("nan", None, id="not a number"),
        pytest.param("inf", None, id="no number of seconds"),
        pytest.param("-inf", None, id="no number either"),
        pytest.param("1e999", None, id="too large for a number"),
    ],
)
def test_a_header_is_read(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header) == seconds
