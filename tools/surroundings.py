"""Surroundings: a machine that is not ours, made fit for what a command starts there.

Every command line of the project calls `settle` first; the processes that it starts inherit the rest.
"""

import os
import sys
from collections.abc import MutableMapping
from io import TextIOWrapper

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Where emulators, stubs and functions of this machine are; a proxy of a company knows none of them."""


def settle(unwritable: str = "replace") -> None:
    """Keep loopback from proxies, and output from dying of a character that the terminal does not have.

    Args:
        unwritable: What becomes of such a character; an error handler of `codecs`.
    """
    bypass_proxies(os.environ)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=unwritable)


def bypass_proxies(environ: MutableMapping[str, str]) -> None:
    """Add loopback to the hosts that are reached without a proxy, whoever reads the variable in either case."""
    named = [host.strip() for name in ("no_proxy", "NO_PROXY") for host in environ.get(name, "").split(",")]
    hosts = ",".join(dict.fromkeys(host for host in [*named, *LOOPBACK] if host))
    if any(name.lower().endswith("_proxy") for name in environ):
        environ["no_proxy"] = environ["NO_PROXY"] = "*" if "*" in named else hosts
