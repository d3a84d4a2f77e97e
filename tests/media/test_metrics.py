"""Each named drop is a counter, and none is lost when the session it belongs to ends."""

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from livecore.media.drops import Drop
from livecore.media.metrics import MediaCollector
from tests.media.scripted import LIVE, Sender, publisher, show, viewer
from tests.media.virtual import VirtualPlane
from tests.media.worker_process import media_process
from tests.waiting import until


async def test_metrics_show_what_a_worker_does_and_drops(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        registry = CollectorRegistry()
        registry.register(MediaCollector(media.plane))
        source, _ = await publisher(media)
        watcher, _ = await viewer(media)
        sender = Sender(source)
        await show(sender, watcher)
        source.send_datagram(sender.datagrams[-1])
        source.send_datagram(b"\xff")

        def shown() -> str:
            text = generate_latest(registry).decode()
            return text if 'reason="srtp_replay"' in text else ""

        text = await until(shown, "the counters")
        lines = text.splitlines()
        assert 'livecore_media_drops_total{reason="srtp_replay",worker="0"} 1.0' in lines
        assert 'livecore_media_drops_total{reason="unknown_first_byte",worker="0"} 1.0' in lines
        assert 'livecore_media_sessions{worker="0"} 2.0' in lines
        assert 'livecore_media_publications{worker="0"} 1.0' in lines
        assert 'livecore_media_viewers_on{layer="only",worker="0"} 1.0' in lines
        assert any(line.startswith('livecore_media_loss_ratio{quantile="0.95",side="viewers",worker="0"}') for line in lines)
        assert any(line.startswith('livecore_media_in_bps{worker="0"}') for line in lines)
        assert LIVE not in text


def test_counts_outlive_the_sessions_they_belong_to() -> None:
    plane = VirtualPlane()
    source = plane.publish()
    viewer = plane.subscribe()
    viewer.send_rtp(96, 1, 1, bytes(20), 77)
    for sequence in (1, 1, 2):
        source.send_rtp(96, sequence, 1, bytes(20), source.peer.ssrcs["video"])
    source.send_rtp(96, 1, 1, bytes(20), source.peer.ssrcs["video"])
    plane.run(0.1)
    before = plane.router.totals()
    assert before[Drop.NOT_A_PUBLISHER] == 1
    assert before[Drop.SRTP_REPLAY] + before[Drop.DUPLICATE] == 2
    plane.router.close("drained", plane.now)
    assert plane.router.totals() == before
