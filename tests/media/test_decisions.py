"""Small decisions of the plane: who speaks, what is watched, when to send less, what a loss says."""

import random

import pytest

from bench import rtcp_client
from livecore.media import rtcp, statistics
from livecore.media.control import SessionClosed, SpeakerChanged, ViewerChanged
from livecore.media.demand import PAUSE_AFTER_S, REPEAT_S, RESUME_WITHIN_S, Demand, Wanted
from livecore.media.estimate_loss import LossEstimator
from livecore.media.forward import Forwarder
from livecore.media.layers import AGAIN_LIMIT_S, AGAIN_S, KEPT_S, Climb, Offered, Wish, choose, step_up_bps
from livecore.media.pressure import Pressure
from livecore.media.source import Layer
from livecore.media.speaker import ActiveSpeaker, Loudness
from tests.media.actors import Camera, Screen
from tests.media.netem import Conditions
from tests.media.virtual import VirtualPlane

LAYERS = [Offered("h", 1_500_000, True, 720), Offered("l", 150_000, True, 180), Offered("m", 500_000, True, 360)]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Wish(max_height=720), "h"),
        (Wish(max_height=719), "m"),
        (Wish(max_height=360), "m"),
        (Wish(max_height=100), "l"),  # the lowest there is
        (Wish(rid="m", max_height=180), "l"),
        (Wish(shed=1), "m"),
        (Wish(shed=9), "l"),
        (Wish(max_height=360, shed=1), "l"),
    ],
)
def test_viewer_gets_no_more_than_it_wishes_and_the_server_can(wish: Wish, expected: str) -> None:
    assert choose(LAYERS, None, None, wish) == expected


def test_height_that_is_not_known_is_no_reason_against_a_layer() -> None:
    assert choose([Offered("h", 9, True), Offered("l", 1, True)], None, None, Wish(max_height=200)) == "h"


THINNED = [
    *LAYERS,
    Offered("h/S0T0", 600_000, True, 720, thinned=True),
    Offered("m/S0T0", 200_000, True, 360, thinned=True),
    Offered("l/S0T0", 60_000, True, 180, thinned=True),
]


@pytest.mark.parametrize(
    ("estimate_bps", "wish", "expected"),
    [
        (900_000, Wish(), "m"),  # and not a large picture that stutters
        (300_000, Wish(), "l"),
        (100_000, Wish(), "l/S0T0"),
        (10_000, Wish(), "l/S0T0"),
        (900_000, Wish(rid="h/S0T0"), "h/S0T0"),  # unless it is asked for
        (None, Wish(), "h"),
    ],
)
def test_pictures_are_left_out_only_below_the_smallest_that_moves(estimate_bps: int | None, wish: Wish, expected: str) -> None:
    assert choose(THINNED, None, estimate_bps, wish) == expected


def test_where_sizes_cannot_be_left_out_pictures_are() -> None:
    only = [Offered("", 900_000, True, 720), Offered("S0T0", 300_000, True, 720, thinned=True)]
    assert choose(only, "", 500_000) == "S0T0"


def test_step_up_that_does_not_last_is_tried_ever_more_rarely() -> None:
    climb, now, waits = Climb(), 100.0, []
    climb.on_step(now, up=False)
    assert climb.may(now)  # the first step down is no failed climb
    for _ in range(6):
        climb.on_step(now, up=True)
        now += KEPT_S / 2
        climb.on_step(now, up=False)
        waits.append(next(wait for wait in range(1000) if climb.may(now + wait)))
        now += waits[-1]
    assert waits == [AGAIN_S, 2 * AGAIN_S, 4 * AGAIN_S, AGAIN_LIMIT_S, AGAIN_LIMIT_S, AGAIN_LIMIT_S]
    climb.on_step(now, up=True)
    climb.on_step(now + 2 * KEPT_S, up=False)
    assert climb.may(now + 2 * KEPT_S)


def test_rate_of_a_layer_falls_more_slowly_than_it_rises() -> None:
    layer = Layer("h", 90_000, True)
    layer.last_at = 100.0
    rates = []
    for second, octets in enumerate([0, 100_000, 200_000, 200_000, 200_000, 300_000, 400_000]):
        layer.receiver.octets = octets
        layer.rate(100.0 + second)
        rates.append(layer.bitrate_bps)
    assert rates[2] == 800_000
    assert rates[4] == 512_000  # still for two seconds
    assert rates[6] > 720_000


