"""Every parser on arbitrary bytes: it answers, or says what is wrong; it never raises anything else."""

import contextlib
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench import rtcp_client, stun_client
from livecore.media import codecs, rtcp, sdp, stun
from livecore.media.drops import Drop
from livecore.media.extensions import Extension
from livecore.media.packet import Packet, parse_header
from tests.media import payloads

IDS = dict(enumerate(Extension, start=1))


@given(st.binary(max_size=200), st.sampled_from([0x80, 0x90, 0xA0, 0xB0, 0x9F, 0]))
@example(b"", 0x90)
@example(bytes(11) + b"\xbe\xde\x00\x01\x10\xff\xff\xff", 0x90)
def test_rtp_header_of_any_bytes(data: bytes, first: int) -> None:
    packet = bytes([first]) + data
    header = parse_header(packet, IDS)
    if not isinstance(header, Drop):
        assert 12 <= header.start <= header.end <= len(packet)


def test_rtp_header_with_everything_in_it() -> None:
    block = bytes([0x10, 0x31, 0x21]) + b"hi" + bytes([0x41, 1, 2]) + bytes([0x50, 0x83]) + bytes(2)
    data = bytes([0xB1, 0xE0, 0, 5, 0, 0, 0, 9, 0, 0, 0, 7]) + bytes(4) + b"\xbe\xde\x00\x03" + block + b"payload" + b"\x00\x00\x03"
    header = parse_header(data, IDS)
    assert not isinstance(header, Drop)
    assert (header.marker, header.payload_type, header.sequence, header.timestamp, header.ssrc) == (True, 0x60, 5, 9, 7)
    assert (header.mid, header.rid, header.transport_sequence) == ("1", "hi", 0x0102)
    assert header.passed_on == ((Extension.AUDIO_LEVEL, b"\x83"),)
    assert data[header.start : header.end] == b"payload"


def test_rtp_header_in_the_two_byte_form() -> None:
    data = bytes([0x90, 0x60]) + bytes(10) + b"\x10\x00\x00\x02" + bytes([1, 2]) + b"ab" + bytes([4, 2, 9, 9]) + b"x"
    header = parse_header(data, IDS)
    assert not isinstance(header, Drop)
    assert (header.mid, header.transport_sequence) == ("ab", 0x0909)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x80", Drop.RTP_SHORT),
        (b"\x8f" + bytes(11), Drop.RTP_SHORT),
        (b"\x40" + bytes(11), Drop.RTP_VERSION),
        (b"\x90" + bytes(11) + b"\xbe\xde\x00\x02" + bytes(4), Drop.RTP_EXTENSION),
        (b"\xa0" + bytes(11) + b"\x05", Drop.RTP_PADDING),
        (b"\xa0" + bytes(11) + b"\x00", Drop.RTP_PADDING),
    ],
)
def test_malformed_rtp_header_has_a_name(data: bytes, reason: Drop) -> None:
    assert parse_header(data, {}) is reason


@given(st.binary(max_size=300))
def test_rtcp_of_any_bytes(data: bytes) -> None:
    messages, malformed = rtcp.parse(data)
    assert malformed or messages or not data


