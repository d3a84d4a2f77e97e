"""Which layers of a publisher anybody needs, simulcast and scalable: the others need not be encoded and sent."""

from dataclasses import dataclass
from typing import Any

from livecore.media.source import Layer

# Viewers change layers and come back; encoders restart with a key frame, which costs more than some seconds of a layer.
PAUSE_AFTER_S = 8.0
# From asking a publisher for a layer again to its first packets: a message to the browser, and a key frame.
RESUME_WITHIN_S = 5.0
# A page that was connecting again when it was told did not hear it.
REPEAT_S = 30.0

# Of a scalable stream: its highest spatial and temporal layer, from 0.
Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """`rids`: the streams to send. `less`: the scalable ones of them of which only the layers up to a point are; the others send all."""

    rids: list[str]
    less: dict[str, Point]

    def scalability(self) -> list[dict[str, Any]]:
        """As publishers are told: how many layers, from the lowest."""
        return [{"rid": rid, "spatial": spatial + 1, "temporal": temporal + 1} for rid, (spatial, temporal) in self.less.items()]


class Demand:
    """The layers of one track that are to be sent. `told` is what the publisher was told last; None: nothing, so all."""

    def __init__(self) -> None:
        self.told: Wanted | None = None
        self._repeat_at = float("inf")
        self._unneeded_since: dict[tuple[str, str, int], float] = {}

    def on_tick(self, layers: dict[str, Layer], now: float) -> Wanted | None:
        """What to send, when the publisher has to be told; else None."""
        rids = self._rids(layers, now)
        wanted = Wanted(rids, {rid: point for rid in rids if (point := self._less(layers[rid], now)) is not None})
        if wanted == (self.told or Wanted(list(layers), {})) and now < self._repeat_at:
            return None
        for rid, layer in layers.items():
            if rid not in rids:
                layer.paused_until = float("inf")
            elif layer.paused_until == float("inf"):
                layer.paused_until = now + RESUME_WITHIN_S
            if layer.scalability is not None:
                layer.scalability.withhold(rid in wanted.less, now + RESUME_WITHIN_S)
        self.told = wanted
        self._repeat_at = now + REPEAT_S
        return wanted

    def _rids(self, layers: dict[str, Layer], now: float) -> list[str]:
        """The thinnest always is among them: whoever's path narrows falls back to it at once, and whoever joins sees it at once."""
        thinnest = min(layers.values(), key=lambda layer: layer.bitrate_bps or float("inf"))
        return [
            rid
            for rid, layer in layers.items()
            if self._needed((rid, "stream", 0), layer is thinnest or not layer.bitrate_bps or _watched(layer), now)
        ]

    def _less(self, layer: Layer, now: float) -> Point | None:
        """Up to where this stream is needed; None where that is all of it."""
        scalability = layer.scalability
        if scalability is None:
            return None
        full, needed = scalability.full, scalability.needed()
        spatial, temporal = (
            max(n for n in range(full[axis] + 1) if self._needed((layer.rid, name, n), n <= needed[axis], now))
            for axis, name in enumerate(("spatial", "temporal"))
        )
        return (spatial, temporal) if (spatial, temporal) != full else None

    def _needed(self, what: tuple[str, str, int], is_needed: bool, now: float) -> bool:
        """Whether it is, or was a moment ago."""
        if is_needed:
            self._unneeded_since.pop(what, None)
            return True
        return now - self._unneeded_since.setdefault(what, now) < PAUSE_AFTER_S


def _watched(layer: Layer) -> bool:
    return bool(
        layer.watchers or layer.waiters or (layer.scalability is not None and any(cut.active for cut in layer.scalability.cuts.values()))
    )
