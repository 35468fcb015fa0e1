"""The `toolgate` command: `python -m toolgate`."""

import signal
import sys

from . import _native


def main() -> int:
    """Runs the command with the process's arguments, and returns its exit code."""
    # the command is not Python: let the terminal stop it as it stops any other
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.main(["toolgate", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
