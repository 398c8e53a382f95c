"""What every test shares."""

import os
import signal

import pytest

from tools.surroundings import bypass_proxies

pytest.register_assert_rewrite("tests.contracts")
bypass_proxies(os.environ)

# A shell without job control has what it starts in the background ignore Ctrl-C, and nohup the end of the session;
# programs inherit that, and the tests send them these signals.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)
