"""A worker, or one viewer, that is behind by more than the limit: whole pictures are left out, sound goes on, numbers stay contiguous."""

import asyncio
import os
import signal
import struct
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from livecore.media import statistics
from livecore.media.drops import Drop
from livecore.media.pressure import SECONDS_HIGH, SECONDS_LOW, Pressure
from livecore.media.sessions import ViewerSession
from livecore.media.subscription import Subscription
from tests.media import payloads
from tests.media.actors import Camera, Screen
from tests.media.netem import Conditions
from tests.media.scripted import LIVE, Sender, payload, publisher, sequence, viewer
from tests.media.scripted import ssrc as ssrc_of
from tests.media.virtual import STEP_S, VirtualPeer, VirtualPlane
from tests.media.worker_process import media_process
from tests.waiting import until


def stand_still(plane: VirtualPlane, seconds: float, camera: Camera) -> None:
    """The worker gets no time while the camera goes on: what arrives waits in the kernel."""
    end = plane.now + seconds
    while plane.now < end:
        plane.now += STEP_S
        camera.on_time(plane.now)


def video(peer: VirtualPeer) -> list[tuple[float, int, int, bytes]]:
    """(when, sequence, timestamp, payload) of the viewer's picture packets."""
    assert peer.peer.answered
    found = []
    for at, packet in peer.packets:
        number, timestamp, ssrc = struct.unpack_from("!HLL", packet, 2)
        if ssrc == peer.peer.answered.ssrcs["video"]:
            found.append((at, number, timestamp, payload(packet)))
    return found


def subscription(plane: VirtualPlane, peer: VirtualPeer) -> Subscription:
    session = plane.router.sessions[peer.session_id]
    assert isinstance(session, ViewerSession)
    return next(one for one in session.subscriptions if one.track.kind == "video")


def assert_whole(packets: list[tuple[float, int, int, bytes]], in_each: int) -> None:
    """No number is missing, no picture is half, and where pictures were left out a key frame follows."""
    numbers = [number for _, number, _, _ in packets]
    assert numbers == [(numbers[0] + index) % (1 << 16) for index in range(len(numbers))]
    pictures: dict[int, list[bytes]] = {}
    for _, _, timestamp, body in packets:
        pictures.setdefault(timestamp, []).append(body)
    whole = list(pictures.items())[:-1]
    assert {len(bodies) for _, bodies in whole} == {in_each}
    for (before, _), (after, bodies) in pairwise(whole):
        if (after - before) % (1 << 32) > 3000:
            assert not bodies[0][5] & 1, "a key frame comes after a gap"
    ids = [payloads.vp8_picture_id(bodies[0]) for _, bodies in whole]
    assert ids == [ids[0] + index & 0x7FFF for index in range(len(ids))]


@pytest.mark.usefixtures("both_ways")
def test_worker_that_stood_still_leaves_out_what_is_old_and_goes_on_with_a_key_frame() -> None:
    plane = VirtualPlane(seed=41, late_s=0.5)
    camera = Camera(plane.publish(up=Conditions(delay_s=0.001)))
    peers = [plane.subscribe() for _ in range(3)]
    plane.run(1.0, camera.on_time)
    keys, sounds = camera.key_frames, camera._sound_sequence
    stand_still(plane, 2.0, camera)
    back = plane.now
    plane.run(1.5, camera.on_time)
    for peer in peers:
        packets = video(peer)
        assert_whole(packets, camera.packets)
        # Some 1.5 s of the two are left out, and none of what comes afterwards is old.
        late = subscription(plane, peer).drops[Drop.LATE]
        assert 3 * 40 < late < 3 * 62
        assert [at for at, *_ in packets if at > back + 0.4]
        assert max(b[0] - a[0] for a, b in pairwise(packets)) < 2.4
        assert peer.peer.answered
        heard = [packet for _, packet in peer.packets if ssrc_of(packet) == peer.peer.answered.ssrcs["audio"]]
        assert len(heard) > 0.97 * (camera._sound_sequence - sounds)
    assert camera.key_frames - keys <= 2
    stats = statistics.of_live(plane.router, "live", plane.now)
    told = stats["publications"]["main"]["viewers"][0]["subscriptions"]
    assert next(one for one in told if one["kind"] == "video")["drops"]["late"] > 0
    assert plane.router.totals()[Drop.LATE] > 0
    assert plane.router.age_limit.take()


