"""What a bench stands on: counting without taking frames apart, percentiles, made-up media, CPU of a process tree, loopback only."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import loopback, processes, rtp_source
from bench.chat_load import fill, marked_text
from bench.latency import Latencies
from bench.load import share
from bench.offer import CODECS
from bench.socketio_client import MARK, Client, Refused, frame
from livecore.media import codecs
from livecore.media.packet import Packet
from tests.waiting import until


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.written.append(b"closed")

    def abort(self) -> None:
        self.written.append(b"aborted")


def server_frame(payload: bytes) -> bytes:
    """An unmasked text frame, as a server sends it."""
    size = len(payload)
    return bytes((0x81, size)) + payload if size < 126 else bytes((0x81, 126)) + size.to_bytes(2, "big") + payload


def connected(counting: bool) -> tuple[Client, Wire]:
    client, wire = Client("http://127.0.0.1:1", {"token": "t"}, counting=counting), Wire()
    client.connection_made(wire)
    client.data_received(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + server_frame(b'0{"sid":"a"}') + server_frame(b'40{"sid":"b"}'))
    assert client.connected.done()
    wire.written.clear()
    return client, wire


@given(
    st.lists(st.sampled_from(["message", "ping", "other"]), max_size=30),
    st.lists(st.integers(1, 200), min_size=1, max_size=30),
    st.booleans(),
)
def test_a_client_counts_every_message_and_answers_every_ping_however_the_bytes_are_cut(
    kinds: list[str], cuts: list[int], counting: bool
) -> None:
    async def run() -> None:
        client, wire = connected(counting)
        said = {
            "message": b'42["live:message",{"body":"' + marked_text(150).encode() + b'"}]',
            "ping": b"2",
            "other": b'42["live:viewers",1]',
        }
        stream = b"".join(server_frame(said[kind]) for kind in kinds)
        position, turn = 0, 0
        while position < len(stream):
            step = cuts[turn % len(cuts)]
            client.data_received(stream[position : position + step])
            position, turn = position + step, turn + 1
        assert client.marks == kinds.count("message")
        assert wire.written == [frame(b"3")] * kinds.count("ping")

    asyncio.run(run())


async def test_a_timing_client_tells_events_delays_and_acknowledgements() -> None:
    client, wire = connected(counting=False)
    events, delays = [], []
    client.on_event, client.on_delay = lambda name, data: events.append((name, data)), delays.append
    answer = client.emit_acked("live:say", {"live": "a"})
    assert wire.written[-1].endswith(b'420["live:say",{"live":"a"}]')
    client.data_received(
        server_frame(b'430[{"ok":true}]') + server_frame(b'42["live:message",{"body":"' + marked_text(60).encode() + b'"}]')
    )
    assert await answer == {"ok": True}
    assert events[0][0] == "live:message"
    assert MARK.decode() in events[0][1]["body"]
    assert len(delays) == 1
    assert 0 <= delays[0] < 1000
    waiting = client.emit_acked("live:say", {})
    client.connection_lost(None)
    with pytest.raises(ConnectionError):
        await waiting


async def test_a_refused_connection_says_why() -> None:
    client = Client("http://127.0.0.1:1", {"token": "t"})
    wire = Wire()
    client.connection_made(wire)
    client.data_received(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + server_frame(b'44{"message":"token_expired"}'))
    with pytest.raises(Refused, match="token_expired"):
        await client.connected
    assert wire.written[-1] == b"aborted"


@given(st.lists(st.floats(0.001, 60_000), min_size=1, max_size=300))
def test_percentiles_are_right_within_a_cell_and_survive_the_way_between_processes(durations_ms: list[float]) -> None:
    one, other = Latencies(), Latencies()
    one.extend(durations_ms)
    other.merge(one.tell())
    ordered = sorted(durations_ms)
    for share_ in (0.5, 0.95, 0.99, 1.0):
        exact = ordered[max(0, -(-round(share_ * len(ordered) * 1000) // 1000) - 1)]
        told = other.percentile(share_)
        assert told is not None
        assert exact * 0.999 <= told <= exact * 1.05 + 0.001
    assert other.summary() == one.summary()
    assert one.summary()["count"] == len(durations_ms)


def test_nothing_measured_has_no_percentiles() -> None:
    assert Latencies().summary() == {"count": 0, "mean_ms": None, "p50_ms": None, "p95_ms": None, "p99_ms": None, "max_ms": None}


@given(st.integers(0, 10_000), st.integers(1, 64))
def test_connections_are_shared_out_evenly(total: int, among: int) -> None:
    parts = share(total, among)
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1


def test_templates_are_filled_at_every_depth() -> None:
    template = {"live": "$room", "list": ["$text", {"id": "$id"}], "plain": 1}
    assert fill(template, {"$room": "r", "$text": "t", "$id": "i"}) == {"live": "r", "list": ["t", {"id": "i"}], "plain": 1}


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:80/x", "postgresql://u@127.0.0.1:5432/d"])
def test_this_machine_may_be_loaded(url: str) -> None:
    assert loopback.check_url(url)[1] > 0


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1:80", "http://0.0.0.0:80", "http://[2001:db8::1]/", "http:///x", "http://127.0.0.1:99999"]
)
def test_another_machine_may_not(url: str) -> None:
    with pytest.raises(loopback.NotLoopback):
        loopback.check_url(url)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
@pytest.mark.parametrize("packets", [1, 2, 7])
def test_made_up_pictures_look_like_an_encoders(codec: str, packets: int) -> None:
    source = rtp_source.VideoSource(codec, packets, 1180)
    key, plain = source.picture(True, 123), source.picture(False, 456)
    assert len(plain) == packets
    for payloads, is_key, at_ns in ((key, True, 123), (plain, False, 456)):
        found = []
        for payload in payloads:
            packet = Packet(1, 1, False, payload, 0.0)
            codecs.inspect(codec, packet)
            found.append(packet.key)
            assert rtp_source.sent_ns(payload) == at_ns
        assert found == [is_key] + [False] * (len(payloads) - 1)
        assert {len(payload) for payload in payloads[-packets:]} == {1180}
    assert codec in CODECS
    assert rtp_source.sent_ns(rtp_source.sound(789)) == 789
    assert rtp_source.sent_ns(b"short") is None
    assert rtp_source.sent_ns(bytes(100)) is None


async def test_the_work_of_a_tree_is_counted_also_of_children_that_ended() -> None:
    work = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}]); print(1, flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdin is not None
        before = processes.sample([process.pid])
        await until(lambda: processes.sample([process.pid]).cpu_s() - before.cpu_s() >= 0.25, "the child's work")
        taken = processes.sample([process.pid])
        assert taken.rss_bytes() > 1 << 20
        assert sum(taken.cpu_by_role(before).values()) >= 0.25
    finally:
        process.communicate(timeout=10)
    assert processes.sample([process.pid]).processes == {}
