"""The media worker as its users meet it: a real process, its Unix socket, real DTLS and SRTP."""

import asyncio
import random
import signal
import struct
import time
from pathlib import Path

import pytest

from bench.rtcpeer import RtcPeer
from livecore.media import rtcp
from livecore.media.client import MediaPlane
from livecore.media.control import (
    BadOffer,
    MediaEvent,
    NoCommonCodec,
    NoPublisher,
    NoSuchSession,
    PublicationDown,
    PublicationUp,
    SessionClosed,
    StaleTag,
    WorkerDown,
    WorkerGone,
    WorkerUp,
)
from tests.media import payloads
from tests.media.scripted import LIVE, Sender, Watcher, payload, publisher, sequence, show, ssrc, timestamp, viewer
from tests.media.worker_process import RealClock, media_process
from tests.waiting import until


@pytest.mark.usefixtures("both_ways")
async def test_viewer_gets_what_the_publisher_sends_in_one_unbroken_sequence(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        watcher, _ = await viewer(media)
        sender = Sender(source)
        await show(sender, watcher, 10)
        pictures = watcher.of("video")
        numbers = [sequence(p) for p in pictures]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        ids = [payloads.vp8_picture_id(payload(p)) for p in pictures]
        assert ids == sorted(ids)
        assert {payload(p)[5:8] for p in pictures[0::3]} == {bytes([1, 1, 1])}
        sounds = [payload(p) for p in watcher.of("audio")]
        assert [s[0] for s in sounds] == list(range(sounds[0][0], sounds[0][0] + len(sounds)))


@pytest.mark.usefixtures("both_ways")
async def test_viewer_is_told_the_publishers_clock(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        watcher, _ = await viewer(media)
        sender = Sender(source)
        await show(sender, watcher)
        ntp = rtcp.ntp_from_unix(1_700_000_000)
        source.send_rtcp(rtcp.build_sender_report(rtcp.SenderReport(source.ssrcs["video"], ntp, sender.timestamp, 1, 1)))
        report = await until(
            lambda: next((r for r in watcher.reports if isinstance(r, rtcp.SenderReport) and r.ntp >> 32), None), "a report"
        )
        last = watcher.of("video")[-1]
        assert 0 <= report.ntp - ntp < 1 << 32
        assert abs(report.timestamp - timestamp(last) - 3000 - (report.ntp - ntp) * 90_000 // (1 << 32)) <= 90


@pytest.mark.usefixtures("both_ways")
async def test_lost_packet_is_sent_again_over_rtx(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        watcher, _ = await viewer(media)
        await show(Sender(source), watcher, 2)
        wanted = watcher.of("video")[1]
        assert watcher.peer.answered
        watcher.peer.send_rtcp(rtcp.build_nack(1, ssrc(wanted), [sequence(wanted)]))
        await until(watcher.resent, "the resend")
        resent = watcher.resent()[0]
        assert payload(resent)[:2] == wanted[2:4]
        assert payload(resent)[2:] == payload(wanted)
        assert timestamp(resent) == timestamp(wanted)


@pytest.mark.usefixtures("both_ways")
async def test_without_rtx_the_very_same_datagram_is_sent_again(tmp_path: Path) -> None:
    """Other bytes under the same number would use a GCM nonce twice; the viewer's replay check shows that they are equal."""
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        watcher, _ = await viewer(media, rtx=False)
        await show(Sender(source), watcher, 2)
        wanted = watcher.of("video")[1]
        watcher.peer.send_rtcp(rtcp.build_nack(1, ssrc(wanted), [sequence(wanted)]))
        await until(lambda: watcher.peer.drops["srtp_replay"], "the repeated datagram")


async def test_publishers_loss_is_asked_for_and_filled_by_rtx(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        asked: list[rtcp.Nack] = []
        source.on_rtcp = lambda m: asked.append(m) if isinstance(m, rtcp.Nack) else None
        watcher, _ = await viewer(media)
        sender = Sender(source)
        await show(sender, watcher)
        lost = sender.sequence + 1
        lost_payload = payloads.vp8(sender.picture_id, key=False, start=False, size=300, fill=2)
        at = sender.timestamp
        sender.picture(skip=(1,))
        await until(lambda: asked, "a NACK")
        assert asked[0].lost == (lost & 0xFFFF,)
        rtx_type = source.answered.payload_types["video"] + 1 if source.answered else 0
        source.send_rtp("video", 1, at, struct.pack("!H", lost & 0xFFFF) + lost_payload, ssrc=source.rtx_ssrc, payload_type=rtx_type)
        await until(lambda: lost_payload in [payload(p) for p in watcher.of("video")], "the recovered packet")
        numbers = sorted(sequence(p) for p in watcher.of("video"))
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_key_frame_requests_of_many_viewers_are_one_to_the_publisher(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        asked: list[rtcp.KeyFrameRequest] = []
        source.on_rtcp = lambda m: asked.append(m) if isinstance(m, rtcp.KeyFrameRequest) else None
        watchers = [(await viewer(media))[0] for _ in range(3)]
        sender = Sender(source)
        await show(sender, watchers[0])
        before, began = len(asked), time.monotonic()
        for _ in range(40):
            for watcher in watchers:
                assert watcher.peer.answered
                watcher.peer.send_rtcp(rtcp.build_pli(1, watcher.peer.answered.ssrcs["video"]))
        await until(lambda: len(asked) > before, "a request")
        assert len(asked) - before <= 1 + (time.monotonic() - began) / 0.5
        assert {request.ssrc for request in asked} == {source.ssrcs["video"]}


async def test_replayed_and_forged_packets_are_refused_and_counted(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        watcher, _ = await viewer(media)
        sender = Sender(source)
        await show(sender, watcher)
        received = len(watcher.of("video"))
        source.send_datagram(sender.datagrams[-1])
        forged = bytearray(sender.datagrams[-1])
        forged[3] = forged[3] + 1 & 0xFF
        source.send_datagram(bytes(forged))

        async def drops() -> dict[str, int]:
            stats = await media.plane.stats(LIVE)
            found: dict[str, int] = stats["publications"]["main"]["transport_drops"]
            return found if len(found) == 2 else {}

        assert await until(drops, "both drops") == {"srtp_replay": 1, "srtp_authentication": 1}
        assert len(watcher.of("video")) == received


async def test_garbage_from_a_known_address_changes_nothing(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        watcher, _ = await viewer(media)
        sender = Sender(source)
        await show(sender, watcher)
        rng = random.Random(7)
        for size in [*range(40), 1200, 1500, 2000]:
            for first in (0, 1, 22, 63, 64, 128, 144, 191, 200, 255):
                source.send_datagram(bytes([first]) + rng.randbytes(size))
                source.send_datagram(bytes([first, 200]) + rng.randbytes(size))
            await asyncio.sleep(0)
        await show(sender, watcher, 5)
        wanted = {"stun_malformed", "unknown_first_byte"}
        await until(lambda: wanted <= set(media.plane.counters.get(0, {}).get("drops", {})), "what was dropped in the counters")


async def test_watching_before_there_is_a_publisher_says_when_to_ask_again(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        offer = RtcPeer().offer_to_watch()
        with pytest.raises(NoPublisher) as nothing:
            await media.plane.subscribe(LIVE, "main", offer)
        assert nothing.value.retry_after_s > 0
        await media.plane.publish(LIVE, "main", RtcPeer().offer_to_publish())
        with pytest.raises(NoPublisher):  # answered, but not connected
            await media.plane.subscribe(LIVE, "main", offer)


async def test_offers_that_cannot_be_answered_are_refused_by_name(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        with pytest.raises(BadOffer):
            await media.plane.publish(LIVE, "main", "hello")
        with pytest.raises(BadOffer):
            await media.plane.publish(LIVE, "main", "v=0\r\n" + "x" * 100_000)
        with pytest.raises(NoCommonCodec):
            await media.plane.publish(LIVE, "main", RtcPeer().offer_to_watch())
        await publisher(media)
        with pytest.raises(NoCommonCodec):
            await media.plane.subscribe(LIVE, "main", RtcPeer().offer_to_watch(["h264"]))
        with pytest.raises(NoSuchSession):
            await media.plane.close_session("0-nothing", "gone")
        with pytest.raises(NoSuchSession):
            await media.plane.patch("77-nothing", "a=ice-ufrag:x", "*")


async def test_publisher_that_comes_back_is_seen_again_without_a_seam(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        watcher, _ = await viewer(media)
        await show(Sender(source), watcher, 2)
        source.close()
        await until(lambda: media.of(PublicationDown), "the publication to be away")
        assert media.of(PublicationDown)[0].reason == "away"
        before = watcher.of("video")[-1]
        again, _ = await publisher(media)
        await show(Sender(again, sequence=60_000, picture_id=30_000), watcher, 2)
        numbers = [sequence(p) for p in watcher.of("video")]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        after = watcher.of("video")[watcher.of("video").index(before) + 1]
        assert 0 < timestamp(after) - timestamp(before) < 90_000 * 20
        pictures = [payloads.vp8_picture_id(payload(p)) for p in watcher.of("video")]
        assert pictures[numbers.index(sequence(after))] == payloads.vp8_picture_id(payload(before)) + 1
        assert not watcher.peer.closed.is_set()


async def test_publisher_that_stays_away_ends_the_publication_and_its_viewers(tmp_path: Path) -> None:
    async with media_process(tmp_path, resume_s=0.3) as media:
        source, _ = await publisher(media)
        watcher, session = await viewer(media)
        source.close()
        await until(lambda: [e for e in media.of(PublicationDown) if e.reason == "gone"], "the end")
        await asyncio.wait_for(watcher.peer.closed.wait(), 5)
        assert SessionClosed(session, "watch", "gone") in media.events
        with pytest.raises(NoPublisher):
            await media.plane.subscribe(LIVE, "main", RtcPeer().offer_to_watch())


async def test_publisher_that_connects_again_takes_over_from_itself(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        first, first_session = await publisher(media)
        watcher, _ = await viewer(media)
        await show(Sender(first), watcher)
        second, _ = await publisher(media)
        await asyncio.wait_for(first.closed.wait(), 5)
        assert SessionClosed(first_session, "publish", "replaced") in media.events
        await show(Sender(second, sequence=5), watcher, 2)
        assert not media.of(PublicationDown)


async def test_deleting_the_publishers_session_ends_the_publication(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, session = await publisher(media)
        watcher, _ = await viewer(media)
        await media.plane.close_session(session, "deleted")
        await asyncio.wait_for(watcher.peer.closed.wait(), 5)
        await asyncio.wait_for(source.closed.wait(), 5)
        assert [e.reason for e in media.of(PublicationDown)] == ["deleted"]


async def test_cutting_an_account_closes_what_it_watches_and_nothing_else(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        bert, bert_session = await viewer(media, account="bert")
        carl, _ = await viewer(media, account="carl")
        await media.plane.cut("bert", "another-live", "blocked")
        await media.plane.cut("anna", None, "blocked")
        assert not media.of(SessionClosed)
        await media.plane.cut("bert", LIVE, "blocked")
        await asyncio.wait_for(bert.peer.closed.wait(), 5)
        assert media.of(SessionClosed) == [SessionClosed(bert_session, "watch", "blocked")]
        await show(Sender(source), carl)


@pytest.mark.usefixtures("both_ways")
async def test_viewer_that_changes_its_network_goes_on(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        watcher, _ = await viewer(media)
        sender = Sender(source)
        await show(sender, watcher)
        watcher.peer.move()
        await show(sender, watcher, 3)
        stats = await media.plane.stats(LIVE)
        assert stats["publications"]["main"]["viewers"][0]["roamed"] == 1


async def test_ice_restart_changes_credentials_and_tag_and_media_goes_on(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        peer = media.peer()
        answer = await media.plane.subscribe(LIVE, "main", peer.offer_to_watch())
        peer.accept(answer.sdp)
        watcher = Watcher(peer)
        await peer.connect()
        sender = Sender(source)
        await show(sender, watcher)
        trickled = await media.plane.patch(answer.session_id, "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n", answer.etag)
        assert (trickled.status, trickled.etag) == (204, answer.etag)
        fragment = "a=ice-ufrag:newufrag\r\na=ice-pwd:0123456789012345678901234\r\n"
        restarted = await media.plane.patch(answer.session_id, fragment, "*")
        assert restarted.status == 200
        assert restarted.etag != answer.etag
        with pytest.raises(StaleTag):
            await media.plane.patch(answer.session_id, "a=end-of-candidates\r\n", answer.etag)
        assert restarted.body
        assert peer.answered
        lines = dict(line[2:].split(":", 1) for line in restarted.body.splitlines() if ":" in line)
        peer.answered.ufrag, peer.answered.password = lines["ice-ufrag"], lines["ice-pwd"]
        peer.move()
        await show(sender, watcher, 3)


async def test_worker_that_dies_is_reported_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        media.process.kill()
        await until(lambda: media.of(WorkerDown), "the loss to be noticed")
        assert media.of(WorkerDown) == [WorkerDown(0, (LIVE,))]
        with pytest.raises(WorkerGone):
            await media.plane.publish(LIVE, "main", RtcPeer().offer_to_publish())
        await asyncio.to_thread(media.process.wait)
        media.restart()
        await until(lambda: len(media.of(WorkerUp)) == 2, "the worker to be back")
        await publisher(media)
        source.close(notify=False)


async def test_worker_without_a_main_process_ends_by_itself(tmp_path: Path) -> None:
    async with media_process(tmp_path, orphan_s=2.0) as media:
        source, _ = await publisher(media)
        await media.plane.close()
        assert await asyncio.to_thread(media.process.wait, 10) == 0
        await asyncio.wait_for(source.closed.wait(), 5)


async def test_worker_told_to_stop_says_goodbye_to_its_peers(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        watcher, _ = await viewer(media)
        media.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(media.process.wait, 10) == 0
        await asyncio.wait_for(source.closed.wait(), 5)
        await asyncio.wait_for(watcher.peer.closed.wait(), 5)


async def test_peer_that_falls_silent_loses_its_session(tmp_path: Path) -> None:
    async with media_process(tmp_path, consent_s=0.5, connect_s=0.5) as media:
        answer = await media.plane.publish(LIVE, "main", RtcPeer().offer_to_publish())
        await until(lambda: SessionClosed(answer.session_id, "publish", "never_connected") in media.events, "time to connect")
        source, session = await publisher(media)
        source.close(notify=False)
        await until(lambda: SessionClosed(session, "publish", "consent_expired") in media.events, "lost consent")


async def test_media_over_ipv6(tmp_path: Path) -> None:
    async with media_process(tmp_path, udp_host="::1") as media:
        source, _ = await publisher(media)
        watcher, _ = await viewer(media)
        await show(Sender(source), watcher, 2)


async def test_live_that_ended_is_forgotten_and_one_that_is_away_is_not(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, session = await publisher(media)
        source.close()
        await until(lambda: media.of(PublicationDown), "the publication to be away")
        with pytest.raises(NoPublisher, match="yet"):
            await media.plane.subscribe(LIVE, "main", RtcPeer().offer_to_watch())
        again, session = await publisher(media)
        assert (await media.plane.stats(LIVE))["publications"]["main"]["connected"]
        await media.plane.close_session(session, "deleted")
        await asyncio.wait_for(again.closed.wait(), 5)
        await until(lambda: len(media.of(PublicationDown)) == 2, "the end")
        assert await media.plane.stats(LIVE) == {"publications": {}}


async def test_main_process_that_starts_anew_is_told_what_is_published(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        await publisher(media)
        second = MediaPlane([media.settings.socket_path], RealClock())
        events: list[MediaEvent] = []
        second.on_event = events.append
        await second.start()
        try:
            await until(lambda: len(events) == 2, "the news")
            assert events == [WorkerUp(0), PublicationUp(LIVE, "main", "vp8", True)]
            assert "a=sendonly" in (await second.subscribe(LIVE, "main", RtcPeer().offer_to_watch())).sdp
        finally:
            await second.close()


async def test_viewer_may_ask_for_a_layer_by_name(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, session = await publisher(media)
        _, watching = await viewer(media)
        await media.plane.prefer_layer(watching, "l")
        with pytest.raises(NoSuchSession):
            await media.plane.prefer_layer(session, "l")
        assert source.connected.is_set()
