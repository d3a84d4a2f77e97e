"""ICE over TCP: a peer whose network lets no UDP out publishes and watches; one that only connects holds nothing for long."""

import asyncio
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from bench.rtcpeer import RtcPeer
from livecore.media import tcp
from livecore.media.drops import Drop
from livecore.media.sdp import candidates
from livecore.media.tcp import TcpEndpoint
from tests.media.scripted import LIVE, Sender, payload, publisher, sequence, show, viewer
from tests.media.worker_process import MediaProcess, media_process
from tests.waiting import until


class TcpPeer(RtcPeer):
    """As `RtcPeer`, through the TCP candidate of the answer."""

    def accept(self, answer: str) -> None:
        super().accept(answer)
        found = re.search(r"a=candidate:\S+ 1 tcp \d+ (\S+) (\d+) typ host tcptype passive", answer)
        assert found, "a TCP candidate"
        self.remote = found[1], int(found[2])
        self._unread = b""

    def _open_socket(self, family: int) -> None:
        sock = socket.create_connection(self.remote)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self._socket = sock
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable)

    def send_datagram(self, data: bytes) -> None:
        if self._socket is not None:
            self._socket.sendall(len(data).to_bytes(2, "big") + data)

    def _readable(self) -> None:
        assert self._socket is not None
        got = self._socket.recv(1 << 16)
        if not got:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self.closed.set()
            return
        self._unread += got
        while len(self._unread) >= 2:
            size = 2 + int.from_bytes(self._unread[:2], "big")
            if len(self._unread) < size:
                return
            frame, self._unread = self._unread[2:size], self._unread[size:]
            if frame[0] < 4:
                self._on_stun(frame)
            elif frame[0] < 64:
                self._on_dtls(frame)
            else:
                self.received += 1
                self._on_srtp(frame)


def over_tcp(media: MediaProcess) -> TcpPeer:
    peer = TcpPeer()
    media.peers.append(peer)
    return peer


async def test_publisher_and_viewer_over_tcp_beside_a_viewer_over_udp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with media_process(tmp_path, tcp_port=0) as media:
        with monkeypatch.context() as patched:
            patched.setattr(media, "peer", lambda: over_tcp(media))
            peer, _ = await publisher(media)
            watcher, session = await viewer(media)
        other, _ = await viewer(media)
        sender = Sender(peer)
        await show(sender, watcher, 3)
        await until(lambda: len(other.of("video")) >= 3, "pictures over UDP")
        numbers = [sequence(packet) for packet in watcher.of("video")]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert payload(watcher.of("video")[-1]) in [payload(packet) for packet in other.of("video")]
        await until(lambda: media.plane.counters.get(0, {}).get("tcp_connections") == 2, "both in the counters")
        await media.plane.close_session(session, "left")
        await asyncio.wait_for(watcher.peer.closed.wait(), 5)
        assert not other.peer.closed.is_set()


async def test_publisher_whose_network_loses_udp_goes_on_over_tcp_in_the_same_session(tmp_path: Path) -> None:
    async with media_process(tmp_path, tcp_port=0) as media:
        peer, _ = await publisher(media)
        watcher, _ = await viewer(media)
        sender = Sender(peer)
        await show(sender, watcher, 2)
        # The same DTLS and SRTP go on behind another address.
        moved = over_tcp(media)
        moved.answered, moved.credentials = peer.answered, peer.credentials
        moved._dtls, moved._protector, moved._unprotector = peer._dtls, peer._protector, peer._unprotector
        answer = await media.plane.subscribe(LIVE, "main", RtcPeer().offer_to_watch())
        found = re.search(r"tcp \d+ (\S+) (\d+) typ", answer.sdp)
        assert found
        moved.remote, moved._unread = (found[1], int(found[2])), b""
        moved._open_socket(socket.AF_INET)
        moved._check()
        await until(lambda: moved._checked, "the check to be answered over TCP")
        peer.close(notify=False)
        sender.peer = moved
        moved.ssrcs = peer.ssrcs
        await show(sender, watcher, 2)


@pytest.fixture
async def listening() -> Any:
    seen: list[bytes] = []
    endpoint = TcpEndpoint("127.0.0.1", 0, lambda data, *_: seen.append(data), lambda _now: None)
    await endpoint.start()
    yield endpoint, seen
    endpoint.close()


async def test_frames_are_put_together_from_any_pieces(listening: Any) -> None:
    endpoint, seen = listening
    _reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
    stream = b"".join(len(f).to_bytes(2, "big") + f for f in (b"\x00one", b"", b"\x01three", b"\x00" * 2048))
    for start in range(0, len(stream), 7):
        writer.write(stream[start : start + 7])
        await writer.drain()
    await until(lambda: len(seen) == 4, "four frames")
    assert seen[:3] == [b"\x00one", b"", b"\x01three"]
    writer.close()
    await until(lambda: not endpoint.connections, "the connection to be forgotten")


@pytest.mark.parametrize(("sent", "reason"), [(b"\xff\xff" + bytes(10), Drop.OVERSIZED), (b"\x00\x40GET / HTTP/1.1\r\n", Drop.FIRST_BYTE)])
async def test_whoever_speaks_another_protocol_is_put_out(listening: Any, sent: bytes, reason: Drop) -> None:
    endpoint, _ = listening
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
    writer.write(sent)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert endpoint.drops[reason] == 1
    writer.close()


async def test_whoever_only_connects_is_put_out(listening: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint, _ = listening
    monkeypatch.setattr(tcp, "CHECK_WITHIN_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_connection_that_does_not_read_costs_a_bounded_queue(listening: Any) -> None:
    endpoint, _ = listening
    _reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
    _reader._transport.pause_reading()
    await until(lambda: endpoint.connections, "the connection")
    address, connection = next(iter(endpoint.connections.items()))
    for _ in range(20_000):
        endpoint.send_segments(bytes(1200), 1200, address)
    assert endpoint.drops[Drop.SEND_BUFFER_FULL] > 0
    assert connection._transport.get_write_buffer_size() < 2 * tcp.BACKLOG_LIMIT_BYTES
    writer.close()


async def test_too_many_connections_and_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch, listening: Any) -> None:
    endpoint, _ = listening
    monkeypatch.setattr(tcp, "CONNECTIONS_LIMIT", 1)
    _, first = await asyncio.open_connection("127.0.0.1", endpoint.port)
    await until(lambda: endpoint.connections, "the first")
    reader, second = await asyncio.open_connection("127.0.0.1", endpoint.port)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 5)
    assert endpoint.drops[Drop.TOO_MANY_CONNECTIONS] == 1
    assert TcpEndpoint("127.0.0.1", endpoint.port, lambda *_: None, lambda _now: None).port is None
    first.close()
    second.close()


def test_tcp_candidates_stand_behind_those_over_udp() -> None:
    lines = candidates([("192.0.2.1", 8189), ("2001:db8::1", 8189)], 8190)
    assert lines[2] == f"a=candidate:3 1 tcp {90 << 24 | 0x9FFF << 8 | 255} 192.0.2.1 8190 typ host tcptype passive"
    priorities = [int(line.split()[3]) for line in lines]
    assert priorities == sorted(priorities, reverse=True)
    assert len(set(priorities)) == 4
