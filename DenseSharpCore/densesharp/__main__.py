"""The program `densesharp`, and `python -m densesharp`."""

import sys

from densesharp import stopping


def main() -> int:
    """Run the command line; Ctrl + C may come while its modules load."""
    stopping.begin()
    try:
        from densesharp.cli import main as run
    except KeyboardInterrupt:
        return stopping.leave()
    return run()


if __name__ == "__main__":
    sys.exit(main())
