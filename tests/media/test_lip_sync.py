"""Sound and picture towards a viewer, by what the server says of their clocks (RFC 3550, section 6.4.1)."""

import pytest

from tests.media.actors import Camera, Player, Screen
from tests.media.netem import Conditions
from tests.media.test_simulcast import layer, stage, watch, wish
from tests.media.virtual import VirtualPlane

# Well below what people notice (40 ms, ITU-R BT.1359): what is told is arithmetic, not measured.
TOLD_WITHIN_S = 0.005
UP, DOWN = Conditions(delay_s=0.03, jitter_s=0.01), Conditions(delay_s=0.02, jitter_s=0.005)


@pytest.mark.parametrize("returns", [False, True], ids=["steady", "publisher comes back"])
def test_what_was_captured_at_one_moment_is_told_as_one_moment(returns: bool) -> None:
    plane = VirtualPlane(seed=5)
    camera = Camera(plane.publish(up=UP))
    viewer = plane.subscribe(down=DOWN)
    screen, player = Screen(viewer), Player(viewer)
    watch(plane, [camera], screen, 6)
    since = plane.now - 2
    if returns:
        camera.peer.silent = True
        plane.run(5, screen.on_time)
        since = plane.now
        camera = Camera(plane.publish(up=UP), sequence=17, timestamp=4_000_000, picture_id=0x1234)
        watch(plane, [camera], screen, 6)
    assert len(player.told("video", since)) > 100
    assert len(player.told("audio", since)) > 80
    assert player.furthest_s(since) < TOLD_WITHIN_S


@pytest.mark.usefixtures("both_ways")
def test_picture_stays_with_the_sound_when_its_layer_changes_down_and_up() -> None:
    """Each layer has a clock of its own, and so has the sound; the viewer's last report of before a switch has to hold after it, too."""
    plane, cameras, viewer, screen = stage(2, DOWN)
    player, joined = Player(viewer), plane.now
    watch(plane, cameras, screen, 3)
    # By the very first report, half a second after the publisher's, and all that follow; pictures out of the cache come first.
    assert player.furthest_s(joined + 0.1) < TOLD_WITHIN_S
    for rid in ("l", "h", "m", "h", "l"):
        switched = plane.now
        wish(plane, viewer, rid)
        watch(plane, cameras, screen, 2.5)
        assert layer(plane, viewer) == rid
        # From the first packet of the other layer on, before any report that follows it.
        assert len(player.told("video", switched)) > 60
        assert len(player.told("audio", switched)) > 110
        assert player.furthest_s(switched) < TOLD_WITHIN_S
