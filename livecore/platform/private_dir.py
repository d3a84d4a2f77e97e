"""The data directory is for the user that runs livecore alone: keys, the database, the outbox with its codes.

SQLite gives its journals (`-wal`, `-shm`, `-journal`) the mode of the file that they belong to, and nothing below a closed directory can
be reached, so the directory and what lies at its top are all that there is to close.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import structlog

log = structlog.get_logger("platform")

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
# A front server in livecore's group reads the objects itself; the directory above must let it through, and shows it no names.
PASSED_MODE, SHARED_MODE = 0o710, 0o750


def make_private(directory: Path, *, shared: str | None = None, files: Sequence[str] = ()) -> None:
    """Make the directory and close it and what it holds already; `shared` is one below it that its group may read.

    `files` are made, empty, where they are not there yet: what opens them later finds them closed.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
    if shared is not None:
        (directory / shared).mkdir(exist_ok=True)
    for name in files:
        os.close(os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
    _close(directory, PASSED_MODE if shared is not None else DIRECTORY_MODE)
    for path in directory.iterdir():
        if path.is_symlink():
            continue
        _close(path, SHARED_MODE if path.name == shared else DIRECTORY_MODE if path.is_dir() else FILE_MODE)


def _close(path: Path, mode: int) -> None:
    try:
        if path.stat().st_mode & 0o777 != mode:
            path.chmod(mode)
    except FileNotFoundError:
        return  # a journal that another process just emptied away
    except PermissionError:
        log.warning("not this user's own: others may be able to read it", name=path.name)
