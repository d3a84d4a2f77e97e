"""A peer's media connection, encrypted: certificate, DTLS handshake, SRTP keys, packets protected in place.

The only module that imports aiortc, pylibsrtp and OpenSSL; their errors are translated here.
aiortc gives the certificate and its OpenSSL context; the handshake is driven datagram by datagram, with time as an argument.
"""

import functools
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pylibsrtp
from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80, RTCCertificate, SRTPProtectionProfile
from OpenSSL import SSL, crypto
from pylibsrtp._binding import ffi, lib  # the C functions themselves: `Session.protect` copies twice and allocates

from livecore.media.drops import Counters, Drop
from livecore.media.wire import Offsets, Run

# AES-128-GCM first: with AES instructions it costs a third of AES-CM with HMAC-SHA1.
PROFILES = [SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80]
_DIGESTS = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}  # SDP's names → OpenSSL's
# A path that carries DTLS but not 1,200 bytes carries no video either.
DATAGRAM_LIMIT_BYTES = 1200
# OpenSSL repeats a lost flight after a second, and its timer cannot be set from Python: repeat the same records sooner,
# at first after 100 ms, then at twice the time, up to 1.6 s.
REPEAT_S = 0.1
REPEATS = 4
HANDSHAKE_S = 15.0
# Resends come late and out of order: about a second of a 6 Mb/s publication (RFC 3711 asks for at least 64).
REPLAY_WINDOW = 1024
PACKET_LIMIT_BYTES = 1500
_RECORD_HEADER_BYTES = 13
# A whole flight with a certificate of some hundred bytes.
_FLIGHT_BYTES = 4096
_HANDSHAKE_RECORDS = (20, 22)  # ChangeCipherSpec and handshake, in the first record of a datagram


class Certificate(RTCCertificate):
    """One key, certificate and OpenSSL context for every peer of a process: a context costs 0.3 ms, a third of a join."""

    _context: SSL.Context | None = None

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256, upper-case pairs with colons, as SDP has it."""
        return next(f.value for f in self.getFingerprints() if f.algorithm == "sha-256")

    def context(self) -> SSL.Context:
        if self._context is None:
            self._context = self._create_ssl_context(PROFILES)
            # After the handshake a connection only waits for close_notify: a seventh of its 80 KB is buffers.
            self._context.set_mode(SSL.MODE_RELEASE_BUFFERS)
            # Nobody resumes: each offer is a new connection with keys of its own.
            self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        return self._context


def generate_certificate() -> Certificate:
    return Certificate.generateCertificate()


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master key and salt of each direction, and the profile that was agreed."""

    profile: SRTPProtectionProfile
    send: bytes
    receive: bytes

    @property
    def tag_bytes(self) -> int:
        return 16 if self.profile is SRTP_AEAD_AES_128_GCM else 10


