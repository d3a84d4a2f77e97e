"""Session descriptions (RFC 8866, 8829, 9143): offers taken apart, trickle fragments read, answers written.

Pure text work: no codec is chosen here (see `negotiate`), no address is looked up.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from livecore.media.extensions import BY_URI, URIS, Extension

# A browser's offer with every codec is 6–9 KB; more is not a session description for us.
SIZE_LIMIT_BYTES = 65_536
SECTION_LIMIT = 16
CODEC_LIMIT = 96
# RFC 6544 section 4.2: below every candidate over UDP (type preference 90), passive (direction preference 4).
_TCP_PRIORITY = 90 << 24 | (4 << 13 | 0x1FFF) << 8 | 255
_TOKEN = re.compile(r"[\x21-\x7e]{1,256}")
_RID = re.compile(r"[A-Za-z0-9_-]{1,16}")


class SdpError(ValueError):
    """A description that cannot be read or answered. The text is for the client and quotes nothing of the offer."""


@dataclass(slots=True)
class Codec:
    """One payload type. `name` is lower case; `rtpmap` as written ("VP8/90000"); `rtx`: its resend payload type."""

    payload_type: int
    name: str
    rtpmap: str
    fmtp: str = ""
    feedback: list[str] = field(default_factory=list)
    rtx: int | None = None

    @property
    def clock_hz(self) -> int:
        return int(self.rtpmap.split("/")[1])

    @property
    def channels(self) -> int:
        """Audio channels; 0 for video."""
        parts = self.rtpmap.split("/")
        return int(parts[2]) if len(parts) > 2 else 1 if self.name in ("opus", "pcmu", "pcma", "g722") else 0

    def parameters(self) -> dict[str, str]:
        pairs = (item.strip().partition("=") for item in self.fmtp.split(";") if item.strip())
        return {key.lower(): value for key, _, value in pairs}

    def format(self) -> tuple[str, ...]:
        """What two ends must share for bytes of the one to be decoded by the other."""
        given = self.parameters()
        if self.name == "h264":
            return "h264", given.get("packetization-mode", "0"), given.get("profile-level-id", "42000a").lower()[:4]
        if self.name == "vp9":
            return "vp9", given.get("profile-id", "0")
        if self.name == "av1":
            return "av1", given.get("profile", "0")
        return self.name, self.rtpmap.partition("/")[2].lower()


@dataclass(slots=True)
class Section:
    """One m= section of an offer. `rids`: simulcast layers the peer offers to send, in its order of preference."""

    kind: str
    protocol: str
    port: int
    formats: list[str]
    mid: str = ""
    direction: str = "sendrecv"
    rtcp_mux: bool = False
    extmap_mixed: bool = False
    codecs: dict[int, Codec] = field(default_factory=dict)
    extensions: dict[Extension, int] = field(default_factory=dict)
    rids: list[str] = field(default_factory=list)
    ssrcs: list[int] = field(default_factory=list)
    pairs: list[tuple[int, int]] = field(default_factory=list)  # (media, RTX) by ssrc-group:FID
    ufrag: str = ""
    password: str = ""
    setup: str = ""
    fingerprints: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Offer:
    """A whole offer; ICE and DTLS facts are those of the first section of the bundle (RFC 9143)."""

    ufrag: str
    password: str
    setup: str
    fingerprints: list[tuple[str, str]]
    sections: list[Section]
    extmap_mixed: bool = False  # extensions longer than 16 bytes may be sent (RFC 8285 section 6)


def parse_offer(text: str) -> Offer:
    """Raises SdpError with what is wrong."""
    if len(text) > SIZE_LIMIT_BYTES:
        raise SdpError("the description is too long")
    if not text.startswith("v=0"):
        raise SdpError("not a session description")
    session = Section("session", "", 0, [])
    sections: list[Section] = []
    bundle: list[str] | None = None
    for line in text.splitlines():
        if line.startswith("m="):
            if len(sections) >= SECTION_LIMIT:
                raise SdpError("too many media sections")
            sections.append(_media(line))
            continue
        if not line.startswith("a="):
            continue
        name, _, value = line[2:].strip().partition(":")
        if name == "group" and value.startswith("BUNDLE"):
            bundle = value.split()[1:]
            continue
        try:
            _attribute(sections[-1] if sections else session, name, value.strip())
        except (ValueError, IndexError) as exc:
            raise SdpError(f"malformed attribute {name[:32] if name.isascii() else ''}") from exc
    return _checked(session, sections, bundle)


def _media(line: str) -> Section:
    parts = line[2:].split()
    if len(parts) < 4 or not parts[1].partition("/")[0].isdigit():
        raise SdpError("malformed media line")
    if not all(_TOKEN.fullmatch(part) for part in parts) or len(parts) > CODEC_LIMIT + 3:
        raise SdpError("malformed media line")
    section = Section(parts[0], parts[2], int(parts[1].partition("/")[0][:6]), parts[3:])
    if section.kind in ("audio", "video"):
        for payload_type in parts[3:]:
            if not payload_type.isdigit() or int(payload_type) > 127:
                raise SdpError("malformed payload type")
    return section


def _attribute(section: Section, name: str, value: str) -> None:
    if name in ("sendrecv", "sendonly", "recvonly", "inactive"):
        section.direction = name
    elif name == "mid":
        _require(_TOKEN.fullmatch(value) is not None and len(value) <= 16)
        section.mid = value
    elif name == "rtcp-mux":
        section.rtcp_mux = True
    elif name == "extmap-allow-mixed":
        section.extmap_mixed = True
    elif name == "ice-ufrag":
        _require(4 <= len(value) <= 256 and _TOKEN.fullmatch(value) is not None)
        section.ufrag = value
    elif name == "ice-pwd":
        _require(22 <= len(value) <= 256 and _TOKEN.fullmatch(value) is not None)
        section.password = value
    elif name == "setup":
        section.setup = value
    elif name == "fingerprint":
        algorithm, digest = value.split()
        section.fingerprints.append((algorithm.lower(), digest.upper()))
    elif name == "rtpmap":
        number, mapping = value.split()
        _require(len(section.codecs) < CODEC_LIMIT and len(mapping) <= 64 and 0 <= int(number) <= 127)
        _require(mapping.count("/") in (1, 2) and all(part.isdigit() for part in mapping.split("/")[1:]))
        section.codecs[int(number)] = Codec(int(number), mapping.partition("/")[0].lower(), mapping)
    elif name == "fmtp":
        number, _, parameters = value.partition(" ")
        if int(number) in section.codecs:
            _require(len(parameters) <= 512 and parameters.isprintable())
            section.codecs[int(number)].fmtp = parameters.strip()
    elif name == "rtcp-fb":
        number, _, feedback = value.partition(" ")
        for codec in section.codecs.values() if number == "*" else [section.codecs.get(int(number))]:
            if codec is not None and len(codec.feedback) < 16:
                codec.feedback.append(feedback)
    elif name == "extmap":
        number, uri = value.split()[:2]
        identifier = int(number.partition("/")[0])
        # Ids over 14 would need two-byte headers towards viewers too.
        if uri in BY_URI and 1 <= identifier <= 14:
            section.extensions.setdefault(BY_URI[uri], identifier)
    elif name == "simulcast":
        parts = value.split()
        if "send" in parts:
            # Alternatives within one layer ("a,b") are written in the peer's order; a paused one has a tilde.
            layers = parts[parts.index("send") + 1].split(";")
            section.rids = [_rid(layer.split(",")[0].lstrip("~")) for layer in layers][:SECTION_LIMIT]
    elif name == "ssrc":
        ssrc = _ssrc(value.split()[0])
        if ssrc not in section.ssrcs and len(section.ssrcs) < 16:
            section.ssrcs.append(ssrc)
    elif name == "ssrc-group" and value.startswith("FID "):
        media, resend = value.split()[1:3]
        if len(section.pairs) < 8:
            section.pairs.append((_ssrc(media), _ssrc(resend)))


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError


def _rid(text: str) -> str:
    _require(_RID.fullmatch(text) is not None)
    return text


def _ssrc(text: str) -> int:
    ssrc = int(text)
    _require(0 <= ssrc < 1 << 32)
    return ssrc


def _checked(session: Section, sections: list[Section], bundle: list[str] | None) -> Offer:
    if not sections:
        raise SdpError("no media section")
    mids = [section.mid for section in sections]
    if len(set(mids)) != len(mids) or (len(sections) > 1 and "" in mids):
        raise SdpError("each media section needs its own mid")
    if len(sections) > 1 and (bundle is None or any(mid not in bundle for mid in mids)):
        raise SdpError("all media must be bundled")
    first = sections[0]
    offer = Offer(
        first.ufrag or session.ufrag,
        first.password or session.password,
        first.setup or session.setup or "actpass",
        first.fingerprints or session.fingerprints,
        sections,
        session.extmap_mixed or all(section.extmap_mixed for section in sections),
    )
    if not offer.ufrag or not offer.password:
        raise SdpError("ice-ufrag and ice-pwd are missing")
    if not offer.fingerprints:
        raise SdpError("the DTLS fingerprint is missing")
    if offer.setup not in ("actpass", "active", "passive"):
        raise SdpError("setup must be actpass, active or passive")
    for section in sections:
        if section.kind in ("audio", "video") and section.port and not section.rtcp_mux:
            raise SdpError("rtcp-mux is required")
        for codec in list(section.codecs.values()):
            original = codec.parameters().get("apt", "") if codec.name == "rtx" else ""
            if original.isdigit() and int(original) in section.codecs:
                section.codecs[int(original)].rtx = codec.payload_type
    return offer


@dataclass(frozen=True, slots=True)
class Fragment:
    """A trickle fragment (RFC 8840). Empty strings where it names no credentials. Candidates are not needed by a
    lite agent, which learns addresses from checks."""

    ufrag: str
    password: str


def parse_fragment(text: str) -> Fragment:
    """Raises SdpError when it is malformed."""
    if len(text) > SIZE_LIMIT_BYTES:
        raise SdpError("the fragment is too long")
    holder = Section("session", "", 0, [])
    known = False
    for line in text.splitlines():
        if line[:2] not in ("a=", "m=", ""):
            raise SdpError("not a trickle fragment")
        if not line.startswith("a="):
            continue
        known = True
        name, _, value = line[2:].strip().partition(":")
        if name in ("ice-ufrag", "ice-pwd"):
            try:
                _attribute(holder, name, value.strip())
            except ValueError as exc:
                raise SdpError(f"malformed attribute {name}") from exc
    if not known:
        raise SdpError("not a trickle fragment")
    if bool(holder.ufrag) != bool(holder.password):
        raise SdpError("ice-ufrag and ice-pwd belong together")
    return Fragment(holder.ufrag, holder.password)


@dataclass(slots=True)
class AnswerSection:
    """One m= section of an answer. `codec` None: refused. `stream`: set when we send (our SSRCs are then told)."""

    offered: Section
    codec: Codec | None = None
    direction: str = "inactive"
    extensions: dict[Extension, int] = field(default_factory=dict)
    feedback: list[str] = field(default_factory=list)
    rids: list[str] = field(default_factory=list)
    fmtp: str = ""
    ssrc: int = 0
    rtx_ssrc: int = 0  # 0: lost packets are sent again as they were
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What an answer says of our end. `addresses`: (host, port) candidates, best first."""

    ufrag: str
    password: str
    fingerprint: str
    setup: str
    addresses: Sequence[tuple[str, int]]
    session_number: int
    extmap_mixed: bool = False
    tcp_port: int | None = None  # None: UDP alone


