"""Whatever arrives on the port: acted on, or counted by a name and dropped; nothing raises."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from bench import stun_client
from livecore.media.control import SessionClosed
from livecore.media.drops import Drop
from tests.media.virtual import VirtualPeer, VirtualPlane

STRANGER = ("203.0.113.66", 4444)


def plane() -> tuple[VirtualPlane, VirtualPeer, VirtualPeer]:
    made = VirtualPlane(seed=1)
    source = made.publish()
    return made, source, made.subscribe()


def drops(made: VirtualPlane) -> int:
    transports = sum(sum(t.drops.values()) for t in made.demux.transports)
    return sum(made.demux.drops.values()) + transports


@given(st.lists(st.binary(max_size=90), max_size=30), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_arbitrary_datagrams_from_anybody(datagrams: list[bytes], who: int) -> None:
    made, source, viewer = plane()
    address = (STRANGER, source.address, viewer.address)[who]
    for data in datagrams:
        made.demux.on_datagram(data, address, made.now, made.now)
    made.run(0.1)
    assert not [event for event in made.events if isinstance(event, SessionClosed)]


def test_mutations_of_what_peers_really_send() -> None:
    """Each datagram of a session, with bytes changed, cut or lengthened: the session lives on."""
    made, source, viewer = plane()
    rng = random.Random(4)
    seen: list[tuple[bytes, tuple[str, int]]] = []
    for peer in (source, viewer):
        original = peer.send

        def record(data: bytes, peer: VirtualPeer = peer, original: object = original) -> None:
            seen.append((data, peer.address))
            assert callable(original)
            original(data)

        peer.send = record  # type: ignore[method-assign]
    for sequence in range(40):
        source.send_rtp(96, sequence, sequence * 3000, bytes(50), source.peer.ssrcs["video"])
        made.run(0.1)
    assert len(seen) > 40
    for data, address in seen:
        for _ in range(30):
            changed = bytearray(data)
            for _ in range(rng.randrange(1, 4)):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            if rng.random() < 0.3:
                del changed[rng.randrange(len(changed)) :]
            if rng.random() < 0.1:
                changed += rng.randbytes(rng.randrange(2000))
            made.demux.on_datagram(bytes(changed), address, made.now, made.now)
    made.run(1.0)
    assert not [event for event in made.events if isinstance(event, SessionClosed)]
    assert drops(made) > 500


def test_each_drop_has_its_name() -> None:
    made, source, _ = plane()
    before = dict(made.demux.drops)
    assert before == {}
    for data, reason in (
        (b"", Drop.EMPTY),
        (b"\x80" + bytes(20), Drop.UNKNOWN_ADDRESS),
        (b"\x16" + bytes(20), Drop.UNKNOWN_ADDRESS),
        (b"\x40", Drop.FIRST_BYTE),
        (b"\x00", Drop.STUN_MALFORMED),
        (b"\x01\x01\x00\x00\x21\x12\xa4\x42" + bytes(12), Drop.STUN_NOT_REQUEST),
        (b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12), Drop.STUN_UNKNOWN_USER),
    ):
        count = made.demux.drops[reason]
        made.demux.on_datagram(data, STRANGER, made.now, made.now)
        assert made.demux.drops[reason] == count + 1, reason
    transport = made.router.sessions[source.session_id].transport
    made.demux.on_datagram(b"\x80", source.address, made.now, made.now)
    assert transport.drops[Drop.RTP_SHORT] == 1


def test_publisher_that_invents_streams_is_bounded() -> None:
    made, source, _ = plane()
    publication = next(iter(made.router.published.values())).publication
    for ssrc in range(1000, 1200):
        source.send_rtp(96, 1, 1, bytes(20), ssrc)
    made.run(0.2)
    assert publication.counts[Drop.TOO_MANY_SSRCS] > 100
    assert len(publication._by_ssrc) + len(publication._rtx_by_ssrc) <= 32


def test_viewer_may_not_publish_through_its_session() -> None:
    made, _, viewer = plane()
    viewer.send_rtp(96, 1, 1, bytes(20), 77)
    made.run(0.1)
    assert made.router.sessions[viewer.session_id].transport.drops[Drop.NOT_A_PUBLISHER] == 1


def test_address_of_a_peer_that_is_gone_is_forgotten() -> None:
    made, source, viewer = plane()
    made.router.close("drained", made.now)
    made.run(0.1)
    assert made.demux.transports == set()
    assert source.closed
    assert viewer.closed
    made.demux.on_datagram(b"\x80" + bytes(20), viewer.address, made.now, made.now)
    assert made.demux.drops[Drop.UNKNOWN_ADDRESS] == 1


def test_forged_source_address_draws_nobodys_packets_to_another_session() -> None:
    made, source, viewer = plane()
    mallory = made.subscribe()
    answered = mallory.peer.answered
    assert answered
    forged = stun_client.binding_request(bytes(12), f"{answered.ufrag}:x", answered.password, priority=1, tie_breaker=1, nominate=True)
    made.demux.on_datagram(forged, viewer.address, made.now, made.now)
    assert made.demux.drops[Drop.ADDRESS_TAKEN] == 1
    assert made.router.sessions[mallory.session_id].transport.address == mallory.address
    viewer.send_rtp(96, 1, 1, bytes(20), 77)
    made.run(0.1)
    assert made.router.sessions[viewer.session_id].transport.drops[Drop.NOT_A_PUBLISHER] == 1
    viewer.silent = True
    made.run(7)
    made.demux.on_datagram(forged, viewer.address, made.now, made.now)
    assert made.demux.drops[Drop.ADDRESS_TAKEN] == 1
    assert source.connected


def test_nothing_is_kept_of_a_peer_that_restarted_ice_and_left() -> None:
    made, _, viewer = plane()
    fragment = "a=ice-ufrag:newufrag\r\na=ice-pwd:0123456789012345678901\r\n"
    for number in range(3):
        made.router.patch(viewer.session_id, fragment.replace("newufrag", f"newufrag{number}"), "*")
    made.router.close("drained", made.now)
    assert made.demux._by_ufrag == {}
    assert made.demux._by_address == {}
