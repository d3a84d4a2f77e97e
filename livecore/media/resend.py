"""Answering a viewer's NACKs from the publication's cache, within a budget.

Without one, a link that is narrower than its layer fills with resends: 9.4 of 15 s frozen, against 0.6 s with it.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from livecore.media.drops import Counters, Drop
from livecore.media.packet import Packet
from livecore.media.rewrite import Epoch, Numbering
from livecore.media.source import Layer

# The same packet again only when the last copy must have been lost too: about a round trip.
SPACING_S = 0.08
TRIES = 4
# Resends take at most this part of what the media takes.
SHARE = 0.2
# A burst of loss in a key frame of 50 packets is answered at once.
BUDGET_BYTES = 60_000
REMEMBERED = 1024


class Resend(NamedTuple):
    """`sequence`: the outgoing number as on the wire."""

    packet: Packet
    epoch: Epoch[Layer]
    sequence: int


class Resender:
    """What was sent again to one subscription, how often and when."""

    def __init__(self, across_switches: bool) -> None:
        self._across_switches = across_switches
        self._budget_bytes = float(BUDGET_BYTES)
        self._octets = 0  # of media, when the budget was last looked at
        self._sent: OrderedDict[int, tuple[float, int]] = OrderedDict()  # incoming number and epoch → (when, how often)

    def on_nack(self, lost: Sequence[int], numbering: Numbering[Layer], octets: int, now: float, drops: Counters) -> list[Resend]:
        """What to send again now. Numbers not answered are counted by reason.

        `octets`: media sent so far in all; the budget grows with it.
        """
        self._budget_bytes = min(BUDGET_BYTES, self._budget_bytes + (octets - self._octets) * SHARE)
        self._octets = octets
        resends: list[Resend] = []
        for wire in lost:
            located = numbering.locate(wire)
            if located is None:
                drops[Drop.NACK_NOT_CACHED] += 1
                continue
            epoch, sequence = located
            current = numbering.epoch
            if not self._across_switches and current is not None and epoch.source.origin is not current.source.origin:
                # The key frame at the switch made it worthless.
                drops[Drop.NACK_BEFORE_SWITCH] += 1
                continue
            out = sequence + epoch.sequence_offset
            at, tries = self._sent.get(out, (float("-inf"), 0))
            if now - at < SPACING_S:
                drops[Drop.NACK_TOO_SOON] += 1
                continue
            if tries >= TRIES:
                drops[Drop.NACK_TOO_OFTEN] += 1
                continue
            packet = epoch.source.cache.get(sequence, now)
            if packet is None:
                drops[Drop.NACK_NOT_CACHED] += 1
                continue
            if self._budget_bytes < len(packet.payload):
                drops[Drop.NACK_OVER_BUDGET] += 1
                continue
            self._budget_bytes -= len(packet.payload)
            self._sent[out] = now, tries + 1
            self._sent.move_to_end(out)
            if len(self._sent) > REMEMBERED:
                self._sent.popitem(last=False)
            resends.append(Resend(packet, epoch, wire))
        return resends
