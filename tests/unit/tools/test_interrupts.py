"""Interrupts: a signal waits for the end of what must not be torn, and acts then."""

import os
import signal
import threading

import pytest

from tools.interrupts import signals_deferred


def test_a_signal_acts_at_the_end_of_the_block() -> None:
    reached = []

    def interrupted() -> None:
        with signals_deferred():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("the end of the block")
        reached.append("what follows")

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert reached == ["the end of the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_has_no_signals_to_defer() -> None:
    done = []

    def work() -> None:
        with signals_deferred():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert done == [True]
