"""`python -m livecore`: the command line, or one process of a livecore as its supervisor starts it."""

import sys


def main() -> None:
    if sys.argv[1:2] == ["process"]:
        from livecore.serve import run_child

        sys.exit(run_child(sys.argv[2:]))
    from livecore.cli import main as command_line

    command_line()


main()
