"""Entity tags of what has a version and more to it: counters, what the reader did, signed addresses."""

import zlib

from livecore import errors
from livecore.rest.api import Call


def shown_tag(version: int, shown: bytes) -> str:
    """The version, which `If-Match` is about, and a sum of all that is shown, so that a 304 is never stale. Signed addresses are a part
    of it: they stay the same for some hours."""
    return f"{version}-{zlib.crc32(shown):08x}"


def wanted_version(call: Call) -> int | None:
    """The version in `If-Match`, None without one or for `*`. Raises StaleTag for a tag that is none of ours."""
    header = call.request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    version, dash, _ = header.strip().removeprefix("W/").strip('"').partition("-")
    if not dash or not version.isascii() or not version.isdigit() or len(version) > 9:
        raise errors.StaleTag()
    return int(version)