def test_nobody_is_probed_for_more_than_was_wished() -> None:
    assert step_up_bps(LAYERS, "m", Wish(max_height=360)) is None
    assert step_up_bps(LAYERS, "m") == 2_025_000


def test_load_takes_layers_away_one_by_one_and_gives_them_back_slowly() -> None:
    pressure = Pressure()
    seen = []
    for share in [0.9] * 2 + [0.5] + [0.95] * 9 + [0.5] * 31:
        pressure.on_load(share)
        seen.append(pressure.shed)
    assert seen[:3] == [0, 0, 0], "a burst is no load"
    assert seen[3:12] == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert seen[12:26] == [2] * 14
    assert seen[26:41] == [1] * 15
    assert seen[41:] == [0, 0]


class Sink:
    def deliver(self, *_: object) -> None:
        raise AssertionError

    on_clock = deliver


def test_layers_that_nobody_watches_are_paused_and_wanted_again_at_once() -> None:
    import random

    layers = {rid: Layer(rid, 90_000, True) for rid in "lmh"}
    for rid, rate in (("l", 150), ("m", 500), ("h", 1500)):
        layers[rid].bitrate_bps = rate * 1000
    viewer = Forwarder(90_000, True, Sink(), random.Random(1))
    layers["h"].watchers.append(viewer)
    demand = Demand()
    assert demand.on_tick(layers, 100.0) is None
    assert demand.on_tick(layers, 100.0 + PAUSE_AFTER_S - 0.1) is None
    assert demand.on_tick(layers, 100.0 + PAUSE_AFTER_S) == Wanted(["l", "h"], {})
    assert demand.on_tick(layers, 120.0) is None, "told once"
    layers["m"].waiters.append(viewer)
    assert demand.on_tick(layers, 120.2) == Wanted(["l", "m", "h"], {})
    assert layers["m"].paused_until == 120.2 + RESUME_WITHIN_S
    layers["m"].waiters.clear()
    layers["h"].watchers.clear()
    demand.on_tick(layers, 130.0)
    assert demand.on_tick(layers, 140.0) == Wanted(["l"], {}), "the thinnest always is sent"
    assert demand.on_tick(layers, 140.0 + REPEAT_S - 0.1) is None
    assert demand.on_tick(layers, 140.0 + REPEAT_S) == Wanted(["l"], {}), "for a page that was away when it was told"


def test_single_stream_is_never_paused() -> None:
    assert Demand().on_tick({"": Layer("", 90_000, True)}, 1e9) is None


def test_whoever_is_louder_for_a_moment_speaks() -> None:
    speaker = ActiveSpeaker()
    quiet, voice, shout = -90.0, -30.0, -20.0
    assert not speaker.on_tick({"a": quiet, "b": quiet}, 0.0)
    assert not speaker.on_tick({"a": voice, "b": quiet}, 1.0)
    assert speaker.on_tick({"a": voice, "b": quiet}, 1.7)
    assert speaker.current == "a"
    assert not speaker.on_tick({"a": voice, "b": voice + 3}, 2.0), "a little louder is not enough"
    assert not speaker.on_tick({"a": voice, "b": shout}, 3.0)
    assert not speaker.on_tick({"a": voice, "b": quiet}, 3.2), "a cough"
    assert not speaker.on_tick({"a": voice, "b": shout}, 4.0)
    assert speaker.on_tick({"a": voice, "b": shout}, 4.7)
    assert speaker.current == "b"
    assert not speaker.on_tick({"a": quiet, "b": quiet}, 6.0), "who spoke last stays"
    assert speaker.on_tick({}, 7.0)
    assert speaker.current is None


def test_loudness_follows_the_levels_and_is_silent_without_them() -> None:
    loudness = Loudness()
    assert loudness.dbov(0.0) == -127
    for step in range(50):
        loudness.on_level(30, step * 0.02)
    assert loudness.dbov(1.0) == pytest.approx(-30, abs=1)
    assert loudness.dbov(3.0) == -127


