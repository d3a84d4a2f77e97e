"""A low priority that holds beside processes of other sessions too."""

import contextlib
import os
from pathlib import Path

# Where the kernel groups processes by session (sched_autogroup_enabled), it shares time between groups first, and a process's own niceness
# counts within its group alone; the group has a niceness of its own (sched(7)).
AUTOGROUP = Path("/proc/self/autogroup")


def give_way(nice: int) -> None:
    """This process, which leads a session of its own, and its session from here on."""
    os.nice(nice)
    with contextlib.suppress(OSError):
        AUTOGROUP.write_text(str(nice))
