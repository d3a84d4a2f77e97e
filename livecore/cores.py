"""Which cores are whose: media workers and what works on files never share one, where the machine has more than two."""

import os
import sys
from collections.abc import Collection


def _ours() -> Collection[int]:
    return os.sched_getaffinity(0) if sys.platform == "linux" else ()


def for_files(media_workers: int, available: Collection[int] | None = None) -> list[int]:
    """Where children that transcode run: on the last of the cores that media workers leave over, all but one, which is the main process's
    alone, if there are several. None are named on a machine of two, or where every core has its worker: there the priority alone must do.

    `available`: those of this process where it is not given.
    """
    cores = sorted(_ours() if available is None else available)
    spare = len(cores) - media_workers
    return cores[-max(1, spare - 1) :] if spare > 0 and len(cores) > 2 else []


def for_media(media_workers: int, available: Collection[int] | None = None) -> list[int]:
    """Where media workers run: anywhere but on those. None named: anywhere."""
    cores = sorted(_ours() if available is None else available)
    others = for_files(media_workers, cores)
    return [core for core in cores if core not in others] if others else []
