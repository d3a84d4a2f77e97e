"""Members of a room that can be written to without asking, spoken to in one form. In pure Python one call of the transport each;
with the native sender one call for all, beside the transport.

What goes beside a transport must not overtake what the transport still holds. So a member that was written to otherwise leaves the
native way until its transport is empty again.
"""

from array import array
from collections.abc import Callable
from typing import Any

from livecore.native import FanOut


class Group:
    """Rows that belong together; the last one takes the place of one that goes."""

    __slots__ = ("_descriptors", "_fan_out", "_native", "_places", "_touched", "_writes", "members")

    def __init__(self, fan_out: FanOut | None) -> None:
        self._fan_out = fan_out
        self.members: list[Any] = []
        self._writes: list[Callable[[bytes], None]] = []
        self._descriptors = array("i")  # as they are; -1: none
        self._native = array("i")  # as they may be used now
        self._places: dict[Any, int] = {}
        self._touched: set[Any] = set()  # those whose transport may hold something

    def __len__(self) -> int:
        return len(self.members)

    def __contains__(self, member: Any) -> bool:
        return member in self._places

    def add(self, member: Any, write: Callable[[bytes], None], descriptor: int) -> None:
        self._places[member] = len(self.members)
        self.members.append(member)
        self._writes.append(write)
        if self._fan_out is not None:
            self._descriptors.append(descriptor)
            self._native.append(-1)
            self._touched.add(member)

    def remove(self, member: Any) -> None:
        place = self._places.pop(member, None)
        if place is None:
            return
        self._touched.discard(member)
        columns: list[Any] = [self.members, self._writes]
        if self._fan_out is not None:
            columns += [self._descriptors, self._native]
        for column in columns:
            last = column.pop()
            if place < len(column):
                column[place] = last
        if place < len(self.members):
            self._places[self.members[place]] = place

    def touch(self, member: Any) -> None:
        """Something was written to its transport."""
        if self._fan_out is not None:
            place = self._places.get(member)
            if place is not None:
                self._native[place] = -1
                self._touched.add(member)

    def everybody(self) -> list[Any]:
        """Who is here now, for a write that takes several turns."""
        return self.members.copy()

    def write(self, frame: bytes, everybody: list[Any], start: int, count: int) -> list[Any]:
        """Write to that part of `everybody`; answers those that are not in this group any more."""
        self._restore()
        gone: list[Any] = []
        if len(everybody) <= count and self.members == everybody:
            targets, writes, native = everybody, self._writes.copy(), self._native
        else:
            part = everybody[start : start + count]
            gone = [member for member in part if member not in self._places]
            targets = [member for member in part if member in self._places]
            places = [self._places[member] for member in targets]
            writes = [self._writes[place] for place in places]
            native = array("i", [self._native[place] for place in places] if self._fan_out is not None else [])
        if self._fan_out is not None:
            # In the transport's own way for those that did not take all of it. A dead socket shows by that too.
            shorts = self._fan_out.send(native, frame) if targets else []
            for short in shorts:
                self.touch(targets[short.place])
            for short in shorts:
                writes[short.place](frame[short.taken_bytes :])
        else:
            for write in writes:
                write(frame)
        return gone

    def _restore(self) -> None:
        """Back to the native way for those whose transport is empty."""
        for member in list(self._touched) if self._touched else ():
            if member.link.is_drained():
                place = self._places[member]
                self._native[place] = self._descriptors[place]
                self._touched.discard(member)
