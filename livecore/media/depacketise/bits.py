"""Reading bit fields of codec headers, with every read checked against the end."""

from livecore.media.depacketise.frame import Malformed

# An Exp-Golomb code of a 32-bit value has at most 32 leading zeros (ITU-T H.264, 9.1).
_GOLOMB_ZEROS_LIMIT = 32
# AV1 limits leb128 to eight bytes (AV1 specification, 4.10.5).
_LEB128_LIMIT_BYTES = 8


class BitReader:
    """Big-endian bits of `data` from its first byte on. Every method raises Malformed("truncated") at the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self.left = len(data) * 8

    def bits(self, count: int) -> int:
        """The next `count` bits as an unsigned number."""
        if count > self.left:
            raise Malformed("truncated")
        self.left -= count
        return (self._value >> self.left) & ((1 << count) - 1)

    def unsigned_golomb(self) -> int:
        """ue(v) of H.264, 9.1. Raises Malformed("golomb") when longer than 32 bits."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > _GOLOMB_ZEROS_LIMIT:
                raise Malformed("golomb")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed_golomb(self) -> int:
        """se(v) of H.264, 9.1.1."""
        code = self.unsigned_golomb()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def read_leb128(data: bytes, position: int) -> tuple[int, int]:
    """The leb128 number at `position` and the position after it. Raises Malformed."""
    value = 0
    for index in range(_LEB128_LIMIT_BYTES):
        if position >= len(data):
            raise Malformed("truncated")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            return value, position
    raise Malformed("leb128")


def write_leb128(value: int) -> bytes:
    """`value` as leb128 in as few bytes as possible."""
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)