def test_loss_brings_the_estimate_below_what_gets_through_and_quiet_lets_it_climb() -> None:
    by_loss = LossEstimator()
    octets = 0
    for second in range(3):
        octets += 150_000
        by_loss.on_report(0.0, 140, octets, float(second))
    assert by_loss.estimate_bps is None, "nothing has limited it"
    octets += 150_000
    by_loss.on_report(0.4, 140, octets, 3.0)
    limited = by_loss.estimate_bps
    assert limited == pytest.approx(1_200_000 * 0.6 * 0.95)
    by_loss.on_report(0.05, 70, octets + 80_000, 4.0)
    assert by_loss.estimate_bps == limited, "neither high nor low"
    for second in range(5, 15):
        octets += 80_000
        by_loss.on_report(0.0, 140, octets, float(second))
    assert by_loss.estimate_bps > 1.9 * limited


def test_a_few_packets_lost_of_a_few_limit_nothing_and_most_of_them_do() -> None:
    """Thirty packets a second, one in twenty lost by chance: in ten hours of it nothing is held back. Half of them lost is seen at once."""
    chance, by_loss = random.Random(5), LossEstimator()
    octets = 0
    for second in range(36_000):
        lost = sum(chance.random() < 0.05 for _ in range(30))
        octets += 25_000
        by_loss.on_report(lost / 30, 30, octets, float(second))
        assert by_loss.estimate_bps is None, f"{lost} of 30 lost after {second} s"
    by_loss.on_report(0.5, 30, octets + 25_000, 36_000.0)
    assert by_loss.estimate_bps is not None
    # Where nothing is sent any more, nothing is lost either, and it climbs.
    limited = by_loss.estimate_bps
    for second in range(36_001, 36_020):
        by_loss.on_report(0.0, 0, octets + 25_000, float(second))
    assert by_loss.estimate_bps > 1.5 * limited


def test_statistics_tell_bitrate_round_trip_and_level_of_both_sides() -> None:
    plane = VirtualPlane(seed=11)
    source = plane.publish(up=Conditions(delay_s=0.03), down=Conditions(delay_s=0.05))
    viewer = plane.subscribe(up=Conditions(delay_s=0.02), down=Conditions(delay_s=0.02))
    camera, screen = Camera(source), Screen(viewer)
    heard: list[rtcp.Message] = []
    before = source.on_message

    def hear(message: rtcp.Message, now: float) -> None:
        before(message, now)
        heard.append(message)

    source.on_message = hear

    def each(now: float) -> None:
        camera.on_time(now)
        screen.on_time(now)

    plane.run(1.5, each)
    statistics.of_live(plane.router, "live", plane.now)
    publication = plane.router.published["live", "main"].publication
    assert publication._asked is not None
    # A browser echoes the time it was told, and how long it kept it.
    source.send_rtcp(rtcp_client.build_echo(1, publication.ssrc, publication._asked[0], int(0.2 * 65536)))
    asked = publication._asked[1]
    plane.run(0.05, each)
    answered = plane.now
    plane.run(2, each)
    told = statistics.of_live(plane.router, "live", plane.now)["publications"]["main"]
    assert told["round_trip_ms"] == pytest.approx((answered - asked - 0.2) * 1000, abs=25)
    assert told["level_dbov"] == -127
    assert not told["speaks"]
    video = next(s for s in told["viewers"][0]["subscriptions"] if s["kind"] == "video")
    assert video["bitrate_bps"] == pytest.approx(30 * 3 * 905 * 8, rel=0.1)
    assert told["viewers"][0]["bitrate_bps"] > video["bitrate_bps"]
    assert heard


def test_speaker_of_a_live_is_told_once_for_each_change() -> None:
    plane = VirtualPlane(seed=12)
    for one in ("main", "guest"):
        peer = plane.peer()
        peer.accept(plane.router.publish("live", one, peer.peer.offer_to_publish("vp8"), "vp8", one, plane.now))
        plane.until(lambda peer=peer: peer.connected)  # type: ignore[misc]
    plane.run(0.3)
    levels = {"main": 20, "guest": 120}

    def speak(now: float) -> None:
        for one, level in levels.items():
            plane.router.published["live", one].publication.loudness.on_level(level, now)

    plane.run(2, speak)
    levels.update(main=120, guest=20)
    plane.run(2, speak)
    told = [event.publication_id for event in plane.events if isinstance(event, SpeakerChanged)]
    assert told == ["main", "guest"]
    assert plane.router.rounds.speaker("live") == "guest"
    plane.router.end_live("live", plane.now)
    assert plane.router.rounds.speaker("live") is None


