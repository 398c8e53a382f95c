"""Lease: the right to work on a conversation, as both threads see it."""

import pytest

from core.conversation import ConversationKey
from core.errors import LostLeaseError
from core.lease import Lease

KEY = ConversationKey("+447700900123", "conv-1")
NOW = 1_800_000_000.0


def make_lease(*, confirmed: bool = True) -> Lease:
    lease = Lease("owner")
    lease.take(KEY, NOW + 100)
    if confirmed:
        lease.confirm()
    return lease


def test_a_new_lease_is_nobodys() -> None:
    lease = Lease("owner")

    assert (lease.key, lease.expires_at, lease.renewable) == (None, 0.0, False)


def test_what_is_asked_for_is_noted_before_it_is_known() -> None:
    lease = make_lease(confirmed=False)

    assert (lease.key, lease.expires_at, lease.renewable) == (KEY, NOW + 100, False)


def test_a_lease_is_renewed_once_the_record_shows_it() -> None:
    assert make_lease().renewable


def test_a_lease_that_is_about_to_be_given_up_is_not_renewed_and_still_ours() -> None:
    lease = make_lease()

    lease.finish()

    assert not lease.renewable
    assert lease.key == KEY


def test_a_lease_that_was_given_up_has_no_record() -> None:
    lease = make_lease()

    lease.give_up()

    assert (lease.key, lease.renewable) == (None, False)


def test_a_lost_lease_is_not_renewed() -> None:
    lease = make_lease()

    lease.lose()

    assert not lease.renewable


@pytest.mark.parametrize(
    ("now", "needed_seconds"),
    [pytest.param(NOW, 99.9, id="long enough"), pytest.param(NOW + 99.9, 0, id="until the end")],
)
def test_a_step_that_ends_before_the_lease_may_start(now: float, needed_seconds: float) -> None:
    make_lease().check(now, needed_seconds)


@pytest.mark.parametrize(
    ("now", "needed_seconds"),
    [pytest.param(NOW, 100, id="as long as the lease"), pytest.param(NOW + 100, 0, id="at its end")],
)
def test_a_step_that_ends_with_the_lease_or_later_may_not(now: float, needed_seconds: float) -> None:
    lease = make_lease()

    with pytest.raises(LostLeaseError):
        lease.check(now, needed_seconds)


def test_no_step_may_start_once_the_lease_is_lost() -> None:
    lease = make_lease()
    lease.lose()

    with pytest.raises(LostLeaseError):
        lease.check(NOW, 0)


def test_a_renewed_lease_lasts_longer() -> None:
    lease = make_lease()

    lease.expires_at = NOW + 400

    lease.check(NOW + 300, 99)
