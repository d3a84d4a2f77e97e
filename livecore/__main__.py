"""`python -m livecore`."""

from livecore.cli import main

main()