@given(st.lists(st.integers(200, 207), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_rtcp_compounds_with_random_bodies(kinds: list[int], rng: random.Random) -> None:
    data = b""
    for kind in kinds:
        words = rng.randrange(0, 12)
        data += (
            bytes([0x80 | rng.randrange(32) | (0x20 if rng.random() < 0.2 else 0), kind])
            + words.to_bytes(2, "big")
            + rng.randbytes(4 * words)
        )
    rtcp.parse(data)


def test_one_malformed_packet_of_a_compound_costs_no_other() -> None:
    broken = bytes([0x80 | 5, rtcp.RR, 0, 2]) + bytes(8)  # five blocks announced, none there
    messages, malformed = rtcp.parse(rtcp.build_pli(1, 2) + broken + rtcp.build_nack(1, 2, [7]))
    assert malformed == 1
    assert messages == [rtcp.KeyFrameRequest(1, 2), rtcp.Nack(1, 2, (7,))]


def test_nack_wraps() -> None:
    messages, _ = rtcp.parse(rtcp.build_nack(1, 2, [65_534, 65_535, 65_536, 65_540]))
    assert messages == [rtcp.Nack(1, 2, (65_534, 65_535, 0, 4))]


def test_transport_feedback_is_not_taken_for_a_nack() -> None:
    feedback = bytes([0x8F, rtcp.RTPFB, 0, 5]) + bytes(8) + bytes([0, 1, 0, 1, 0, 0, 0, 0, 0x20, 0x01, 4, 0])
    messages, malformed = rtcp.parse(feedback)
    assert malformed == 0
    assert messages == [rtcp.TransportFeedback(0, 0, 1, 0, (1000,))]


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=40, unique=True))
def test_nacks_survive_building_and_parsing(lost: list[int]) -> None:
    messages, malformed = rtcp.parse(rtcp.build_nack(3, 4, sorted(lost)))
    assert malformed == 0
    assert isinstance(messages[0], rtcp.Nack)
    assert sorted(messages[0].lost) == sorted(lost)


@given(st.integers(0, (1 << 40) - 1))
def test_remb_keeps_eighteen_bits(bitrate: int) -> None:
    messages, _ = rtcp.parse(rtcp_client.build_remb(1, bitrate, [5, 6]))
    remb = messages[0]
    assert isinstance(remb, rtcp.Remb)
    assert remb.ssrcs == (5, 6)
    assert bitrate * (1 - 2**-17) <= remb.bitrate_bps <= bitrate


def test_round_trip_of_a_receiver_survives_building_and_parsing() -> None:
    messages, malformed = rtcp.parse(rtcp.build_reference_time(5, 1 << 40) + rtcp_client.build_echo(6, 5, 0xABCD, 99))
    assert malformed == 0
    assert messages == [rtcp.Ignored(rtcp.XR, 0), rtcp.Echo(6, 5, 0xABCD, 99)]
    broken = rtcp_client.build_echo(6, 5, 0xABCD, 99)[:-12]
    assert rtcp.parse(broken[:2] + b"\x00\x02" + broken[4:])[1] == 1


def test_reports_survive_building_and_parsing() -> None:
    block = rtcp.ReportBlock(1, 25, -3, 70_000, 12, 0xABCD, 99)
    report = rtcp.SenderReport(7, 1 << 63, 0xFFFFFFFF, 5, 6, ())
    data = (
        rtcp.build_sender_report(report)
        + rtcp.build_receiver_report(9, [block])
        + rtcp.build_cname(7, "name")
        + rtcp_client.build_goodbye([7])
    )
    messages, malformed = rtcp.parse(data)
    assert malformed == 0
    assert messages == [report, rtcp.ReceiverReport(9, (block,)), rtcp.SourceDescription(((7, "name"),)), rtcp.Goodbye((7,))]


@given(st.binary(max_size=120))
@example(stun_client.binding_request(bytes(12), "a:b", "p", priority=1, tie_breaker=2, nominate=True))
def test_stun_of_any_bytes(data: bytes) -> None:
    try:
        message = stun.parse(data)
    except stun.StunError:
        return
    message.verifies("password")
    stun_client.mapped_address(message)


@given(st.integers(0, 200), st.integers(0, 255))
def test_stun_with_one_byte_changed_is_not_verified(at: int, value: int) -> None:
    good = stun_client.binding_request(b"0123456789ab", "ours:theirs", "secret", priority=5, tie_breaker=6, nominate=True)
    at %= len(good) - 8  # what the integrity covers: all but FINGERPRINT
    changed = good[:at] + bytes([value]) + good[at + 1 :]
    try:
        message = stun.parse(changed)
    except stun.StunError:
        return
    assert changed == good or not message.verifies("secret")


@pytest.mark.parametrize("address", [("192.0.2.7", 4000), ("2001:db8::1", 65_535)])
def test_stun_tells_the_address_it_saw(address: tuple[str, int]) -> None:
    request = stun.parse(stun_client.binding_request(b"0123456789ab", "a:b", "secret", priority=1, tie_breaker=1, nominate=False))
    response = stun.parse(stun.binding_response(request, address, "secret"))
    assert response.verifies("secret")
    assert stun_client.mapped_address(response) == address