class Dtls:
    """A DTLS 1.2 handshake as a state machine: datagrams and time in, datagrams out.

    `state` is "handshake", "connected", "failed" or "closed"; `keys` are set with "connected", `reason` with the last two.

    Args:
        client: whether we send the first flight.
        fingerprints: (algorithm, digest) of the certificate that the peer announced in its description.
    """

    def __init__(self, certificate: Certificate, fingerprints: Sequence[tuple[str, str]], *, client: bool, now: float) -> None:
        self.state = "handshake"
        self.reason = ""
        self.keys: SrtpKeys | None = None
        self._fingerprints = fingerprints
        self._client = client
        self._give_up_at = now + HANDSHAKE_S
        self._flight: list[bytes] = []
        self._repeat_at: float | None = None  # None: nothing was sent that the peer has not answered
        self._repeats = 0
        self._answer_at = now  # not before this is the last flight repeated for a peer that lost it
        self._connection = SSL.Connection(certificate.context())
        self._connection.set_ciphertext_mtu(DATAGRAM_LIMIT_BYTES)
        if client:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()

    def start(self, now: float) -> list[bytes]:
        """The client's first flight; nothing for a server."""
        return self._advance(now) if self._client else []

    def feed(self, datagram: bytes, now: float) -> list[bytes]:
        """Take a datagram from the peer. After the handshake: repeated flights are answered, close_notify is heard."""
        if self.state in ("failed", "closed"):
            return []
        try:
            self._connection.bio_write(datagram)
        except SSL.Error:
            return []
        if self.state == "connected":
            try:
                self._connection.recv(PACKET_LIMIT_BYTES)
            except SSL.ZeroReturnError:
                self._end("closed", "dtls_closed_by_peer")
            except SSL.Error:
                pass  # noise after the handshake (or application data, which media does not use) changes nothing
            out = self._flush()
            # A handshake record now says that our last flight was lost. OpenSSL answers only one with a new number, and takes
            # a peer's repetition of the very same records (which is what `on_deadline` sends) for a replay.
            if not out and datagram[0] in _HANDSHAKE_RECORDS and now >= self._answer_at:
                self._answer_at = now + REPEAT_S / 2
                return list(self._flight)
            return out
        self._repeats = 0
        return self._advance(now)

    def deadline(self) -> float | None:
        """When `on_deadline` is due; None when nothing is pending."""
        if self.state != "handshake":
            return None
        return self._give_up_at if self._repeat_at is None else min(self._repeat_at, self._give_up_at)

    def on_deadline(self, now: float) -> list[bytes]:
        """Repeat the last flight when its time has come."""
        if self.state != "handshake":
            return []
        if now >= self._give_up_at:
            self._end("failed", "dtls_timeout")
            return []
        if self._repeat_at is None or now < self._repeat_at:
            return []
        self._repeats = min(self._repeats + 1, REPEATS)
        self._repeat_at = now + REPEAT_S * 2**self._repeats
        return list(self._flight)

    def close(self) -> list[bytes]:
        """close_notify, so that the peer knows at once."""
        if self.state != "connected":
            self._end("closed", "closed")
            return []
        try:
            self._connection.shutdown()
        except SSL.Error:
            self._end("closed", "closed")
            return []
        self._end("closed", "closed")
        return self._flush()

    def _end(self, state: str, reason: str) -> None:
        self.state, self.reason = state, reason
        self._repeat_at, self._flight = None, []

    def _advance(self, now: float) -> list[bytes]:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error:
            out = self._flush()
            self._end("failed", "dtls_handshake")
            return out
        else:
            self._finish()
        out = self._flush()
        if out and self.state in ("handshake", "connected"):
            self._flight = out
            self._repeat_at = now + REPEAT_S if self.state == "handshake" else None
        return out

    def _finish(self) -> None:
        certificate = self._connection.get_peer_certificate()
        encoded = crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) if certificate is not None else b""
        matched = any(
            algorithm in _DIGESTS and hashlib.new(_DIGESTS[algorithm], encoded).digest().hex(":") == digest.lower()
            for algorithm, digest in self._fingerprints
        )
        if not matched or certificate is None:
            self._end("failed", "dtls_fingerprint")
            return
        name = self._connection.get_selected_srtp_profile()
        profile = next((p for p in PROFILES if p.openssl_profile == name), None)
        if profile is None:
            self._end("failed", "dtls_no_srtp_profile")
            return
        size = 2 * (profile.key_length + profile.salt_length)
        material = self._connection.export_keying_material(b"EXTRACTOR-dtls_srtp", size)
        ours, theirs = (0, 1) if self._client else (1, 0)
        self.keys = SrtpKeys(profile, profile.get_key_and_salt(material, ours), profile.get_key_and_salt(material, theirs))
        self.state, self._repeat_at = "connected", None

    def _flush(self) -> list[bytes]:
        """What OpenSSL wants sent, cut into datagrams between records: its memory buffer keeps no boundaries."""
        pending = b""
        while True:
            try:
                read = self._connection.bio_read(_FLIGHT_BYTES)
            except SSL.WantReadError:
                break
            pending += read
            if len(read) < _FLIGHT_BYTES:  # asking once more only to be refused costs as much as reading
                break
        datagrams: list[bytes] = []
        current = b""
        position = 0
        while position + _RECORD_HEADER_BYTES <= len(pending):
            size = _RECORD_HEADER_BYTES + (pending[position + 11] << 8 | pending[position + 12])
            record = pending[position : position + size]
            position += size
            if current and len(current) + len(record) > DATAGRAM_LIMIT_BYTES:
                datagrams.append(current)
                current = b""
            current += record
        if current:
            datagrams.append(current)
        return datagrams


_BUFFER_BYTES = 1 << 16
# One buffer for the process: the loop has one thread, and a packet leaves it before the next comes in.
_buffer = ffi.new("char[]", _BUFFER_BYTES)
_view = memoryview(ffi.buffer(_buffer))
_length = ffi.new("int *")
_protect, _unprotect = lib.srtp_protect, lib.srtp_unprotect
_protect_rtcp, _unprotect_rtcp = lib.srtp_protect_rtcp, lib.srtp_unprotect_rtcp
# For the native helper: the function that `Protector` calls, as an address.
PROTECT_ADDRESS = int(ffi.cast("uintptr_t", ffi.addressof(lib, "srtp_protect")))
_patch = struct.Struct("!HLL").pack_into
_patch16 = struct.Struct("!H").pack_into
UNPROTECT_RTCP_ADDRESS = int(ffi.cast("uintptr_t", ffi.addressof(lib, "srtp_unprotect_rtcp")))
# srtp_err_status_t of libsrtp 2: the binding exports only the first.
_AUTHENTICATION, _REPLAYS = 7, (9, 10)


