"""A player as RFC 8216bis describes one, over plain HTTP: it blocks on the next part and fetches what was hinted at."""

import re
import time
from dataclasses import dataclass, field
from typing import Any

from tests.people import Person
from tests.serving import Answer

ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')


@dataclass
class Playlist:
    """What a media playlist says. `parts`: (msn, index) → URI, in order."""

    text: str
    first: int = 0
    segments: dict[int, str] = field(default_factory=dict)
    parts: dict[tuple[int, int], str] = field(default_factory=dict)
    maps: list[str] = field(default_factory=list)
    hint: str = ""
    skipped: int = 0
    discontinuities: int = 0

    @property
    def newest(self) -> tuple[int, int]:
        return max(self.parts)

    @property
    def next(self) -> tuple[int, int]:
        """What the hint names."""
        msn, part = re.fullmatch(r"p(\d+)\.(\d+)\.m4s", self.hint).groups()  # type: ignore[union-attr]
        return int(msn), int(part)

    @property
    def is_ended(self) -> bool:
        return self.text.endswith("#EXT-X-ENDLIST\n")


def parse(text: str) -> Playlist:
    out = Playlist(text)
    msn = part = 0
    for line in text.splitlines():
        attributes = (
            {name: value.strip('"') for name, value in ATTRIBUTE.findall(line.partition(":")[2])} if line.startswith("#EXT") else {}
        )
        if line.startswith("#EXT-X-MEDIA-SEQUENCE:"):
            out.first = msn = int(line.partition(":")[2])
        elif line.startswith("#EXT-X-SKIP:"):
            out.skipped = int(attributes["SKIPPED-SEGMENTS"])
            msn += out.skipped
        elif line.startswith("#EXT-X-MAP:"):
            out.maps.append(attributes["URI"])
        elif line.startswith("#EXT-X-PART:"):
            out.parts[msn, part] = attributes["URI"]
            part += 1
        elif line.startswith("#EXT-X-PRELOAD-HINT:"):
            out.hint = attributes["URI"]
        elif line == "#EXT-X-DISCONTINUITY":
            out.discontinuities += 1
        elif line and not line.startswith("#"):
            out.segments[msn] = line
            msn, part = msn + 1, 0
    return out


class Player:
    """`open` finds the media playlist; everything after it is fetched without a header that says who asks."""

    def __init__(self, viewer: Person, live: dict[str, Any]) -> None:
        self.viewer = viewer
        self.live = live
        self.place = ""  # where the media playlist and its parts lie

    async def open(self) -> "Player":
        answer = await self.viewer.server.call("GET", self.live["hls"])
        assert answer.status == 200, answer
        self.multivariant = answer.body.decode()
        uri = next(line for line in self.multivariant.splitlines() if line and not line.startswith("#"))
        self.place = uri.rpartition("/")[0]
        return self

    async def get(self, name: str, **query: Any) -> Answer:
        return await self.viewer.server.call("GET", f"{self.place}/{name}", params={key: str(value) for key, value in query.items()})

    async def playlist(self, **query: Any) -> Playlist:
        answer = await self.get("media.m3u8", **query)
        assert answer.status == 200, answer
        return parse(answer.body.decode())

    async def after(self, known: Playlist) -> Playlist:
        """The next one, once there is a part more."""
        msn, part = known.next
        return await self.playlist(_HLS_msn=msn, _HLS_part=part)

    async def bytes(self, name: str) -> bytes:
        answer = await self.get(name)
        assert answer.status == 200, answer
        assert answer.headers["Content-Type"] == "video/mp4"
        return answer.body


async def timed(awaitable: Any) -> tuple[float, Any]:
    began = time.monotonic()
    out = await awaitable
    return time.monotonic() - began, out
