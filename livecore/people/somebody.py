"""Whom a name in a path means."""

from livecore import errors
from livecore.ports import Directory


async def somebody(directory: Directory, username: str) -> str:
    """The account's id. Raises NotFound for nobody, and for who left or is suspended."""
    found = await directory.by_username(username)
    if found is None:
        raise errors.NotFound("There is nobody of that name.")
    return found
