"""Run the operations command."""

import signal
import sys

from ops.app import PROGRAM, app


def main() -> None:
    """Run the command line; what a terminal can't write is escaped rather than an error."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # messages that are hidden are shown again
    app(prog_name=PROGRAM, complete_var=f"_{PROGRAM.upper()}_COMPLETE")


if __name__ == "__main__":
    main()