@pytest.mark.parametrize(("late_s", "worst_s"), [(0.5, 1.2), (30.0, None)])
def test_worker_with_more_to_send_than_it_has_time_for_stays_near_the_present(late_s: float, worst_s: float | None) -> None:
    """Each packet to a viewer takes 0.9 ms: a quarter more than there is time for. Without a limit the queue grows for as long as that lasts."""
    plane = VirtualPlane(seed=45, late_s=late_s, backlog_limit=20)
    camera = Camera(plane.publish(up=Conditions(delay_s=0.001)))
    peers = [plane.subscribe() for _ in range(10)]
    plane.run(1.0, camera.on_time)
    born: dict[int, float] = {}
    sender: Any = plane.router.pacer._sender
    send = sender.send

    def slow(burst: Any, legs: Any, begin: int, end: int, now: float) -> None:
        send(burst, legs, begin, end, now)
        for _ in range(sum(run.count for run in burst) * (end - begin)):
            plane.now += 0.0009
            each(plane.now)

    def each(now: float) -> None:
        before = camera.timestamp
        camera.on_time(now)
        if camera.timestamp != before:
            born[camera.timestamp & 0xFFFFFFFF] = now

    sender.send = slow
    plane.run(8.0, each)
    sender.send = send
    epoch = subscription(plane, peers[0]).forwarder.numbering.epochs[-1]
    sent = [(at, timestamp - epoch.timestamp_offset & 0xFFFFFFFF) for at, _, timestamp, _ in video(peers[0])]
    ages = [at - born[timestamp] for at, timestamp in sent if timestamp in born]
    if worst_s is None:
        assert max(ages) > 1.5
        return
    assert max(ages) < worst_s
    assert len(ages) > 8 * 90 / 3, "and most pictures are shown"
    for peer in peers:
        assert_whole(video(peer), camera.packets)
        assert peer.peer.answered
        heard = [packet for _, packet in peer.packets if ssrc_of(packet) == peer.peer.answered.ssrcs["audio"]]
        assert len(heard) > 0.9 * (camera._sound_sequence - 100) - 60


def test_picture_that_has_begun_is_completed_however_old_its_rest_is() -> None:
    plane = VirtualPlane(seed=42, late_s=0.5)
    camera = Camera(plane.publish(up=Conditions(delay_s=0.001)), packets=4, sound=False)
    peer = plane.subscribe()
    plane.run(1.0, camera.on_time)
    # The first two packets of a picture are forwarded, then nothing moves; the rest of it and the next are read together.
    send, held = camera.peer.send_rtp, []
    camera.peer.send_rtp = lambda *a, **k: held.append((a, k))  # type: ignore[method-assign, assignment]
    camera.on_time(camera.pictures.next_at)
    for args, named in held[:2]:
        send(*args, **named)
    plane.run(0.05)
    for args, named in held[2:]:
        send(*args, **named)
    camera.peer.send_rtp = send  # type: ignore[method-assign]
    stand_still(plane, 1.0, camera)
    plane.run(1.0, camera.on_time)
    assert subscription(plane, peer).drops[Drop.LATE] > 0
    assert_whole(video(peer), 4)


