"""Engine.IO 4 packets and polling payloads. Pure: text and bytes in, packets out."""

import base64
import binascii
from dataclasses import dataclass

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0", "1", "2", "3", "4", "5", "6"
# Between packets of a payload.
SEPARATOR = "\x1e"
# Packets in one payload; a longer one is an attempt to make us work for nothing.
PAYLOAD_PACKETS_LIMIT = 512


class BadPacket(ValueError):
    """Not a packet of this protocol: the connection ends."""


@dataclass(frozen=True, slots=True)
class Packet:
    """`data` of a MESSAGE is text, or bytes when it came as binary."""

    type: str
    data: str | bytes = ""

    @property
    def text(self) -> str:
        """As it stands in a payload."""
        if isinstance(self.data, bytes):
            return "b" + base64.b64encode(self.data).decode()
        return self.type + self.data


def decode(text: str) -> Packet:
    """One text packet. Raises BadPacket."""
    if not text or text[0] not in "0123456":
        raise BadPacket("an unknown packet type")
    return Packet(text[0], text[1:])


def decode_payload(payload: str) -> list[Packet]:
    """Raises BadPacket."""
    parts = payload.split(SEPARATOR)
    if len(parts) > PAYLOAD_PACKETS_LIMIT:
        raise BadPacket("too many packets")
    packets = []
    for part in parts:
        if part.startswith("b"):
            try:
                packets.append(Packet(MESSAGE, base64.b64decode(part[1:], validate=True)))
            except binascii.Error as exc:
                raise BadPacket("not base64") from exc
        else:
            packets.append(decode(part))
    return packets


def encode_payload(packets: list[Packet]) -> str:
    return SEPARATOR.join(packet.text for packet in packets)
