"""What an answer takes from an offer."""

import pytest

from bench.answer import read_answer
from bench.rtcpeer import RtcPeer
from livecore.media import negotiate, sdp
from livecore.media.extensions import Extension

CHROME_LIKE = "\r\n".join(
    [
        "v=0",
        "o=- 46117 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=msid-semantic: WMS x",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 107 108 98 99 45 46",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:Zk3n",
        "a=ice-pwd:GdPCbVq3v1gJd6wmTzO2lQ2a",
        "a=fingerprint:sha-256 3C:57:18",
        "a=setup:actpass",
        "a=mid:0",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        "a=extmap:14 urn:ietf:params:rtp-hdrext:toffset",
        "a=sendonly",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=rtpmap:96 VP8/90000",
        "a=rtcp-fb:96 goog-remb",
        "a=rtcp-fb:96 transport-cc",
        "a=rtcp-fb:96 ccm fir",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=rtpmap:103 H264/90000",
        "a=rtcp-fb:103 nack",
        "a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f",
        "a=rtpmap:104 rtx/90000",
        "a=fmtp:104 apt=103",
        "a=rtpmap:107 H264/90000",
        "a=rtcp-fb:107 nack",
        "a=fmtp:107 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "a=rtpmap:108 rtx/90000",
        "a=fmtp:108 apt=107",
        "a=rtpmap:98 VP9/90000",
        "a=fmtp:98 profile-id=0",
        "a=rtpmap:99 rtx/90000",
        "a=fmtp:99 apt=98",
        "a=rtpmap:45 AV1/90000",
        "a=rtpmap:46 rtx/90000",
        "a=fmtp:46 apt=45",
        "a=rid:l send",
        "a=rid:h send",
        "a=simulcast:send l;h",
        "m=audio 9 UDP/TLS/RTP/SAVPF 63 111",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=sendonly",
        "a=rtcp-mux",
        "a=rtpmap:63 red/48000/2",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "",
    ]
)
END = sdp.Endpoint("ours", "secret", "AA:BB", "passive", [("198.51.100.7", 5000), ("2001:db8::7", 5000)], 7)


@pytest.mark.parametrize(
    ("prefer", "payload_type", "rtx"), [("h264", 107, 108), ("vp8", 96, 97), ("vp9", 98, 99), ("av1", 45, 46), ("nothing", 107, 108)]
)
def test_publisher_is_answered_with_the_codec_that_the_live_prefers(prefer: str, payload_type: int, rtx: int) -> None:
    sections = negotiate.answer_publisher(sdp.parse_offer(CHROME_LIKE), prefer, 0)
    assert sections[0].codec
    assert (sections[0].codec.payload_type, sections[0].codec.rtx) == (payload_type, rtx)
    assert sections[1].codec
    assert sections[1].codec.name == "opus"


def test_answer_to_a_simulcast_publisher() -> None:
    text = sdp.write_answer(negotiate.answer_publisher(sdp.parse_offer(CHROME_LIKE), "vp8", 1500), END)
    lines = text.split("\r\n")
    for line in (
        "a=ice-lite",
        "a=group:BUNDLE 0 1",
        "m=video 5000 UDP/TLS/RTP/SAVPF 96 97",
        "a=recvonly",
        "a=setup:passive",
        "a=fingerprint:sha-256 AA:BB",
        "a=rid:l recv",
        "a=simulcast:recv l;h",
        "a=fmtp:97 apt=96",
        "a=fmtp:96 x-google-start-bitrate=1500",
        "a=rtcp-fb:96 transport-cc",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        "a=candidate:1 1 udp 2130706431 198.51.100.7 5000 typ host",
        "a=candidate:2 1 udp 2130706175 2001:db8::7 5000 typ host",
        "m=audio 5000 UDP/TLS/RTP/SAVPF 111",
        "a=rtcp-fb:111 nack",
    ):
        assert line in lines, line
    assert "goog-remb" not in text
    assert "toffset" not in text


