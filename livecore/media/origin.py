"""HLS streams as a main process serves them: state from the recorder's events, bytes from the recorder's files.

Nothing is done for each viewer but to write: whoever waits for the same thing gets the same bytes, made once, head of the answer
included. `ask` says what is there now or what to wait for; `wait` calls back when it comes. Both edges use them: the plain route
and the short way past it (`livecore/rest/hls_front.py`).
"""

import asyncio
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from livecore.media.hls_demand import Asked
from livecore.media.playlist import Facts, Stream
from livecore.platform import ipc

log = structlog.get_logger("hls")

PLAYLIST = "media.m3u8"
PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
MEDIA_TYPE = "video/mp4"
# RFC 8216bis, 6.2.5.2: a blocked reload is given up after three target durations.
WAIT_TARGETS = 3
# A request for what lies further ahead is a fault of the player (6.2.5.2).
AHEAD_LIMIT = 2
# Who waits is answered in groups, between which the loop has its turn: a thousand writes take some 15 ms.
WAKE_GROUP = 128
# Who begins to play a live that nobody played waits so many part targets at most for what its worker holds back: a part comes at once from then on.
BEGIN_PARTS = 1.5
# 6.2.5.2 and appendix B.1: an answer to a blocked reload is good for six target durations, another only for a moment.
BLOCKED_TARGETS = 6

_PART = re.compile(r"p(\d{1,9})\.(\d{1,4})\.m4s")
_SEGMENT = re.compile(r"s(\d{1,9})\.m4s")
_INIT = re.compile(r"init(\d{1,9})\.mp4")
_NUMBER = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP/1.1 answer. `raw` is what goes over the wire; the fields say the same for whoever writes by other means."""

    status: int
    media_type: str
    cache_control: str
    body: bytes
    raw: bytes
    retry_after_s: int | None = None


_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}


def _answer(status: int, media_type: str, cache_control: str, body: bytes, retry_after_s: int | None = None) -> Answer:
    retry = f"Retry-After: {retry_after_s}\r\n" if retry_after_s is not None else ""
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
        f"Cache-Control: {cache_control}\r\n{retry}Access-Control-Allow-Origin: *\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    return Answer(status, media_type, cache_control, body, head.encode() + body, retry_after_s)


def _refusal(status: int, word: str, title: str, retry_after_s: int | None = None) -> Answer:
    body = f'{{"type":"/problems/{word}","title":"{title}","status":{status}}}'.encode()
    return _answer(status, "application/problem+json", "max-age=1" if status == 404 else "no-store", body, retry_after_s)


NOT_THERE = _refusal(404, "not_found", "There is no such segment")
TOO_FAR_AHEAD = _refusal(400, "too_far_ahead", "That lies too far in the future")
BAD_DIRECTIVE = _refusal(400, "malformed", "_HLS_msn, _HLS_part or _HLS_skip is malformed")
NOT_IN_TIME = _refusal(503, "not_in_time", "It did not come in time", 1)
TOO_MANY_WAIT = _refusal(503, "too_many_wait", "Too many wait here already", 1)

# What can be waited for: ("playlist", msn, part, skip) with None for what was not said, or ("part", msn, part).
Target = tuple[str, int | None, int | None, bool]
OnAnswer = Callable[[Answer], None]


class _Served:
    """One stream and who waits for it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.waiting: dict[Target, list[tuple[float, OnAnswer]]] = {}
        self.waiting_count = 0
        self.playlists: dict[tuple[bool, bool], Answer] = {}  # by (skip, blocked), of the version below
        self.playlists_version = -1
        self.asked = Asked(stream.facts.target_s)
        self.beginning: list[asyncio.Future[None]] = []  # who waits for the next event, to begin with it