def _session(keys: SrtpKeys, *, outbound: bool) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(
        key=keys.send if outbound else keys.receive,
        ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND if outbound else pylibsrtp.Policy.SSRC_ANY_INBOUND,
        srtp_profile=keys.profile.libsrtp_profile,
    )
    policy.window_size = REPLAY_WINDOW
    # Resends without RTX repeat the very bytes: equal plaintext under an equal nonce tells nothing new.
    policy.allow_repeat_tx = outbound
    return pylibsrtp.Session(policy)


def drop_of(status: int) -> Drop:
    """Why libsrtp refused a packet."""
    if status in _REPLAYS:
        return Drop.SRTP_REPLAY
    return Drop.SRTP_AUTH if status == _AUTHENTICATION else Drop.SRTP_OTHER


class Unprotector:
    """Incoming SRTP and SRTCP of one peer."""

    def __init__(self, keys: SrtpKeys) -> None:
        self._owner = _session(keys, outbound=False)
        self._session: Any = self._owner._srtp[0]

    @property
    def session_address(self) -> int:
        """libsrtp's session, for the native helper; valid as long as this object."""
        return int(ffi.cast("uintptr_t", self._session))

    def rtp(self, data: bytes) -> bytes | Drop:
        return self._open(data, _unprotect)

    def rtcp(self, data: bytes) -> bytes | Drop:
        return self._open(data, _unprotect_rtcp)

    def _open(self, data: bytes, function: Any) -> bytes | Drop:
        size = len(data)
        if size > PACKET_LIMIT_BYTES:
            return Drop.OVERSIZED
        _view[:size] = data
        _length[0] = size
        status = function(self._session, _buffer, _length)
        if status == 0:
            return bytes(_view[: _length[0]])
        return drop_of(status)


class Protector:
    """Outgoing SRTP and SRTCP of one peer."""

    def __init__(self, keys: SrtpKeys, drops: Counters) -> None:
        self._owner = _session(keys, outbound=True)
        self._session: Any = self._owner._srtp[0]
        self._drops = drops
        self.tag_bytes = keys.tag_bytes

    @property
    def session_address(self) -> int:
        """libsrtp's session, for the native helper; valid as long as this object."""
        return int(ffi.cast("uintptr_t", self._session))

    def rtp(self, packet: bytes) -> bytes | None:
        """A single packet (a resend); None when libsrtp refuses it (counted)."""
        return self._seal(packet, _protect)

    def rtcp(self, packet: bytes) -> bytes | None:
        return self._seal(packet, _protect_rtcp)

    def _seal(self, packet: bytes, function: Any) -> bytes | None:
        size = len(packet)
        _view[:size] = packet
        _length[0] = size
        if function(self._session, _buffer, _length):
            self._drops[Drop.PROTECT_FAILED] += 1
            return None
        return bytes(_view[: _length[0]])

    def run(self, run: Run, ssrc: int, offsets: Offsets, transport_sequence: int) -> memoryview:
        """Copy a run, patch its numbers, protect it in place. The view is valid until the next call of any Protector."""
        planned: Any = run.plan
        if planned is None:
            segments = [(s.offset + 2, _buffer + s.offset, s.length, s.sequence, s.timestamp) for s in run.segments]
            planned = run.plan = (_view[: len(run.template)], segments)
        out: memoryview = planned[0]
        out[:] = run.template
        if offsets.picture_offset or offsets.tl0_offset:
            _patch_pictures(run, offsets.picture_offset, offsets.tl0_offset)
        if run.transport_sequence_at:
            at = run.transport_sequence_at
            for segment in run.segments:
                _patch16(_view, segment.offset + at, transport_sequence & 0xFFFF)
                transport_sequence += 1
        session = self._session
        sequence_offset, timestamp_offset = offsets.sequence_offset, offsets.timestamp_offset
        failed = 0
        for offset, pointer, plain_bytes, sequence, timestamp in planned[1]:
            _patch(out, offset, sequence + sequence_offset & 0xFFFF, timestamp + timestamp_offset & 0xFFFFFFFF, ssrc)
            _length[0] = plain_bytes
            failed |= _protect(session, pointer, _length)
        if failed:
            self._drops[Drop.PROTECT_FAILED] += 1
            return _view[:0]
        return out


def _patch_pictures(run: Run, picture_offset: int, tl0_offset: int) -> None:
    for segment in run.segments:
        at = segment.picture_at
        if at > 0:
            _patch16(_view, at, 0x8000 | (segment.picture_id + picture_offset & 0x7FFF))
        elif at < 0:
            _view[-at] = segment.picture_id + picture_offset & 0x7F
        if segment.tl0_at:
            _view[segment.tl0_at] = segment.tl0 + tl0_offset & 0xFF
        if segment.frame_at:
            _patch16(_view, segment.frame_at, segment.picture_id + picture_offset & 0xFFFF)
