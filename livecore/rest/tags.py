"""Entity tags of what has a version and more to it: counters, what the reader did, signed addresses."""

import zlib

from livecore import errors
from livecore.rest.api import Call


def shown_tag(call: Call, version: int, shown: str) -> str:
    """The version, which `If-Match` is about, and a sum of what else is shown, so that a 304 is never stale."""
    # Signed addresses end: an answer that a client keeps is renewed in half of their time.
    period = call.app.clock.at_ms() // (call.app.settings.media_link_s * 500)
    return f"{version}-{zlib.crc32(f'{period}{shown}'.encode()):08x}"


def wanted_version(call: Call) -> int | None:
    """The version in `If-Match`, None without one or for `*`. Raises StaleTag for a tag that is none of ours."""
    header = call.request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    version, dash, _ = header.strip().removeprefix("W/").strip('"').partition("-")
    if not dash or not version.isascii() or not version.isdigit() or len(version) > 9:
        raise errors.StaleTag()
    return int(version)
