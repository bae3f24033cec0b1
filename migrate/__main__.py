"""``migrate`` and ``python -m migrate``. ``--version`` answers before typer is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; the exit code is 0, 1 or 2 as README.md tells."""
    if sys.argv[1:] == ["--version"]:
        from migrate import __version__

        print(f"migrate {__version__}")
        return
    from migrate.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
