"""A recorder killed again and again, wherever it is: starting, repairing, writing a file and segments. Nothing but the last second is lost."""

import asyncio
import functools
import itertools
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.record import runs
from livecore.media.settings import MESSAGE_S
from livecore.platform import ipc
from tests.hls.test_recorder_streams import Desk, opening
from tests.recording import packetise, tools
from tests.recording.packetise import Sent
from tests.recording.reading import decode
from tests.waiting import until

SECONDS = 8.0
# What a kill may cost, and the little that is longer than its packets say.
LOST_S = 1.0
# Part by part, while somebody plays.
PART_S = 0.2
# Before a part is sure to be there: a second passes before the line is settled where reports are late.
LEAST_S = 1.5


@functools.cache
def coded(codec: str) -> tuple[list[tuple[float, bytes, bool]], list[tuple[float, bytes]]]:
    return packetise.coded_video(codec, SECONDS, gop=30), packetise.coded_audio(SECONDS)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    try:
        yield desk
    finally:
        desk.close()


def messages(codec: str, start_s: float, message_s: float) -> list[tuple[float, ipc.Message]]:
    """What a worker sends, and how many seconds of the stream have been sent with it."""
    video, audio = coded(codec)
    packets: list[Sent] = [*packetise.video_packets(codec, video), *packetise.audio_packets(audio)]
    packets.sort(key=lambda sent: sent.at)
    found: list[tuple[float, ipc.Message]] = []
    for index, group in itertools.groupby(packets, key=lambda sent: int(sent.at / message_s)):
        found.append(((index + 1) * message_s, {"t": "rtp", "r": "rec1", "p": runs(group, start_s)}))
    reports = [
        {"t": "sr", "r": "rec1", "track": track, "ntp": 3_900_000_000 << 32, "rtp": at} for track, at in ((0, 0xFFFFF000), (1, 12345))
    ]
    return [found[0], *((message_s, report) for report in reports), *found[1:]]


async def begin(desk: Desk, codec: str, message_s: float) -> ipc.Connection:
    message = opening("file", "hls") if message_s == PART_S else opening("file")
    message["tracks"][0]["codec"] = codec
    worker = await desk.worker()
    worker.send(message)
    return worker


async def kill_somewhere(desk: Desk, codec: str, message_s: float, dice: random.Random) -> float:
    """Answers how many seconds of the stream the recorder had surely read when it was killed."""
    await desk.start()
    worker = await begin(desk, codec, message_s)
    known_s = 0.0
    last_s = dice.uniform(LEAST_S, SECONDS - 1.5)
    for sent_s, message in messages(codec, asyncio.get_running_loop().time(), message_s):
        worker.send(message)
        if not known_s and sent_s >= last_s:
            await worker.request({"t": "stats"})
            known_s = sent_s
        elif known_s and dice.random() < 0.3:
            break
    # The rest is on its way, or being written.
    await asyncio.sleep(dice.random() * 0.03)
    await desk.kill()
    return known_s


@pytest.mark.parametrize(
    ("codec", "seed", "kills", "message_s"),
    [
        ("h264", 0, 2, PART_S),
        ("h264", 4, 1, MESSAGE_S),
        ("vp8", 5, 1, MESSAGE_S),
        *(
            pytest.param(codec, seed, 8, message_s, marks=pytest.mark.deep)
            for codec in ("h264", "vp8")
            for message_s in (PART_S, MESSAGE_S)
            for seed in range(3)
        ),
    ],
)
async def test_kills_at_any_moment_cost_at_most_the_last_second(desk: Desk, codec: str, seed: int, kills: int, message_s: float) -> None:
    """A message that waits to be sent is lost too, so what the recorder has read may lack only what is left of a second."""
    may_lose_s = LOST_S - message_s
    dice = random.Random(seed)
    known_s: list[float] = []
    for _ in range(kills):
        known_s.append(await kill_somewhere(desk, codec, message_s, dice))
        if dice.random() < 0.4:
            # And once more while it repairs what the last kill left.
            await desk.start()
            await asyncio.sleep(dice.random() * 0.3)
            await desk.kill()
    await desk.start()
    worker = await begin(desk, codec, message_s)
    for _, message in messages(codec, asyncio.get_running_loop().time(), message_s):
        worker.send(message)
    worker.send({"t": "close", "r": "rec1", "reason": "ended"})
    known_s.append(SECONDS)
    parts = await until(lambda: told_parts(desk) if len(told_parts(desk)) == len(known_s) else None, "every part", 30)
    assert parts is not None
    for part, (number, sure_s) in zip(parts, enumerate(known_s), strict=True):
        path = Path(part["path"])
        assert (part["part"], part["reason"]) == (number, "ended" if number == kills else "interrupted")
        assert tools.streams_of(path) == [codec, "opus"]
        assert tools.complaints_of(path) == ""
        read = decode(path)
        assert read.duration_s == pytest.approx(part["duration_s"])
        assert sure_s - may_lose_s <= min(read.video_s[-1], read.audio_s[-1]), (number, sure_s, read.video_s[-1], read.audio_s[-1])
    if codec != "vp8" and message_s == PART_S:
        await until(lambda: desk.stream is not None and desk.stream.is_ended, "the end of the stream")
        stream = desk.stream
        assert stream is not None
        assert [segment.msn for segment in stream.segments] == list(range(stream.next_msn))
        pictures = await desk.watched()
        assert len(pictures) == len(known_s)
        assert all(count / 30 >= sure_s - may_lose_s for count, sure_s in zip(pictures, known_s, strict=True)), (pictures, known_s)


def told_parts(desk: Desk) -> list[ipc.Message]:
    """What was told as finished, once for each part."""
    return [message for _, message in sorted({m["part"]: m for m in desk.told if m["t"] == "finished"}.items())]
