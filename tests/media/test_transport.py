"""Handshake, keys, replay protection; and which private names of borrowed packages we stand on."""

import inspect
import random

import pylibsrtp
import pytest
from aiortc.rtcdtlstransport import RTCCertificate

from livecore.media.drops import Counters, Drop
from livecore.media.packet import HEADER
from livecore.media.transport import Dtls, Protector, SrtpKeys, Unprotector, generate_certificate

CERTIFICATE = generate_certificate()
FINGERPRINT = [("sha-256", CERTIFICATE.fingerprint)]


def shake(client: Dtls, server: Dtls, lose: set[int] | None = None, seconds: float = 12.0) -> float:
    """Let two ends talk over a path without delay that loses the datagrams with these numbers. Returns how long it took."""
    now, number = 0.0, 0
    to_server, to_client = client.start(now), server.start(now)
    while now < seconds:
        while to_server or to_client:
            out_server, out_client = to_server, to_client
            to_server, to_client = [], []
            for datagrams, end, back in ((out_server, server, to_client), (out_client, client, to_server)):
                for datagram in datagrams:
                    number += 1
                    if number not in (lose or set()):
                        back += end.feed(datagram, now)
        if client.state == server.state == "connected" or "failed" in (client.state, server.state):
            return now
        now += 0.01
        to_server, to_client = client.on_deadline(now), server.on_deadline(now)
    raise AssertionError("no handshake")


def pair(**fingerprints: list[tuple[str, str]]) -> tuple[Dtls, Dtls]:
    return (
        Dtls(CERTIFICATE, fingerprints.get("client", FINGERPRINT), client=True, now=0.0),
        Dtls(CERTIFICATE, fingerprints.get("server", FINGERPRINT), client=False, now=0.0),
    )


def connected() -> tuple[SrtpKeys, SrtpKeys]:
    client, server = pair()
    shake(client, server)
    assert client.keys
    assert server.keys
    return client.keys, server.keys


def rtp(sequence: int, payload: bytes = b"payload") -> bytes:
    return HEADER.pack(0x80, 96, sequence, 0, 1) + payload


def test_both_ends_derive_the_same_keys_and_prefer_gcm() -> None:
    ours, theirs = connected()
    assert ours.send == theirs.receive
    assert ours.receive == theirs.send
    assert ours.profile.openssl_profile == b"SRTP_AEAD_AES_128_GCM"


@pytest.mark.parametrize("lost", range(1, 7))
def test_any_one_lost_datagram_costs_a_tenth_of_a_second(lost: int) -> None:
    client, server = pair()
    assert shake(client, server, {lost}) < 0.25


def test_many_lost_datagrams_only_cost_time() -> None:
    rng = random.Random(1)
    for _ in range(10):
        client, server = pair()
        shake(client, server, {rng.randrange(1, 20) for _ in range(6)})


def test_certificate_that_was_not_announced_is_refused() -> None:
    client, server = pair(server=[("sha-256", "00:" * 31 + "00")])
    shake(client, server)
    assert (server.state, server.reason) == ("failed", "dtls_fingerprint")
    assert server.keys is None


def test_handshake_that_takes_too_long_is_given_up() -> None:
    _, server = pair()
    deadline = server.deadline()
    assert deadline is not None
    server.on_deadline(deadline)
    assert (server.state, server.reason) == ("failed", "dtls_timeout")


def test_close_is_heard() -> None:
    client, server = pair()
    shake(client, server)
    for datagram in client.close():
        server.feed(datagram, 1.0)
    assert (server.state, server.reason) == ("closed", "dtls_closed_by_peer")


def test_noise_never_raises_and_changes_nothing() -> None:
    rng = random.Random(2)
    client, server = pair()
    first = client.start(0.0)
    for _ in range(200):
        server.feed(bytes([rng.randrange(20, 64)]) + rng.randbytes(rng.randrange(0, 200)), 0.0)
    assert server.state == "handshake"
    for datagram in first:
        assert server.feed(datagram, 0.0)
    client, server = pair()
    shake(client, server)
    for _ in range(200):
        server.feed(bytes([rng.randrange(20, 64)]) + rng.randbytes(rng.randrange(0, 200)), 0.0)
    assert server.state == "connected"


def test_replayed_forged_and_cut_packets_have_names() -> None:
    ours, theirs = connected()
    protector, unprotector = Protector(ours, Counters()), Unprotector(theirs)
    sealed = protector.rtp(rtp(5))
    assert sealed
    assert unprotector.rtp(sealed) == rtp(5)
    assert unprotector.rtp(sealed) is Drop.SRTP_REPLAY
    assert unprotector.rtp(sealed[:-1] + bytes([sealed[-1] ^ 1])) in (Drop.SRTP_AUTH, Drop.SRTP_REPLAY)
    fresh = protector.rtp(rtp(6))
    assert fresh
    assert unprotector.rtp(fresh[:-1] + bytes([fresh[-1] ^ 1])) is Drop.SRTP_AUTH
    for size in range(12, len(fresh)):
        assert isinstance(unprotector.rtp(fresh[:size]), Drop)
    assert unprotector.rtp(bytes(2000)) is Drop.OVERSIZED
    assert unprotector.rtp(fresh) == rtp(6)


def test_resent_packet_has_the_very_same_bytes() -> None:
    ours, _ = connected()
    protector = Protector(ours, Counters())
    first = protector.rtp(rtp(5))
    for number in range(6, 600):
        protector.rtp(rtp(number))
    assert protector.rtp(rtp(5)) == first


def test_private_names_of_borrowed_packages_are_still_there() -> None:
    """An upgrade that moves one of them fails here first."""
    assert list(inspect.signature(RTCCertificate._create_ssl_context).parameters) == ["self", "srtp_profiles"]
    assert hasattr(pylibsrtp.Session(), "_srtp")
    from pylibsrtp._binding import lib

    for name in ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp"):
        assert hasattr(lib, name)
