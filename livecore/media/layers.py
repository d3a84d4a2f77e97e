"""Which simulcast layer a viewer should get: a pure choice from rates, an estimate and a wish."""

from collections.abc import Sequence
from dataclasses import dataclass

# An estimate is not a promise: the layer, its resends and the sound have to fit under it.
HEADROOM = 1.15
# Stepping up needs more room than staying, or a viewer at the edge flips with every estimate.
STEP_UP_HEADROOM = 1.35


@dataclass(frozen=True, slots=True)
class Offered:
    """A layer as it is now. `alive`: it sent something within the last second."""

    rid: str
    bitrate_bps: int
    alive: bool


def order(layers: Sequence[Offered]) -> list[Offered]:
    """From the thinnest to the best. A layer not measured yet counts as the thinnest."""
    return sorted(layers, key=lambda layer: layer.bitrate_bps)


def choose(layers: Sequence[Offered], current: str | None, estimate_bps: int | None = None, wished: str | None = None) -> str | None:
    """The layer to want; None only when there are no layers.

    Args:
        current: what the viewer gets now; None before the first packet.
        estimate_bps: what the path to the viewer is thought to carry; None when nothing is known, and then the best is tried.
        wished: a layer that the viewer asked for by name: it is given while it is alive and fits.
    """
    if not layers:
        return None
    alive = order([layer for layer in layers if layer.alive])
    if not alive:
        return current if any(layer.rid == current for layer in layers) else layers[0].rid
    if wished is not None:
        limit = next((index for index, layer in enumerate(alive) if layer.rid == wished), len(alive) - 1)
        alive = alive[: limit + 1]
    if estimate_bps is None:
        return alive[-1].rid
    rate_now = next((layer.bitrate_bps for layer in alive if layer.rid == current), None)
    chosen = alive[0]
    for layer in alive[1:]:
        up = rate_now is not None and layer.bitrate_bps > rate_now
        if layer.bitrate_bps * (STEP_UP_HEADROOM if up else HEADROOM) <= estimate_bps:
            chosen = layer
    return chosen.rid


def step_up_bps(layers: Sequence[Offered], current: str | None, wished: str | None = None) -> int | None:
    """What the path has to carry before the next better layer is chosen; None when there is none to be wished for."""
    alive = order([layer for layer in layers if layer.alive])
    rids = [layer.rid for layer in alive]
    if current not in rids or current == wished or current == rids[-1]:
        return None
    return int(alive[rids.index(current) + 1].bitrate_bps * STEP_UP_HEADROOM)