def test_stun_attribute_behind_the_integrity_is_not_believed() -> None:
    """Whoever sits on the path could add USE-CANDIDATE there without knowing the password."""
    good = stun_client.binding_request(b"0123456789ab", "a:b", "secret", priority=1, tie_breaker=1, nominate=False)
    body = good[20:-8] + b"\x00\x25\x00\x00"
    forged = good[:2] + len(body).to_bytes(2, "big") + good[4:20] + body
    message = stun.parse(forged)
    assert message.verifies("secret")
    assert stun.USE_CANDIDATE not in message.attributes


@given(st.binary(max_size=40))
def test_codec_payloads_of_any_bytes(payload: bytes) -> None:
    for codec in codecs.VIDEO:
        packet = Packet(0, 0, False, payload, 0.0)
        codecs.inspect(codec, packet)
        assert abs(packet.picture_id_at) < max(1, len(payload))
        assert packet.tl0_at < max(1, len(payload))


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        (payloads.vp8(5, key=True), True),
        (payloads.vp8(5, key=False), False),
        (payloads.vp8(5, key=True, start=False), False),
        (b"\x10\x00", True),
        (b"\x11\x00", False),
        (b"\x90\x80\x05\x00", True),
        (b"", False),
    ],
)
def test_vp8_key_frames(payload: bytes, key: bool) -> None:
    packet = Packet(0, 0, False, payload, 0.0)
    codecs.inspect("vp8", packet)
    assert packet.key is key


def test_vp8_descriptor_fields() -> None:
    packet = Packet(0, 0, False, payloads.vp8(0x1234, tl0=9), 0.0)
    codecs.inspect("vp8", packet)
    assert (packet.picture_id, packet.picture_id_at, packet.tl0, packet.tl0_at) == (0x1234, 2, 9, 4)


@pytest.mark.parametrize(
    ("codec", "payload", "key"),
    [
        ("vp9", b"\x08", True),
        ("vp9", b"\x48", False),
        ("vp9", b"\x80", False),
        ("vp9", b"\xa8\x80\x01\x00", True),
        ("vp9", b"\xa8\x80\x01\x02", False),  # a key picture's upper spatial layer
        ("h264", payloads.h264_key(), True),
        ("h264", payloads.h264_slice(), False),
        ("h264", b"\x67\x42", True),
        ("h264", b"\x65\x42", False),
        ("h264", b"\x7c\x87", True),
        ("h264", b"\x7c\x47", False),
        ("av1", b"\x18", True),
        ("av1", b"\x10", False),
        ("av1", b"\x98", False),
    ],
)
def test_key_frames_of_other_codecs(codec: str, payload: bytes, key: bool) -> None:
    packet = Packet(0, 0, False, payload, 0.0)
    codecs.inspect(codec, packet)
    assert packet.key is key


_LINE = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    st.sampled_from(
        [
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
            "a=mid:0",
            "a=group:BUNDLE 0 1",
            "a=rtpmap:96 VP8/90000",
            "a=rtpmap:97 rtx/90000",
            "a=fmtp:97 apt=96",
            "a=rtcp-mux",
            "a=ice-ufrag:abcd",
            "a=ice-pwd:0123456789012345678901",
            "a=fingerprint:sha-256 AA:BB",
            "a=simulcast:send l;m,h;~x",
            "a=ssrc-group:FID 1 2",
            "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid",
        ]
    ),
    st.tuples(
        st.sampled_from(["mid", "rtpmap", "fmtp", "rtcp-fb", "extmap", "ssrc", "ssrc-group", "rid", "simulcast", "fingerprint", "ice-pwd"]),
        st.text(max_size=30),
    ).map(lambda pair: f"a={pair[0]}:{pair[1]}"),
)


@given(st.lists(_LINE, max_size=25))
def test_sdp_of_any_lines(lines: list[str]) -> None:
    text = "\r\n".join(["v=0", *lines])
    for parse in (sdp.parse_offer, sdp.parse_fragment):
        with contextlib.suppress(sdp.SdpError):
            parse(text)
