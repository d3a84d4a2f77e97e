"""Who is sent a layer's packets, grouped as they leave: made once, and anew only when somebody comes or goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from livecore.media.pacer import Lane, Legs

if TYPE_CHECKING:
    from livecore.media.forward import Forwarder
    from livecore.media.wire import Shape


class Audience:
    """`base`: from this packet on everybody gets all. `others`: forwarders that send nothing over the network (the recorder's)."""

    __slots__ = ("base", "groups", "others")

    def __init__(self, watchers: Sequence[Forwarder]) -> None:
        self.base = -1
        self.others: list[Forwarder] = []
        by_lane: dict[Lane, tuple[Shape, Legs]] = {}
        for forwarder in watchers:
            if forwarder.epoch is not None:
                self.base = max(self.base, forwarder.epoch.base)
            leg = forwarder.leg
            if leg is None:
                self.others.append(forwarder)
                continue
            group = by_lane.get(leg.lane)
            if group is None:
                group = by_lane[leg.lane] = leg.shape, Legs()
            group[1].append(leg)
        self.groups: list[tuple[Lane, Shape, Legs]] = [(lane, shape, legs) for lane, (shape, legs) in by_lane.items()]
