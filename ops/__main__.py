"""Run the operations command."""

import signal

from ops.app import PROGRAM, app
from tools.surroundings import settle


def main() -> None:
    """Run the command line; characters that a terminal can't write are escaped, so that nothing is lost."""
    settle(unwritable="backslashreplace")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # messages that are hidden are shown again
    app(prog_name=PROGRAM, complete_var=f"_{PROGRAM.upper()}_COMPLETE")


if __name__ == "__main__":
    main()
