"""What stands between a WHEP viewer and Janus, and a publisher of plain RTP."""

import socket

from bench import janus
from bench.answer import read_answer
from bench.live_peer import PlainPeer
from bench.rtcpeer import RtcPeer
from livecore.media.packet import Header, parse_header

OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 1 1 IN IP4 192.0.2.2",
        "s=Mountpoint 1",
        "t=0 0",
        "a=group:BUNDLE a v",
        "a=fingerprint:sha-256 AA:BB",
        "a=ice-lite",
        *(
            line
            for mid, kind, number, codec in (("a", "audio", 111, "opus/48000/2"), ("v", "video", 100, "VP8/90000"))
            for line in (
                f"m={kind} 9 UDP/TLS/RTP/SAVPF {number}",
                "c=IN IP4 192.0.2.2",
                "a=sendonly",
                f"a=mid:{mid}",
                "a=rtcp-mux",
                "a=ice-ufrag:Df3T",
                "a=ice-pwd:zHoZGfGaIpf7FVtOYbSnrp",
                "a=setup:actpass",
                f"a=rtpmap:{number} {codec}",
                f"a=ssrc:{number} cname:janus",
                "a=candidate:1 1 udp 2015363327 192.0.2.2 47810 typ host",
                "a=end-of-candidates",
            )
        ),
        "",
    ]
)


def test_two_offers_become_two_answers() -> None:
    viewer = RtcPeer()
    for_janus = janus.as_answer(OFFER, viewer.offer_to_watch(["vp8"]))
    lines = for_janus.split("\r\n")
    assert lines.count(f"a=ice-ufrag:{viewer.credentials.ufrag}") == lines.count(f"a=ice-pwd:{viewer.credentials.password}") == 2
    assert f"a=fingerprint:sha-256 {viewer.certificate.fingerprint}" in lines
    assert lines.count("a=setup:active") == lines.count("a=recvonly") == 2
    assert not [line for line in lines if line.startswith(("a=ssrc", "a=ice-lite")) or "192.0.2.2 47810" in line]
    answered = read_answer(janus.for_viewer(OFFER))
    assert (answered.setup, answered.ufrag, answered.address) == ("passive", "Df3T", ("192.0.2.2", 47810))
    assert answered.payload_types == {"audio": 111, "video": 100}


def test_plain_publisher_sends_rtp_with_the_types_that_janus_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as audio, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as video:
        for sock in (audio, video):
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(5)
        peer = PlainPeer("127.0.0.1", audio.getsockname()[1], video.getsockname()[1])
        peer.send_rtp("video", 65_537, 90_000, b"picture", marker=True)
        peer.send_rtp("audio", 7, 960, b"sound")
        peer.close()
        data = video.recv(2048)
        header = parse_header(data, {})
        assert isinstance(header, Header)
        assert (header.payload_type, header.sequence, header.timestamp, header.marker) == (janus.VIDEO_TYPE, 1, 90_000, True)
        assert data[header.start : header.end] == b"picture"
        heard = parse_header(audio.recv(2048), {})
        assert isinstance(heard, Header)
        assert heard.payload_type == janus.AUDIO_TYPE
