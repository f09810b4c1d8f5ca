"""`lomi` and `python -m lomi_ops`. The version is answered before anything else is imported, and so is a
shell that wants to complete a word."""

from __future__ import annotations

import sys


def main() -> None:
    if sys.argv[1:2] in (["--version"], ["-V"]):
        from lomi_ops.version import __version__

        sys.stdout.write(f"lomi {__version__}\n")
        return
    if sys.argv[1:2] == ["_complete"]:
        from lomi_ops.cli.completing import complete

        complete(sys.argv[2:])
        return
    try:
        if sys.argv[1:2] == ["review"]:
            from lomi_ops.cli.review_desk import begin_ahead

            begin_ahead(sys.argv[1:])
        from lomi_ops.cli.main import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while modules are loaded, or after the command: its own are `run`'s
        code = 130
    from lomi_ops.cli import ending

    ending.let_go()
    sys.exit(code)


if __name__ == "__main__":
    main()
