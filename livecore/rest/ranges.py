"""Preconditions and byte ranges (RFC 9110, 13 and 14), as decisions about one stored representation. No I/O.

Two things that servers get wrong are held here: a stale `If-Range` gives the whole new representation, never a piece of it
that would be joined to old bytes; and preconditions are weighed in the order of 13.2.2, before any range is looked at.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from livecore import errors

# A player asks for one range, a download manager for a few. Many tiny ones cost more to answer than the whole (RFC 9110, 17.15).
RANGES_LIMIT = 16
# Ranges closer than the head of a part are sent as one.
JOIN_GAP_BYTES = 80

_SPEC = re.compile(r"(\d{0,19})-(\d{0,19})")
_TAG = re.compile(r'(W/)?("[^"]*")')


@dataclass(frozen=True)
class Stored:
    """What is asked for. `etag` is strong, without quotes; `modified_ms` is Unix milliseconds."""

    size_bytes: int
    etag: str
    modified_ms: int

    @property
    def last_modified(self) -> str:
        """An HTTP date; HTTP knows whole seconds."""
        return format_datetime(datetime.fromtimestamp(self.modified_ms // 1000, UTC), usegmt=True)


@dataclass(frozen=True)
class Whole:
    """200."""


@dataclass(frozen=True)
class NotModified:
    """304."""


@dataclass(frozen=True)
class Pieces:
    """206: half-open byte ranges [start, end), at least one; more than one is `multipart/byteranges`."""

    ranges: tuple[tuple[int, int], ...]


Decision = Whole | NotModified | Pieces


def decide(method: str, headers: Mapping[str, str], stored: Stored) -> Decision:
    """What to answer to a GET or HEAD.

    Raises:
        errors.StaleTag: If-Match or If-Unmodified-Since fails (412).
        errors.RangeUnsatisfiable: no asked range lies inside (416), with `Content-Range: bytes */size`.
    """
    if "If-Match" in headers:
        if not _matches(headers["If-Match"], stored.etag, weak=False):
            raise errors.StaleTag()
    elif "If-Unmodified-Since" in headers:
        since = _date(headers["If-Unmodified-Since"])
        if since is not None and stored.modified_ms // 1000 > since:
            raise errors.StaleTag()
    if "If-None-Match" in headers:
        if _matches(headers["If-None-Match"], stored.etag, weak=True):
            return NotModified()
    elif "If-Modified-Since" in headers:
        since = _date(headers["If-Modified-Since"])
        if since is not None and stored.modified_ms // 1000 <= since:
            return NotModified()
    # A range has a meaning for GET alone (14.2).
    if method != "GET" or "Range" not in headers or not _range_holds(headers.get("If-Range"), stored):
        return Whole()
    ranges = parse_ranges(headers["Range"], stored.size_bytes)
    return Whole() if ranges is None else Pieces(ranges)


def client_has(headers: Mapping[str, str], etag: str) -> bool:
    """Whether a GET is answered by 304 for its `If-None-Match` alone: decided without size and time of what is stored."""
    if "If-Match" in headers or "If-Unmodified-Since" in headers:
        return False
    return _matches(headers.get("If-None-Match", ""), etag, weak=True)


def _range_holds(if_range: str | None, stored: Stored) -> bool:
    """13.1.5: only a strong match lets the range count."""
    if if_range is None:
        return True
    if_range = if_range.strip()
    if if_range.startswith(('"', "W/")):
        return if_range == f'"{stored.etag}"'
    return _date(if_range) == stored.modified_ms // 1000


def parse_ranges(header: str, size_bytes: int) -> tuple[tuple[int, int], ...] | None:
    """Half-open ranges inside the representation, overlapping and near ones joined; None when the header is to be ignored
    (another unit, not well formed, too many). Raises RangeUnsatisfiable when all lie outside."""
    unit, _, specs = header.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    asked = [spec.strip() for spec in specs.split(",") if spec.strip()]
    if not asked or len(asked) > RANGES_LIMIT:
        return None
    found: list[tuple[int, int]] = []
    for spec in asked:
        match = _SPEC.fullmatch(spec)
        if match is None or spec == "-":
            return None
        first, last = match.groups()
        if not first:
            start, end = max(0, size_bytes - int(last)), size_bytes
        else:
            if last and int(last) < int(first):
                return None
            start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if start < end:
            found.append((start, end))
    if not found:
        raise errors.RangeUnsatisfiable(headers={"Content-Range": f"bytes */{size_bytes}", "Accept-Ranges": "bytes"})
    return _joined(found)


def _joined(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Those that overlap or nearly touch become one; others keep the order in which they were asked for."""
    out: list[tuple[int, int]] = []
    for start, end in ranges:
        for index, (known_start, known_end) in enumerate(out):
            if start <= known_end + JOIN_GAP_BYTES and known_start <= end + JOIN_GAP_BYTES:
                out[index] = (min(start, known_start), max(end, known_end))
                break
        else:
            out.append((start, end))
    return tuple(out) if len(out) == len(ranges) else _joined(out)


def _matches(header: str, etag: str, *, weak: bool) -> bool:
    if header.strip() == "*":
        return True
    return any((weak or not is_weak) and tag == f'"{etag}"' for is_weak, tag in _TAG.findall(header))


def _date(value: str) -> int | None:
    """Seconds of an HTTP date, None when it is none (13.1.3: then ignored)."""
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return int(parsed.timestamp())
