"""What a peer reads from an answer (RFC 8829, RFC 8839), as little of it as it needs."""

from dataclasses import dataclass, field

from bench.offer import TWCC_URI


@dataclass
class Answered:
    """What an answer says that a peer needs."""

    ufrag: str = ""
    password: str = ""
    fingerprints: list[tuple[str, str]] = field(default_factory=list)
    setup: str = "passive"
    address: tuple[str, int] | None = None  # the best candidate over UDP
    addresses: list[tuple[str, int]] = field(default_factory=list)  # all of them
    payload_types: dict[str, int] = field(default_factory=dict)  # kind → the chosen one
    ssrcs: dict[str, int] = field(default_factory=dict)  # kind → the server's
    rtx_ssrcs: dict[str, int] = field(default_factory=dict)
    rtx_types: dict[str, int] = field(default_factory=dict)
    transport_id: int = 0  # of the transport-wide number in video packets; 0 where its feedback was not agreed


def read_answer(text: str) -> Answered:
    answered, kind, asked, transport_id = Answered(), "", False, 0
    for line in text.splitlines():
        if line.startswith("m="):
            kind = line[2:].split()[0]
            parts = line.split()
            if parts[1] != "0":
                answered.payload_types[kind] = int(parts[3])
        name, _, value = line.removeprefix("a=").partition(":")
        if name == "ice-ufrag":
            answered.ufrag = value
        elif name == "ice-pwd":
            answered.password = value
        elif name == "fingerprint":
            algorithm, digest = value.split()
            answered.fingerprints = [(algorithm, digest)]
        elif name == "setup":
            answered.setup = value
        elif name == "candidate" and " udp " in value.lower():
            parts = value.split()
            answered.addresses.append((parts[4], int(parts[5])))
            answered.address = answered.addresses[0]
        elif name == "fmtp" and " apt=" in value:
            answered.rtx_types.setdefault(kind, int(value.split()[0]))
        elif name == "rtcp-fb" and kind == "video" and value.endswith(" transport-cc"):
            asked = True
        elif name == "extmap" and kind == "video" and value.endswith(TWCC_URI):
            transport_id = int(value.split()[0].partition("/")[0])
        elif name == "ssrc-group" and value.startswith("FID "):
            answered.rtx_ssrcs[kind] = int(value.split()[2])
        elif name == "ssrc" and kind not in answered.ssrcs:
            answered.ssrcs[kind] = int(value.split()[0])
    answered.transport_id = transport_id if asked else 0
    return answered
