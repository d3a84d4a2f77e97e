"""The load side of the live bench: a publisher of made-up pictures, and viewers that count packets and open a few of them."""

import asyncio
import contextlib
import resource
import socket
import struct
import time
from typing import Any
from urllib.parse import urljoin

import aiohttp

from bench import janus, rtp_source
from bench.latency import Latencies
from bench.load import Handler, LoadFailed, Progress
from bench.rtcpeer import RtcPeer
from livecore.media import rtcp, stun
from livecore.media.packet import HEADER
from livecore.media.transport import Certificate, generate_certificate

JOIN_TIMEOUT_S = 15.0
# A viewer may come before the server has heard of the publisher (409): then it asks again, as a player does.
RETRY_S = 0.1
REPORT_S = 1.0
# At the most this often a key picture, whatever is asked: an encoder would not do more either.
KEY_INTERVAL_S = 0.05
PLAIN_KEY_INTERVAL_S = 1.0
_SO_TIMESTAMPNS = 35
_TIMESTAMP = struct.Struct("qq")
_DRAIN_LIMIT = 128
_buffer = bytearray(2048)


class Peer(RtcPeer):
    """A client whose server may be a full ICE agent as well: it answers checks too."""

    def _on_stun(self, data: bytes) -> None:
        if data[:2] == stun.BINDING_REQUEST.to_bytes(2, "big"):
            try:
                request = stun.parse(data)
            except stun.StunError:
                return
            if request.verifies(self.credentials.password) and self._socket is not None:
                self.send_datagram(stun.binding_response(request, self._socket.getpeername()[:2], self.credentials.password))
            return
        super()._on_stun(data)


class Viewer(Peer):
    """Counts by header alone, which SRTP leaves readable. `delays`: set for one that opens its video packets.

    Attributes:
        first_at: monotonic seconds of the first video packet; 0 before.
        expected, counted: video packets by their sequence numbers, and those that came.
    """

    def __init__(self, certificate: Certificate, delays: Latencies | None) -> None:
        super().__init__(open_packets=False, certificate=certificate, local=("0.0.0.0", 0))
        self.first_at = 0.0
        self.first = asyncio.Event()
        self.expected = 0
        self.counted = 0
        self._delays = delays
        self._video_type = -1
        self._last: int | None = None  # None before the first video packet

    def accept(self, answer: str) -> None:
        super().accept(answer)
        assert self.answered is not None
        if self.answered.address is None or "video" not in self.answered.payload_types:
            raise LoadFailed("the answer has no candidate or refuses the video")
        self._video_type = self.answered.payload_types["video"]

    def _open_socket(self, family: int) -> None:
        super()._open_socket(family)
        assert self._socket is not None
        if self._delays is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def _readable(self) -> None:
        if self._delays is not None:
            self._read_opening()
            return
        sock = self._socket
        assert sock is not None
        data = _buffer
        for _ in range(_DRAIN_LIMIT):
            try:
                size = sock.recv_into(data)
            except OSError:
                return
            if 127 < data[0] < 192 and not 192 <= data[1] <= 223:
                self._count(data, size)
            else:
                self._other(bytes(data[:size]))
                if self._socket is None:
                    return

    def _read_opening(self) -> None:
        sock, delays = self._socket, self._delays
        assert sock is not None
        assert delays is not None
        for _ in range(_DRAIN_LIMIT):
            try:
                data, ancillary, _flags, _source = sock.recvmsg(2048, 64)
            except OSError:
                return
            if data and 127 < data[0] < 192 and not 192 <= data[1] <= 223:
                self._count(data, len(data))
                if data[1] & 127 == self._video_type and self._unprotector is not None:
                    opened = self._unprotector.rtp(data)
                    sent_ns = rtp_source.sent_ns(opened) if isinstance(opened, bytes) else None
                    for level, kind, value in ancillary:
                        if sent_ns is not None and level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                            seconds, nanoseconds = _TIMESTAMP.unpack(value)
                            delays.add((seconds * 1_000_000_000 + nanoseconds - sent_ns) / 1e6)
            else:
                self._other(data)
                if self._socket is None:
                    return

    def _count(self, data: bytes | bytearray, size: int) -> None:
        self.received += 1
        self.received_bytes += size
        if data[1] & 127 != self._video_type:
            return
        sequence = data[2] << 8 | data[3]
        if self._last is None:
            self.first_at = time.monotonic()
            self.first.set()
            step = 1
        else:
            step = sequence - self._last & 0xFFFF
        self.counted += 1
        if step < 0x8000:
            self.expected += step
            self._last = sequence

    def _other(self, data: bytes) -> None:
        if not data:
            return
        if 127 < data[0] < 192:
            self._on_srtp(data)
        elif data[0] < 4:
            self._on_stun(data)
        elif 19 < data[0] < 64:
            self._on_dtls(data)

    def report(self) -> None:
        """A receiver report, as each player sends one."""
        if self._protector is None or self.answered is None or self._last is None or self.closed.is_set():
            return
        ssrc = self.answered.ssrcs.get("video", 0)
        block = rtcp.ReportBlock(ssrc, 0, max(0, self.expected - self.counted) & 0x7FFFFF, self._last, 0, 0, 0)
        self.send_rtcp(rtcp.build_receiver_report(1, [block]))