def test_viewer_whose_path_carries_nothing_is_told_why_and_delays_nobody() -> None:
    """Fewer layers (here there is one), then no picture, then a reason; another viewer sees every picture meanwhile."""
    plane = VirtualPlane(seed=13)
    source = plane.publish()
    camera = Camera(source)
    viewer, other = plane.subscribe(), plane.subscribe()
    screen, beside = Screen(viewer), Screen(other)
    reported = {"video": 0.0, "audio": 0.0}

    def each(now: float) -> None:
        camera.on_time(now)
        screen.on_time(now)
        beside.on_time(now)
        if int(now * 500) % 500 == 0:
            assert viewer.peer.answered
            blocks = [rtcp.ReportBlock(viewer.peer.answered.ssrcs[kind], int(lost * 256), 0, 0, 0, 0, 0) for kind, lost in reported.items()]
            viewer.send_rtcp(rtcp.build_receiver_report(1, blocks))

    plane.run(4, each)
    viewer.down.conditions = Conditions(loss=0.7, delay_s=0.02)
    reported.update(video=0.7, audio=0.7)
    began, shown = plane.now, len(beside.shown)
    while not [e for e in plane.events if isinstance(e, SessionClosed)]:
        plane.run(0.5, each)
        assert plane.now - began < 60
    states = [e.state for e in plane.events if isinstance(e, ViewerChanged)]
    assert states[0] == "sound_only"
    closed = next(e for e in plane.events if isinstance(e, SessionClosed))
    assert (closed.reason, closed.account_id) == ("too_slow", "bert")
    assert len(beside.shown) - shown > 29 * (plane.now - began)
    assert beside.longest_freeze_s() < 0.1


def test_what_is_said_of_streams_that_are_not_the_viewers_is_counted() -> None:
    plane = VirtualPlane(seed=15)
    plane.publish()
    viewer = plane.subscribe()
    assert viewer.peer.answered
    foreign, own = rtcp.ReportBlock(0x1234, 0, 0, 0, 0, 0, 0), rtcp.ReportBlock(viewer.peer.answered.ssrcs["video"], 0, 0, 0, 0, 0, 0)
    resent = rtcp.ReportBlock(viewer.peer.answered.rtx_ssrcs["video"], 0, 0, 0, 0, 0, 0)
    viewer.send_rtcp(rtcp.build_receiver_report(1, [own, foreign, resent]))
    viewer.send_rtcp(rtcp.build_nack(1, 0x1234, [5]))
    viewer.send_rtcp(rtcp.build_pli(1, 0x1234))
    plane.run(0.2)
    assert plane.router.sessions[viewer.session_id].transport.drops["rtcp_unknown_ssrc"] == 3


def test_viewer_of_a_live_without_sound_is_told_why_too() -> None:
    plane = VirtualPlane(seed=14)
    camera = Camera(plane.publish(audio=False), sound=False)
    viewer = plane.subscribe()
    assert viewer.peer.answered
    ssrc, lost = viewer.peer.answered.ssrcs["video"], 0.0

    def each(now: float) -> None:
        camera.on_time(now)
        if int(now * 500) % 500 == 0:
            viewer.send_rtcp(rtcp.build_receiver_report(1, [rtcp.ReportBlock(ssrc, int(lost * 256), 0, 0, 0, 0, 0)]))

    plane.run(4, each)
    lost, began = 0.7, plane.now
    while not [e for e in plane.events if isinstance(e, SessionClosed)]:
        plane.run(0.5, each)
        assert plane.now - began < 90
    assert {e.state for e in plane.events if isinstance(e, ViewerChanged)} <= {"paused", "picture"}, "there is no sound to go on"
    assert next(e.state for e in plane.events if isinstance(e, ViewerChanged)) == "paused"
    closed = next(e for e in plane.events if isinstance(e, SessionClosed))
    assert (closed.reason, closed.account_id) == ("too_slow", "bert")