class Origin:
    """Args:
    directory: the recorder's segments.
    waiting_limit: how many requests may wait in one stream.
    cache_bytes: parts and segments kept in memory.
    """

    def __init__(self, directory: Path, waiting_limit: int, cache_bytes: int) -> None:
        self.to_recorder: Callable[[ipc.Message], object] = lambda _message: None  # while it is away, nobody hears
        self._directory = directory
        self._waiting_limit = waiting_limit
        self._cache_bytes = cache_bytes
        self._served: dict[str, _Served] = {}
        self._cache: OrderedDict[tuple[str, str], Answer] = OrderedDict()
        self._cached_bytes = 0
        self.counts: dict[str, int] = {
            "playlists": 0,
            "parts": 0,
            "segments": 0,
            "inits": 0,
            "waited": 0,
            "late": 0,
            "refused": 0,
            "bytes": 0,
        }

    # -- what the recorder tells

    def on_message(self, message: ipc.Message) -> None:
        stream_id = str(message.get("s"))
        try:
            if message["t"] == "hls_state":
                self._on_state(stream_id, message)
            elif message["t"] == "hls_gone":
                self._on_gone(stream_id)
            else:
                self._on_events(stream_id, message)
        except (KeyError, ValueError, IndexError, TypeError) as fault:
            # The peer is ours: what it told is not to be relied on any more.
            log.error("hls_event_malformed", stream=stream_id, error=type(fault).__name__)
            self._on_gone(stream_id)

    def _on_state(self, stream_id: str, message: ipc.Message) -> None:
        facts = Facts(message["live"], message["publication"], message["target_s"], message["part_target_s"], message["window_s"])
        stream = Stream(facts)
        stream.next_msn, stream.discontinuities_gone = message["msn"], message["discontinuities"]
        known = self._served.get(stream_id)
        if known is None:
            self._served[stream_id] = _Served(stream)
        else:
            known.stream, known.playlists_version = stream, -1
            # A recorder that has just begun knows of nobody.
            known.asked = Asked(stream.facts.target_s)

    def _on_events(self, stream_id: str, message: ipc.Message) -> None:
        served = self._served.get(stream_id)
        if served is None:
            return
        for event in message["e"]:
            served.stream.apply(event)
        for begun in served.beginning:
            if not begun.done():
                begun.set_result(None)
        if served.waiting:
            self._wake(stream_id, served)

    def _on_gone(self, stream_id: str) -> None:
        served = self._served.pop(stream_id, None)
        if served is not None:
            for target in list(served.waiting):
                self._release(served, target, NOT_THERE)
        for key in [key for key in self._cache if key[0] == stream_id]:
            self._cached_bytes -= len(self._cache.pop(key).raw)

    # -- what viewers ask

    def stream(self, stream_id: str) -> Stream | None:
        served = self._served.get(stream_id)
        return served.stream if served is not None else None

    async def begin(self, stream_id: str) -> None:
        """Somebody is about to play this: when nobody did, the newest is fetched first, so that they begin at it."""
        served, now = self._served.get(stream_id), time.monotonic()
        if served is None or served.stream.is_ended or served.asked.is_fresh(now):
            return
        self._tell_asked(served, now)
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        served.beginning.append(begun)
        try:
            await asyncio.wait([begun], timeout=BEGIN_PARTS * served.stream.facts.part_target_s)
        finally:
            served.beginning.remove(begun)

    def _tell_asked(self, served: _Served, now: float) -> None:
        if served.asked.is_due(now):
            self.to_recorder({"t": "asked", "publication": served.stream.facts.publication})

    def ask(self, stream_id: str, name: str, query: Mapping[str, str]) -> Answer | Target | None:
        """What is there; what has to be waited for; or None: it lies on the disk (`load`)."""
        served = self._served.get(stream_id)
        if served is None:
            return NOT_THERE
        if name == PLAYLIST:
            return self._ask_playlist(served, query)
        part = _PART.fullmatch(name)
        if part is not None:
            target: Target = ("part", int(part[1]), int(part[2]), False)
            ready = self._ready(stream_id, served, target)
            if ready is None and (target[1], target[2]) != served.stream.hint:
                # Only the part that was hinted at is waited for.
                return NOT_THERE
            return ready if ready is not None else target
        cached = self._cached(stream_id, name)
        if cached is None and not (_SEGMENT.fullmatch(name) or _INIT.fullmatch(name)):
            return NOT_THERE
        return cached

    def _ask_playlist(self, served: _Served, query: Mapping[str, str]) -> Answer | Target:
        self._tell_asked(served, time.monotonic())
        msn, part, skip = query.get("_HLS_msn"), query.get("_HLS_part"), query.get("_HLS_skip")
        if (
            (part is not None and msn is None)
            or any(n is not None and not _NUMBER.fullmatch(n) for n in (msn, part))
            or skip not in (None, "YES", "v2")
        ):
            return BAD_DIRECTIVE
        if msn is not None and not served.stream.is_ended and int(msn) > served.stream.hint[0] + AHEAD_LIMIT:
            return TOO_FAR_AHEAD
        target: Target = ("playlist", int(msn) if msn is not None else None, int(part) if part is not None else None, skip is not None)
        return self._playlist(served, target) or target

    def wait(self, stream_id: str, target: Target, on_answer: OnAnswer) -> None:
        """Call back once, within three target durations; at once when too many wait."""
        served = self._served.get(stream_id)
        if served is None:
            on_answer(NOT_THERE)
            return
        if served.waiting_count >= self._waiting_limit:
            self.counts["refused"] += 1
            on_answer(TOO_MANY_WAIT)
            return
        served.waiting_count += 1
        self.counts["waited"] += 1
        deadline = time.monotonic() + WAIT_TARGETS * served.stream.facts.target_s
        served.waiting.setdefault(target, []).append((deadline, on_answer))

    def _wake(self, stream_id: str, served: _Served) -> None:
        for target in list(served.waiting):
            answer = self._playlist(served, target) if target[0] == "playlist" else self._ready(stream_id, served, target)
            if answer is not None:
                self._release(served, target, answer)
            elif target[0] == "part" and served.stream.hint[0] > (target[1] or 0):
                # The segment ended before that part: what was hinted at will never be.
                self._release(served, target, NOT_THERE)

    def _release(self, served: _Served, target: Target, answer: Answer) -> None:
        waiting = served.waiting.pop(target)
        served.waiting_count -= len(waiting)
        self._call(waiting, answer)

    def _call(self, waiting: list[tuple[float, OnAnswer]], answer: Answer) -> None:
        for _, on_answer in waiting[:WAKE_GROUP]:
            on_answer(answer)
        if len(waiting) > WAKE_GROUP:
            asyncio.get_running_loop().call_soon(self._call, waiting[WAKE_GROUP:], answer)

    def sweep(self, now: float) -> None:
        """Answer those who have waited for too long. Call once a second."""
        for served in self._served.values():
            for target, waiting in list(served.waiting.items()):
                late = [entry for entry in waiting if entry[0] <= now]
                if not late:
                    continue
                self.counts["late"] += len(late)
                served.waiting[target] = [entry for entry in waiting if entry[0] > now]
                served.waiting_count -= len(late)
                if not served.waiting[target]:
                    del served.waiting[target]
                self._call(late, NOT_IN_TIME)

    # -- making answers

    def _playlist(self, served: _Served, target: Target) -> Answer | None:
        _, msn, part, skip = target
        stream = served.stream
        if not stream.is_playable or (msn is not None and not stream.has(msn, part)):
            return None
        if served.playlists_version != stream.version:
            served.playlists, served.playlists_version = {}, stream.version
        key = skip, msn is not None
        answer = served.playlists.get(key)
        if answer is None:
            age = BLOCKED_TARGETS * stream.facts.target_s if msn is not None and not stream.is_ended else 1
            answer = served.playlists[key] = _answer(200, PLAYLIST_TYPE, f"max-age={age}", stream.playlist(skip).encode())
        self.counts["playlists"] += 1
        self.counts["bytes"] += len(answer.raw)
        return answer

    def _ready(self, stream_id: str, served: _Served, target: Target) -> Answer | None:
        """A part, None when it is not there. It was written a moment ago: reading it does not reach the disk."""
        _, msn, number, _ = target
        assert msn is not None
        assert number is not None
        name = f"p{msn}.{number}.m4s"
        answer = self._cached(stream_id, name)
        if answer is not None:
            return answer
        segment = served.stream.find(msn)
        if segment is None or number >= len(segment.parts):
            return None
        part = segment.parts[number]
        try:
            data = _read(self._directory / stream_id / f"{msn}.m4s", part.offset, part.size)
        except OSError:
            return NOT_THERE
        return self._keep(stream_id, name, data, served.stream.facts, "parts")

    async def load(self, stream_id: str, name: str) -> Answer:
        """A segment or an initialisation segment, from the disk."""
        served = self._served.get(stream_id)
        segment_name, init_name = _SEGMENT.fullmatch(name), _INIT.fullmatch(name)
        if served is None:
            return NOT_THERE
        if segment_name:
            segment = served.stream.find(int(segment_name[1]))
            if segment is None or segment is served.stream.current or segment.is_gap:
                return NOT_THERE
            path, size, kind = self._directory / stream_id / f"{segment.msn}.m4s", segment.size, "segments"
        elif init_name and int(init_name[1]) in served.stream.inits:
            init = served.stream.inits[int(init_name[1])]
            path, size, kind = self._directory / stream_id / f"init{init.number}.mp4", init.size, "inits"
        else:
            return NOT_THERE
        try:
            data = await asyncio.to_thread(_read, path, 0, size)
        except OSError:
            return NOT_THERE
        return self._keep(stream_id, name, data, served.stream.facts, kind)

    def _cached(self, stream_id: str, name: str) -> Answer | None:
        answer = self._cache.get((stream_id, name))
        if answer is not None:
            self._cache.move_to_end((stream_id, name))
            self.counts["bytes"] += len(answer.raw)
            self.counts[{"p": "parts", "s": "segments", "i": "inits"}[name[0]]] += 1
        return answer

    def _keep(self, stream_id: str, name: str, data: bytes, facts: Facts, kind: str) -> Answer:
        # A number is never used twice, so what is under it never changes.
        answer = _answer(200, MEDIA_TYPE, f"max-age={round(facts.window_s)}, immutable", data)
        self.counts[kind] += 1
        self.counts["bytes"] += len(answer.raw)
        self._cache[stream_id, name] = answer
        self._cached_bytes += len(answer.raw)
        while self._cached_bytes > self._cache_bytes and len(self._cache) > 1:
            _, oldest = self._cache.popitem(last=False)
            self._cached_bytes -= len(oldest.raw)
        return answer

    @property
    def waiting(self) -> int:
        return sum(served.waiting_count for served in self._served.values())

    @property
    def streams(self) -> int:
        return len(self._served)


def _read(path: Path, offset: int, size: int) -> bytes:
    """Raises OSError, also when the file is shorter than it was said to be."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        data = os.pread(descriptor, size, offset)
    finally:
        os.close(descriptor)
    if len(data) != size:
        raise OSError(f"{path.name} is too short")
    return data
