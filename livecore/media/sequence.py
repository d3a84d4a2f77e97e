"""Numbers that wrap on the wire, widened once on arrival to integers that only grow."""


class Widener:
    """Turns an n-bit wire number into the nearest integer to the highest one seen.

    The first number is placed one full cycle above zero, so that late packets from before it stay positive.
    A step of less than half a cycle forward is progress; anything else is an older number.
    """

    __slots__ = ("_half", "_modulus", "highest")

    def __init__(self, bits: int) -> None:
        self._modulus = 1 << bits
        self._half = self._modulus >> 1
        self.highest: int | None = None  # None before the first number

    def __call__(self, wire: int) -> int:
        highest = self.highest
        if highest is None:
            self.highest = wire + self._modulus
            return self.highest
        delta = (wire - highest) % self._modulus
        if delta < self._half:
            self.highest = highest + delta
            return self.highest
        return highest + delta - self._modulus

    def nearest(self, wire: int) -> int:
        """Like a call, but the highest number stays as it is (for numbers told by reports)."""
        if self.highest is None:
            return wire + self._modulus
        delta = (wire - self.highest) % self._modulus
        return self.highest + (delta if delta < self._half else delta - self._modulus)