async def exchange(http: aiohttp.ClientSession, url: str, offer: str, token: str, timeout_s: float = JOIN_TIMEOUT_S) -> tuple[str, str]:
    """POST an offer (WHIP, WHEP): (answer, the session's address, "" if none). Raises LoadFailed with what was answered instead."""
    headers = {"Content-Type": "application/sdp"} | ({"Authorization": f"Bearer {token}"} if token else {})
    deadline = time.monotonic() + timeout_s
    while True:
        async with http.post(url, data=offer, headers=headers) as response:
            text = await response.text()
            if response.status == 201:
                location = response.headers.get("Location", "")
                return text, urljoin(url, location) if location else ""
            if response.status not in (409, 503) or time.monotonic() > deadline:
                raise LoadFailed(f"POST {url}: {response.status} {text[:300]}")
        await asyncio.sleep(RETRY_S)


def why(exc: Exception, viewer: RtcPeer) -> str:
    """What a viewer's failure is called; a timeout says of itself nothing at all."""
    if str(exc):
        return str(exc)
    if not isinstance(exc, TimeoutError):
        return type(exc).__name__
    missing = "an answer" if viewer.answered is None else "a connection" if not viewer.connected_at else "a first packet"
    return f"waited {JOIN_TIMEOUT_S:g} s in vain for {missing}"


