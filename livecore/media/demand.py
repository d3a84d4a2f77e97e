"""Which simulcast layers of a publisher anybody watches: the others need not be encoded and sent."""

from livecore.media.source import Layer

# Viewers change layers and come back; encoders restart with a key frame, which costs more than some seconds of a layer.
PAUSE_AFTER_S = 8.0
# From asking a publisher for a layer again to its first packets: a message to the browser, and a key frame.
RESUME_WITHIN_S = 5.0


class Demand:
    """The layers of one track that are to be sent. `told` is what the publisher was told last; None: nothing, so all."""

    def __init__(self) -> None:
        self.told: list[str] | None = None
        self._unwatched_since: dict[str, float] = {}

    def on_tick(self, layers: dict[str, Layer], now: float) -> list[str] | None:
        """The names of the layers to send, when the publisher has to be told; else None.

        The thinnest layer always is: whoever's path narrows falls back to it at once, and whoever joins sees it at once.
        """
        if len(layers) < 2:
            return None
        thinnest = min(layers.values(), key=lambda layer: layer.bitrate_bps or float("inf"))
        wanted: list[str] = []
        for rid, layer in layers.items():
            if layer is thinnest or not layer.bitrate_bps or _watched(layer):
                self._unwatched_since.pop(rid, None)
                wanted.append(rid)
            elif now - self._unwatched_since.setdefault(rid, now) < PAUSE_AFTER_S:
                wanted.append(rid)
        if wanted == (self.told or list(layers)):
            return None
        for rid, layer in layers.items():
            if rid not in wanted:
                layer.paused_until = float("inf")
            elif layer.paused_until == float("inf"):
                layer.paused_until = now + RESUME_WITHIN_S
        self.told = wanted
        return wanted


def _watched(layer: Layer) -> bool:
    return bool(
        layer.watchers or layer.waiters or (layer.scalability is not None and any(cut.active for cut in layer.scalability.cuts.values()))
    )
