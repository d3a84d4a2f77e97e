"""Where a walk through the feed stands: what its cursor holds. Pure.

A walk by time is a position: the next page lies strictly below it. A ranked walk goes through the same time in windows: the items of
a window are ranked once, and the ids that are still to come travel in the cursor, so that nothing repeats and nothing is lost
whatever is published, deleted or blocked meanwhile. Items that were lifted into the first window from below it are
remembered, so that they do not come a second time.
"""

import base64
from dataclasses import dataclass
from typing import Any, NamedTuple

from livecore.feed.ranking import WEIGHTS

Position = tuple[int, str]

# Ids of a window that travel in a cursor: 190 of 17 bytes are some 6 kB in an address, below the 8 kB that servers take.
WINDOW_ITEMS = 150
LIFTED_ITEMS = 40
# A ranking that old is not what anybody wants: the walk then begins anew.
EXPIRES_MS = 6 * 3600 * 1000

# Two bits of an item's first byte say its kind, the other six why it stands where it does.
KINDS = ("post", "video", "live")
REASONS = tuple(WEIGHTS)


class Coming(NamedTuple):
    """An item that was ranked and not shown yet, with the reasons for its place, in the order of the weights."""

    kind: str
    id: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Walk:
    """`below`: the items that follow the window lie below it, None at the end. `span_ms`: how far back the last look went.

    `waiting`: ranked items that are still to come; `lifted`: ids that must not come again. A walk that began by time goes
    on by time, and a ranked one ranked, whatever the person sets meanwhile: else it would repeat and lose.
    """

    begun_ms: int
    below: Position | None
    span_ms: int
    waiting: tuple[Coming, ...] = ()
    lifted: frozenset[str] = frozenset()
    is_ranked: bool = False


def to_values(walk: Walk) -> list[Any]:
    """For `cursors.encode_cursor`."""
    waiting = b"".join(_packed(one) for one in walk.waiting)
    lifted = b"".join(bytes.fromhex(item_id) for item_id in sorted(walk.lifted))
    below = list(walk.below) if walk.below is not None else None
    return [walk.begun_ms, below, walk.span_ms, int(walk.is_ranked), base64.b64encode(waiting).decode(), base64.b64encode(lifted).decode()]


def from_values(values: list[Any]) -> Walk:
    begun_ms, below, span_ms, is_ranked, packed, packed_lifted = values
    waiting, lifted = base64.b64decode(packed), base64.b64decode(packed_lifted)
    return Walk(
        int(begun_ms),
        None if below is None else (int(below[0]), str(below[1])),
        int(span_ms),
        tuple(_unpacked(waiting[at : at + 17]) for at in range(0, len(waiting), 17)),
        frozenset(lifted[at : at + 16].hex() for at in range(0, len(lifted), 16)),
        bool(is_ranked),
    )


def _packed(one: Coming) -> bytes:
    why = sum(1 << bit for bit, reason in enumerate(REASONS) if reason in one.reasons)
    return bytes([KINDS.index(one.kind) | why << 2]) + bytes.fromhex(one.id)


def _unpacked(packed: bytes) -> Coming:
    why = packed[0] >> 2
    return Coming(KINDS[packed[0] & 3], packed[1:].hex(), tuple(reason for bit, reason in enumerate(REASONS) if why >> bit & 1))
