"""A low priority that holds beside processes of other sessions too."""

import contextlib
import os
import sys
from pathlib import Path

# Where the kernel groups processes by session (sched_autogroup_enabled), it shares time between groups first, and a process's own niceness
# counts within its group alone; the group has a niceness of its own (sched(7)).
AUTOGROUP = Path("/proc/self/autogroup")


# The last niceness: whoever asks for it wants what nobody else does.
LOWEST = 19


def give_way(nice: int) -> None:
    """This process, which leads a session of its own, and its session from here on.

    At the lowest it is of the idle class too, so that the kernel takes its core for a free one when others wake up, and serves its disk
    accesses last (sched(7), ioprio_set(2)).
    """
    os.nice(nice)
    with contextlib.suppress(OSError):
        AUTOGROUP.write_text(str(nice))
    if nice >= LOWEST and sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