@pytest.mark.usefixtures("both_ways")
def test_one_viewer_whose_path_is_far_too_narrow_is_left_out_alone() -> None:
    """Its own queue grows older than the limit: pictures are left out of it. Nobody else notices."""
    plane = VirtualPlane(seed=43, late_s=0.5, pace_factor=1.0)
    camera = Camera(plane.publish(up=Conditions(delay_s=0.001)), packets=8, size=1100)
    slow, fine = plane.subscribe(), plane.subscribe()
    session = plane.router.sessions[slow.session_id]
    assert isinstance(session, ViewerSession)
    plane.run(0.5, camera.on_time)
    session._estimate(900_000)  # of a picture of 2.1 Mb/s
    plane.run(6.0, camera.on_time)
    assert_whole(video(slow), 8)
    assert_whole(video(fine), 8)
    left_out = subscription(plane, slow).drops[Drop.LATE]
    assert left_out > 300
    assert not subscription(plane, fine).drops[Drop.LATE]
    assert len(video(fine)) > 8 * 30 * 6.2
    assert len(video(slow)) == pytest.approx(8 * 15 + 6 * 900_000 / 8 / 1100, rel=0.2)
    assert subscription(plane, slow).forwarder.lane is not None
    assert not plane.router.age_limit.take(), "the worker itself was never late"
    # Key frames asked for one viewer do not become a storm for all.
    assert camera.key_frames < 12


def test_recovered_viewer_shows_every_picture_again() -> None:
    plane = VirtualPlane(seed=44, late_s=0.5)
    camera = Camera(plane.publish(up=Conditions(delay_s=0.001)))
    peer = plane.subscribe()
    screen = Screen(peer)

    def each(now: float) -> None:
        camera.on_time(now)
        screen.on_time(now)

    plane.run(1.0, each)
    stand_still(plane, 1.5, camera)
    back = plane.now
    plane.run(2.0, each)
    after = [when for when, _, _ in screen.shown if when > back + 0.5]
    assert len(after) > 40
    assert screen.key_requests == 0, "the viewer itself missed nothing"
    assert max(b - a for a, b in pairwise(after)) < 0.1


def test_pictures_left_out_for_their_age_count_as_load() -> None:
    pressure = Pressure()
    for _ in range(SECONDS_HIGH):
        pressure.on_load(0.2, late=True)
    assert pressure.shed == 1
    for _ in range(SECONDS_LOW):
        pressure.on_load(0.2)
    assert pressure.shed == 0


@pytest.mark.usefixtures("both_ways")
async def test_real_worker_that_got_no_time_shows_the_present_again(tmp_path: Path) -> None:
    """The process is stopped while packets queue in the kernel, as on a machine that others have for themselves."""
    async with media_process(tmp_path, late_s=0.2) as media:
        source, _ = await publisher(media)
        watcher, _ = await viewer(media)
        sender = Sender(source)
        sender.picture(key=True)
        await until(lambda: watcher.of("video"), "the first picture")
        os.kill(media.process.pid, signal.SIGSTOP)
        try:
            stopped = time.monotonic()
            while time.monotonic() - stopped < 0.6:
                sender.picture()
                sender.sound()
                await asyncio.sleep(0.03)
        finally:
            os.kill(media.process.pid, signal.SIGCONT)
        before = sender.audio_sequence

        async def late() -> int:
            stats = await media.plane.stats(LIVE)
            told = stats["publications"]["main"]["viewers"][0]["subscriptions"]
            return int(next(one for one in told if one["kind"] == "video")["drops"].get("late", 0))

        await until(late, "pictures that are left out")
        # Sound was not: all of it is there.
        await until(lambda: before - 1 & 0xFF in [payload(p)[0] for p in watcher.of("audio")], "the sound")
        shown = len(watcher.of("video"))
        async with asyncio.timeout(10):
            while len(watcher.of("video")) < shown + 6:
                sender.picture(key=True)
                await asyncio.sleep(0.02)
        numbers = [sequence(p) for p in watcher.of("video")]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        await until(lambda: media.plane.counters[0]["drops"].get("late"), "what was left out in the counters")