def candidates(addresses: Sequence[tuple[str, int]], tcp_port: int | None = None) -> list[str]:
    """Host candidates (RFC 8839) in falling priority; those over TCP wait for the peer to connect (RFC 6544)."""
    lines = [
        f"a=candidate:{index + 1} 1 udp {2130706431 - 256 * index} {host} {port} typ host" for index, (host, port) in enumerate(addresses)
    ]
    if tcp_port is not None:
        lines += [
            f"a=candidate:{len(addresses) + index + 1} 1 tcp {_TCP_PRIORITY - 256 * index} {host} {tcp_port} typ host tcptype passive"
            for index, (host, _) in enumerate(addresses)
        ]
    return lines


def write_answer(sections: Sequence[AnswerSection], end: Endpoint) -> str:
    host, port = end.addresses[0]
    family = "IP6" if ":" in host else "IP4"
    bundled = " ".join(section.offered.mid for section in sections if section.codec)
    lines = [
        "v=0",
        f"o=- {end.session_number} 1 IN {family} {host}",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        f"a=group:BUNDLE {bundled}",
        "a=msid-semantic: WMS *",
    ]
    if end.extmap_mixed:
        lines.append("a=extmap-allow-mixed")
    for section in sections:
        offered, codec = section.offered, section.codec
        if codec is None:
            refused = " ".join(offered.formats[:1])
            lines += [f"m={offered.kind} 0 {offered.protocol} {refused}", "c=IN IP4 0.0.0.0", "a=inactive"]
            if offered.mid:
                lines.append(f"a=mid:{offered.mid}")
            continue
        types = [codec.payload_type] + ([codec.rtx] if codec.rtx is not None else [])
        lines += [
            f"m={offered.kind} {port} {offered.protocol} {' '.join(map(str, types))}",
            f"c=IN {family} {host}",
            f"a=ice-ufrag:{end.ufrag}",
            f"a=ice-pwd:{end.password}",
            f"a=fingerprint:sha-256 {end.fingerprint}",
            f"a=setup:{end.setup}",
            f"a=mid:{offered.mid}",
            f"a={section.direction}",
            "a=rtcp-mux",
            "a=rtcp-rsize",
        ]
        lines += [f"a=extmap:{number} {URIS[extension]}" for extension, number in section.extensions.items()]
        lines.append(f"a=rtpmap:{codec.payload_type} {codec.rtpmap}")
        lines += [f"a=rtcp-fb:{codec.payload_type} {feedback}" for feedback in section.feedback]
        if section.fmtp:
            lines.append(f"a=fmtp:{codec.payload_type} {section.fmtp}")
        if codec.rtx is not None:
            lines += [f"a=rtpmap:{codec.rtx} rtx/{codec.clock_hz}", f"a=fmtp:{codec.rtx} apt={codec.payload_type}"]
        if section.rids:
            lines += [f"a=rid:{rid} recv" for rid in section.rids]
            lines.append("a=simulcast:recv " + ";".join(section.rids))
        if section.stream:
            lines.append(f"a=msid:{section.stream} {section.stream}-{offered.kind}")
            sources = [section.ssrc] + ([section.rtx_ssrc] if section.rtx_ssrc else [])
            if section.rtx_ssrc:
                lines.append(f"a=ssrc-group:FID {section.ssrc} {section.rtx_ssrc}")
            lines += [f"a=ssrc:{ssrc} cname:{section.stream}" for ssrc in sources]
        lines += [*candidates(end.addresses, end.tcp_port), "a=end-of-candidates"]
    return "\r\n".join(lines) + "\r\n"


def write_fragment(ufrag: str, password: str, addresses: Sequence[tuple[str, int]], tcp_port: int | None = None) -> str:
    """The answer to an ICE restart (RFC 9725 section 4.3.3)."""
    lines = ["a=ice-lite", f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}", *candidates(addresses, tcp_port), "a=end-of-candidates"]
    return "\r\n".join(lines) + "\r\n"
