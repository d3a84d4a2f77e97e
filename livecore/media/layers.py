"""Which simulcast layer a viewer should get: a pure choice from rates, an estimate and a wish."""

from collections.abc import Sequence
from dataclasses import dataclass

# An estimate is not a promise: the layer, its resends and the sound have to fit under it.
HEADROOM = 1.15
# Stepping up needs more room than staying, or a viewer at the edge flips with every estimate.
STEP_UP_HEADROOM = 1.35


@dataclass(frozen=True, slots=True)
class Offered:
    """A layer as it is now. `alive`: it sent something within the last second. `height` in pixels; None while it is not known.
    `thinned`: pictures are left out of it. `nested`: decoded by those alone who get its dependency descriptor."""

    rid: str
    bitrate_bps: int
    alive: bool
    height: int | None = None
    thinned: bool = False
    nested: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What a viewer asks for, or is held to.

    `rid`: no better layer than this one. `max_height`: none higher than so many pixels. None: no limit.
    `shed`: so many of the best layers are left out, because the server is short of time.
    """

    rid: str | None = None
    max_height: int | None = None
    shed: int = 0


NO_WISH = Wish()


def order(layers: Sequence[Offered]) -> list[Offered]:
    """From the thinnest to the best. A layer not measured yet counts as the thinnest."""
    return sorted(layers, key=lambda layer: layer.bitrate_bps)


def allowed(layers: Sequence[Offered], wish: Wish = NO_WISH) -> list[Offered]:
    """The layers that are alive and wished for, from the thinnest to the best; one at least, while any is alive.

    Pictures are left out only where even the smallest moving one does not fit: a large picture that stutters is no gain over a
    smaller one that moves. What a viewer asks for by name stays.
    """
    alive = order([layer for layer in layers if layer.alive])
    if not alive:
        return []
    if wish.max_height is not None:
        low = [layer for layer in alive if layer.height is None or layer.height <= wish.max_height]
        # All are higher than wished: the lowest there is.
        least = min((layer.height for layer in alive if layer.height is not None), default=0)
        alive = low or [layer for layer in alive if layer.height == least]
    wished = next((layer for layer in layers if layer.rid == wish.rid), None)
    if wished is not None:
        # Also one that does not send just now says how much is wished for.
        alive = [layer for layer in alive if layer.bitrate_bps <= wished.bitrate_bps] or alive[:1]
    whole = next((layer for layer in alive if not layer.thinned), None)
    if whole is not None:
        alive = [one for one in alive if not one.thinned or one.bitrate_bps < whole.bitrate_bps or one.rid == wish.rid]
    return alive[: max(1, len(alive) - wish.shed)]


def choose(layers: Sequence[Offered], current: str | None, estimate_bps: int | None = None, wish: Wish = NO_WISH) -> str | None:
    """The layer to want; None only when there are no layers.

    Args:
        current: what the viewer gets now; None before the first packet.
        estimate_bps: what the path to the viewer is thought to carry; None when nothing is known, and then the best is tried.
    """
    if not layers:
        return None
    alive = allowed(layers, wish)
    if not alive:
        return current if any(layer.rid == current for layer in layers) else layers[0].rid
    if estimate_bps is None:
        return alive[-1].rid
    rate_now = next((layer.bitrate_bps for layer in alive if layer.rid == current), None)
    chosen = alive[0]
    for layer in alive[1:]:
        up = rate_now is not None and layer.bitrate_bps > rate_now
        if layer.bitrate_bps * (STEP_UP_HEADROOM if up else HEADROOM) <= estimate_bps:
            chosen = layer
    return chosen.rid


def step_up_bps(layers: Sequence[Offered], current: str | None, wish: Wish = NO_WISH) -> int | None:
    """What the path has to carry before the next better layer is chosen; None when there is none to be wished for."""
    alive = allowed(layers, wish)
    rids = [layer.rid for layer in alive]
    if current not in rids or current == rids[-1]:
        return None
    return int(alive[rids.index(current) + 1].bitrate_bps * STEP_UP_HEADROOM)


# A better layer that had to be left again within this time did not fit.
KEPT_S = 10.0
AGAIN_S, AGAIN_LIMIT_S = 8.0, 60.0


class Climb:
    """Steps up that do not last are tried ever more rarely: a viewer at the edge of a layer sees one picture, not two by turns."""

    def __init__(self) -> None:
        self._climbed_at = float("-inf")
        self._not_before = float("-inf")
        self._wait_s = AGAIN_S

    def may(self, now: float) -> bool:
        """Whether to try a better layer now."""
        return now >= self._not_before

    def on_step(self, now: float, *, up: bool) -> None:
        """The viewer goes over to a better layer, or has to leave one."""
        if up:
            self._climbed_at = now
            return
        if now - self._climbed_at < KEPT_S:
            self._not_before = now + self._wait_s
            self._wait_s = min(AGAIN_LIMIT_S, self._wait_s * 2)
        else:
            self._wait_s = AGAIN_S