class LiveLoad:
    def __init__(self) -> None:
        self.certificate = generate_certificate()
        self.publishers: list[Publisher] = []
        self.viewers: list[Viewer] = []
        self.sessions: list[tuple[str, str]] = []
        self.delays = Latencies()
        self._reports: asyncio.Task[None] | None = None

    async def publish(self, given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        publisher = Publisher(given, self.certificate)
        await publisher.start()
        self.publishers.append(publisher)
        return {}

    async def published(self, _given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        return {
            "packets": sum(publisher.packets for publisher in self.publishers),
            "key_requests": sum(publisher.key_requests for publisher in self.publishers),
            "late_pictures": sum(publisher.late for publisher in self.publishers),
            "closed": sum(publisher.peer.closed.is_set() for publisher in self.publishers),
        }

    async def watch(self, given: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """`count` viewers join, `at_once` at a time; every `opened`-th opens what it gets."""
        told: dict[str, Latencies] = {"join": Latencies(), "request": Latencies(), "connect": Latencies()}
        numbers = iter(range(given["count"]))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

            async def some() -> None:
                for number in numbers:
                    viewer = Viewer(self.certificate, self.delays if number % max(1, given["opened"]) == 0 else None)
                    try:
                        await self._join(http, viewer, given, given["tokens"][number % len(given["tokens"])], told)
                    except (OSError, aiohttp.ClientError, TimeoutError) as exc:
                        raise LoadFailed(f"viewer {number + 1} of {given['count']}: {why(exc, viewer)}") from exc
                    self.viewers.append(viewer)
                    if len(self.viewers) % 5 == 0:
                        progress({"joined": len(self.viewers)})

            await asyncio.gather(*(some() for _ in range(given["at_once"])))
        if self._reports is None:
            self._reports = asyncio.create_task(self._report())
        return {name: latencies.tell() for name, latencies in told.items()}

    async def _join(
        self, http: aiohttp.ClientSession, viewer: Viewer, given: dict[str, Any], token: str, told: dict[str, Latencies]
    ) -> None:
        started = time.monotonic()
        answer, session = await exchange(http, given["url"], viewer.offer_to_watch([given["codec"]]), token)
        told["request"].add((time.monotonic() - started) * 1e3)
        viewer.accept(answer)
        await viewer.connect(JOIN_TIMEOUT_S)
        told["connect"].add((viewer.connected_at - viewer.started_at) * 1e3)
        async with asyncio.timeout(JOIN_TIMEOUT_S):
            await viewer.first.wait()
        told["join"].add((viewer.first_at - started) * 1e3)
        if session:
            self.sessions.append((session, token))

    async def _report(self) -> None:
        """A report a second from each, spread over the second."""
        while True:
            slices = 20
            for part in range(slices):
                for viewer in self.viewers[part::slices]:
                    viewer.report()
                await asyncio.sleep(REPORT_S / slices)

    async def count(self, given: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """What comes within `seconds`."""
        before = [(viewer.received, viewer.received_bytes, viewer.expected, viewer.counted) for viewer in self.viewers]
        self.delays.clear()
        started = time.monotonic()
        cpu = time.process_time()
        while (left := started + given["seconds"] - time.monotonic()) > 0:
            await asyncio.sleep(min(0.25, left))
            progress({"seconds": time.monotonic() - started, "p99_ms": self.delays.percentile(0.99)})
        took_s = time.monotonic() - started
        sums = [0, 0, 0, 0]
        for viewer, earlier in zip(self.viewers, before, strict=True):
            for index, value in enumerate((viewer.received, viewer.received_bytes, viewer.expected, viewer.counted)):
                sums[index] += value - earlier[index]
        return {
            "seconds": took_s,
            "packets": sums[0],
            "bytes": sums[1],
            "video_expected": sums[2],
            "video_counted": sums[3],
            "load_share": (time.process_time() - cpu) / took_s,
            "closed": sum(viewer.closed.is_set() for viewer in self.viewers),
            "delays": self.delays.tell(),
        }

    async def leave(self, _given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """Viewers end their sessions; publishers go on."""
        if self._reports is not None:
            self._reports.cancel()
            self._reports = None
        async with aiohttp.ClientSession() as http:
            for session, token in self.sessions:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with http.delete(session, headers=headers):
                        pass
        for viewer in self.viewers:
            viewer.close()
        self.viewers, self.sessions = [], []
        return {}

    async def stop(self, _given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        for publisher in self.publishers:
            await publisher.stop()
        self.publishers = []
        return {}


class PlainPeer:
    """Sends RTP as it is to a server that takes it so (an encoder's output): one port for sound, one for pictures."""

    def __init__(self, host: str, audio_port: int, video_port: int) -> None:
        self.closed = asyncio.Event()
        self.ssrcs = {"audio": 1, "video": 2}
        self._types = {"audio": janus.AUDIO_TYPE, "video": janus.VIDEO_TYPE}
        self._targets = {"audio": (host, audio_port), "video": (host, video_port)}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send_rtp(
        self, kind: str, sequence: int, timestamp: int, payload: bytes, *, marker: bool = False, transport_sequence: int | None = None
    ) -> None:
        header = HEADER.pack(0x80, self._types[kind] | marker << 7, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, self.ssrcs[kind])
        self._socket.sendto(header + payload, self._targets[kind])

    def send_rtcp(self, _packet: bytes) -> None:
        """Such a server has no port for it here."""

    def close(self) -> None:
        self.closed.set()
        self._socket.close()


class Publisher:
    """Sends pictures and sound at their times until it is stopped, and a key picture when one is asked for."""

    def __init__(self, given: dict[str, Any], certificate: Certificate) -> None:
        self.peer: Peer | PlainPeer = PlainPeer(*given["rtp"]) if given["rtp"] else Peer(certificate=certificate)
        self.packets = 0
        self.key_requests = 0
        self.late = 0
        self._given = given
        header_bytes = 20  # RTP's own 12, and the extension that carries the transport-wide number
        self._source = rtp_source.VideoSource(given["codec"], given["packets"], given["packet_bytes"] - header_bytes)
        self._sequence = {"audio": 1000, "video": 2000}
        self._octets = {"audio": 0, "video": 0}
        self._counts = {"audio": 0, "video": 0}
        self._transport_sequence = 0
        self._key_wanted = True
        self._key_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        if isinstance(self.peer, Peer):
            await self._connect(self.peer)
        self._tasks = [asyncio.create_task(work) for work in (self._pictures(), self._reports())]
        if self._given["audio"]:
            self._tasks.append(asyncio.create_task(self._sounds()))

    async def _connect(self, peer: Peer) -> None:
        peer.on_rtcp = self._on_rtcp
        offer = peer.offer_to_publish(self._given["codec"], audio=self._given["audio"])
        async with aiohttp.ClientSession() as http:
            answer, _session = await exchange(http, self._given["url"], offer, self._given["token"])
        peer.accept(answer)
        if peer.answered is None or peer.answered.address is None or "video" not in peer.answered.payload_types:
            raise LoadFailed("the answer to the publisher has no candidate or refuses the video")
        await peer.connect(JOIN_TIMEOUT_S)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.peer.close()

    def _on_rtcp(self, message: rtcp.Message) -> None:
        if isinstance(message, rtcp.KeyFrameRequest):
            self.key_requests += 1
            self._key_wanted = True

    def _send(self, kind: str, timestamp: int, payload: bytes, marker: bool) -> None:
        self.peer.send_rtp(kind, self._sequence[kind], timestamp, payload, marker=marker, transport_sequence=self._transport_sequence)
        self._transport_sequence += 1
        self._sequence[kind] += 1
        self._counts[kind] += 1
        self._octets[kind] += len(payload)
        self.packets += 1

    async def _pictures(self) -> None:
        loop = asyncio.get_running_loop()
        started, number, rate = loop.time(), 0, self._given["rate"]
        while not self.peer.closed.is_set():
            now = loop.time()
            # Who cannot be asked sends one a second, as encoders for such servers are set.
            wanted = self._key_wanted or (isinstance(self.peer, PlainPeer) and now - self._key_at >= PLAIN_KEY_INTERVAL_S)
            key = wanted and now - self._key_at > KEY_INTERVAL_S
            if key:
                self._key_wanted, self._key_at = False, now
            payloads = self._source.picture(key, time.time_ns())
            for index, payload in enumerate(payloads):
                self._send("video", round((now - started) * rtp_source.VIDEO_CLOCK_HZ), payload, index == len(payloads) - 1)
            number += 1
            due = started + number / rate
            if loop.time() > due + 1 / rate:
                # A whole picture behind: the load side is too busy, and figures of this run say so.
                self.late += 1
                number = int((loop.time() - started) * rate) + 1
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _sounds(self) -> None:
        loop = asyncio.get_running_loop()
        started, number = loop.time(), 0
        while not self.peer.closed.is_set():
            self._send(
                "audio", round(number * rtp_source.AUDIO_FRAME_S * rtp_source.AUDIO_CLOCK_HZ), rtp_source.sound(time.time_ns()), True
            )
            number += 1
            await asyncio.sleep(max(0.0, started + number * rtp_source.AUDIO_FRAME_S - loop.time()))

    async def _reports(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        while not self.peer.closed.is_set():
            await asyncio.sleep(REPORT_S)
            for kind, clock_hz in (("audio", rtp_source.AUDIO_CLOCK_HZ), ("video", rtp_source.VIDEO_CLOCK_HZ)):
                if not self._counts[kind]:
                    continue
                report = rtcp.SenderReport(
                    self.peer.ssrcs[kind],
                    rtcp.ntp_from_unix(time.time()),
                    round((loop.time() - started) * clock_hz) & 0xFFFFFFFF,
                    self._counts[kind] & 0xFFFFFFFF,
                    self._octets[kind] & 0xFFFFFFFF,
                )
                self.peer.send_rtcp(rtcp.build_sender_report(report))


def handlers() -> dict[str, Handler]:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    load = LiveLoad()
    return {
        "publish": load.publish,
        "published": load.published,
        "watch": load.watch,
        "count": load.count,
        "leave": load.leave,
        "stop": load.stop,
    }
