from dataclasses import replace

import pytest

from benchmarks.cost import GB_BYTES, Journey, Prices, Usage, bill, demand

USAGE = Usage(
    batch=10,
    batch_seconds=20.0,
    writes=4,
    item_bytes=1500,
    secret_reads=0,
    log_bytes=GB_BYTES / 1_000_000,
    openai_requests=30,
)
"""Round numbers: a record of two units, and a gigabyte of logs for a million."""


def test_million_conversations_in_batches_of_ten() -> None:
    cost = bill(USAGE)

    assert cost.compute == pytest.approx(13.3334)  # 20 s x 0.5 GB / 10 = 1 GB-s each
    assert cost.requests == pytest.approx(0.02)
    assert cost.table == pytest.approx(5.00)  # 4 writes of 2 units
    assert cost.queue == pytest.approx(0.48)  # 1 send, and a receive and a delete for ten
    assert cost.logs == pytest.approx(0.50)
    assert cost.secrets == 0
    assert cost.total == pytest.approx(19.3334)


def test_message_that_is_alone_pays_for_the_whole_invocation() -> None:
    alone = replace(USAGE, batch=1)

    assert bill(alone).compute == pytest.approx(10 * bill(USAGE).compute)
    assert bill(alone).queue == pytest.approx(1.20)


def test_cost_grows_with_memory_and_with_the_number_of_conversations_alike() -> None:
    assert bill(replace(USAGE, memory_mb=1024)).compute == pytest.approx(2 * bill(USAGE).compute)
    assert bill(USAGE, 10_000_000).total == pytest.approx(10 * bill(USAGE).total)


def test_batch_that_outlasts_the_interval_pays_for_its_heartbeat() -> None:
    long = replace(USAGE, batch_seconds=250, visibility_seconds=120)

    assert long.sqs_requests == pytest.approx(1 + (2 + 2) / 10)


@pytest.mark.parametrize(
    ("item_bytes", "units"),
    [
        pytest.param(1, 4, id="small"),
        pytest.param(1024, 4, id="just-one-unit"),
        pytest.param(1025, 8, id="just-two"),
    ],
)
def test_write_takes_as_many_units_as_the_record_has_kilobytes(item_bytes: float, units: float) -> None:
    assert replace(USAGE, item_bytes=item_bytes).write_units == units


def test_secret_that_is_read_for_each_conversation_is_paid_for() -> None:
    cost = bill(replace(USAGE, secret_reads=2))

    assert cost.secrets == pytest.approx(10.0)


def test_other_prices_are_used_where_given() -> None:
    assert bill(USAGE, prices=Prices(gb_second=0)).compute == 0


def test_demand_of_a_day_at_its_average() -> None:
    need = demand(USAGE, per_day=8_640_000, peak_factor=1)  # a hundred a second

    assert need.per_second == pytest.approx(100)
    assert need.in_flight == pytest.approx(2000)
    assert need.environments == 200
    assert need.write_units == pytest.approx(800)
    assert need.openai_requests_per_minute == pytest.approx(180_000)
    assert need.senders == 2


def test_demand_at_the_peak_is_that_many_times_more() -> None:
    average, peak = demand(USAGE, 8_640_000, 1), demand(USAGE, 8_640_000, 3)

    assert peak.environments == 3 * average.environments
    assert peak.senders == 4


def test_million_conversations_that_wait_in_the_queue() -> None:
    taken = Journey(
        seconds=2.0, invocations=3, puts=2, writes=5, reads=1, item_bytes=5000, log_bytes=GB_BYTES / 1_000_000
    )

    cost = bill(taken)

    assert cost.compute == pytest.approx(13.3334)  # 2 s x 0.5 GB = 1 GB-s each
    assert cost.requests == pytest.approx(0.60)
    assert cost.table == pytest.approx(5 * 5 * 0.625 + 2 * 0.125)  # 5 writes of 5 units, a read of 2
    assert cost.queue == pytest.approx(3.60)  # sent, put twice, three receives and three deletes
    assert cost.logs == pytest.approx(0.50)
    assert bill(replace(taken, memory_mb=1024)).compute == pytest.approx(2 * cost.compute)