def test_publisher_that_comes_back_is_answered_with_the_codec_its_viewers_have() -> None:
    offer = sdp.parse_offer(CHROME_LIKE)
    vp9 = offer.sections[0].codecs[98].format()
    sections = negotiate.answer_publisher(offer, "h264", 0, {"video": vp9, "audio": ("opus", "48000/2")})
    assert sections[0].codec
    assert sections[0].codec.name == "vp9"


def test_viewer_gets_the_published_codec_and_our_numbers() -> None:
    offer = sdp.parse_offer(RtcPeer().offer_to_watch())
    formats = {"audio": ("opus", "48000/2"), "video": ("vp8", "90000")}
    text = sdp.write_answer(negotiate.answer_viewer(offer, formats, "live", [1, 2, 3, 4], layered=False), END)
    answered = read_answer(text)
    assert answered.payload_types == {"audio": 111, "video": 96}
    assert answered.ssrcs == {"audio": 1, "video": 2}
    assert answered.rtx_ssrcs == {"video": 4}
    assert "a=rtcp-fb:111 nack" in text.split("\r\n")
    assert "transport-cc" not in text


def test_transport_wide_feedback_of_a_viewer_is_asked_for_where_there_are_layers_to_choose_from() -> None:
    offer = sdp.parse_offer(RtcPeer().offer_to_watch())
    sections = negotiate.answer_viewer(offer, {"video": ("vp8", "90000")}, "live", [1, 2, 3, 4], layered=True)
    assert sections[0].codec is None
    assert Extension.TRANSPORT_SEQUENCE in sections[1].extensions
    assert "transport-cc" in sections[1].feedback


def test_other_h264_profile_of_the_same_packetisation_is_taken() -> None:
    offer = sdp.parse_offer(RtcPeer().offer_to_watch(["h264"]))
    sections = negotiate.answer_viewer(offer, {"video": ("h264", "1", "640c")}, "live", [1, 2, 3, 4], layered=False)
    assert sections[1].codec
    with pytest.raises(negotiate.NoCommonCodec):
        negotiate.answer_viewer(offer, {"video": ("h264", "0", "42e0")}, "live", [1, 2, 3, 4], layered=False)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("v=0", "hello"), "not a session description"),
        (("a=ice-ufrag:Zk3n\r\n", ""), "ice-ufrag"),
        (("a=fingerprint:sha-256 3C:57:18\r\n", ""), "fingerprint"),
        (("a=setup:actpass", "a=setup:sideways"), "setup"),
        (("a=rtcp-mux\r\n", ""), "rtcp-mux"),
        (("BUNDLE 0 1", "BUNDLE 0"), "bundled"),
        (("a=mid:1", "a=mid:0"), "mid"),
        (("a=simulcast:send l;h", "a=simulcast:send l;h h"), None),
        (("a=simulcast:send l;h", "a=simulcast:send"), "simulcast"),
        (("a=rtpmap:96 VP8/90000", "a=rtpmap:96 VP8/ninety"), "rtpmap"),
        (("UDP/TLS/RTP/SAVPF 96", "UDP/TLS/RTP/SAVPF 960"), "payload type"),
    ],
)
def test_what_is_wrong_with_an_offer_is_said(change: tuple[str, str], why: str | None) -> None:
    text = CHROME_LIKE.replace(*change)
    if why is None:
        sdp.parse_offer(text)
        return
    with pytest.raises(sdp.SdpError, match=why):
        sdp.parse_offer(text)


def test_offer_that_only_receives_cannot_publish() -> None:
    with pytest.raises(negotiate.NoCommonCodec):
        negotiate.answer_publisher(sdp.parse_offer(CHROME_LIKE.replace("sendonly", "recvonly")), "h264", 0)


def test_fragments() -> None:
    assert sdp.parse_fragment("a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=end-of-candidates\r\n").ufrag == "abcd"
    assert sdp.parse_fragment("a=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\n").ufrag == ""
    for wrong in ("", "hello", "a=ice-ufrag:abcd\r\n", "a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n"):
        with pytest.raises(sdp.SdpError):
            sdp.parse_fragment(wrong)
