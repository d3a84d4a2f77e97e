"""What both sides of the live bench are: a WebRTC peer, or one that sends plain RTP; and the exchange of descriptions over HTTP."""

import asyncio
import socket
import time
from urllib.parse import urljoin

import aiohttp

from bench import janus, rtp_header
from bench.load import LoadFailed
from bench.rtcpeer import RtcPeer
from livecore.media import stun

JOIN_TIMEOUT_S = 15.0
# A viewer may come before the server has heard of the publisher (409): then it asks again, as a player does.
RETRY_S = 0.1


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


class PlainPeer:
    """Sends RTP as it is to a server that takes it so (an encoder's output): one port for sound, one for pictures."""

    def __init__(self, host: str, audio_port: int, video_port: int) -> None:
        self.closed = asyncio.Event()
        self.ssrcs = {"audio": 1, "video": 2}
        self._types = {"audio": janus.AUDIO_TYPE, "video": janus.VIDEO_TYPE}
        self._targets = {"audio": (host, audio_port), "video": (host, video_port)}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send_rtp(self, kind: str, sequence: int, timestamp: int, payload: bytes, *, marker: bool = False) -> None:
        first = self._types[kind], sequence, timestamp, self.ssrcs[kind]
        self._socket.sendto(rtp_header.header(first, [], marker=marker) + payload, self._targets[kind])

    def send_rtcp(self, _packet: bytes) -> None:
        """Such a server has no port for it here."""

    def close(self) -> None:
        self.closed.set()
        self._socket.close()


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
