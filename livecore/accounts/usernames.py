"""Usernames, and when two of them look the same.

A skeleton, as in Unicode Technical Standard 39, over the ASCII that usernames are made of: two names with one skeleton
cannot both be taken.
"""

import re

USERNAME_MIN_CHARS = 3
USERNAME_MAX_CHARS = 30
_FORM = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|[._](?![._]))*[A-Za-z0-9]")
# Characters that a reader takes for one another, after case is folded; a capital I looks like l, so i joins them.
_SINGLE = str.maketrans({"0": "o", "1": "l", "i": "l", "_": "."})
_PAIRS = (("rn", "m"), ("vv", "w"))
# Whoever speaks in the service's own name.
RESERVED = frozenset({"livecore", "system", "support", "official"})


def folded(username: str) -> str:
    return username.lower()


def skeleton(username: str) -> str:
    """Equal for names that a reader may take for one another; idempotent."""
    found = folded(username).translate(_SINGLE)
    for pair, single in _PAIRS:
        found = found.replace(pair, single)
    return found


def check_username(username: str) -> str:
    """The username. Raises ValueError with a sentence for a person."""
    if not USERNAME_MIN_CHARS <= len(username) <= USERNAME_MAX_CHARS:
        raise ValueError(f"must have {USERNAME_MIN_CHARS} to {USERNAME_MAX_CHARS} characters")
    if not username.isascii() or not _FORM.fullmatch(username):
        raise ValueError("may have letters, digits, and single dots or underscores inside")
    return username
