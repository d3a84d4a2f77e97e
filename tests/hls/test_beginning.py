"""A live that nobody played: what the first player gets, and what a kill costs meanwhile."""

import json
import random
import re
import signal
import time
from datetime import datetime
from statistics import median
from typing import Any

import psutil

from tests.conftest import StartServer
from tests.flows.broadcast import Broadcast
from tests.hls.player import Player, Playlist
from tests.serving import Server
from tests.waiting import until

# performance.md: low-latency HLS from glass to glass.
GLASS_S = 1.2


async def nobody_plays(server: Server) -> None:
    """Parts have stopped to come at once: six seconds after the live's begin, with segments of a second."""

    def told() -> bool:
        metrics = server.app.metrics.render()[0]
        return b"livecore_recorder_hls_streams 1.0" in metrics and b"livecore_recorder_hls_at_once 0.0" in metrics

    await until(told, "nobody to play", 40)


def newest_s(known: Playlist) -> float:
    """The Unix time of the end of the newest part."""
    at, found = 0.0, 0.0
    for line in known.text.splitlines():
        if line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            at = found = datetime.fromisoformat(line.partition(":")[2].replace("Z", "+00:00")).timestamp()
        elif line.startswith("#EXTINF:"):
            at = found = at + float(line[8:].rstrip(","))
        elif line.startswith("#EXT-X-PART:"):
            # Those of a whole segment stand before its EXTINF, which counts them again from the same place.
            found += float(re.findall(r"DURATION=([0-9.]+)", line)[0])
    return found


async def test_07_the_first_player_of_a_live_begins_at_its_newest_and_stays_within_the_promise(start_server: StartServer) -> None:
    server = await start_server(media=True, hls_segment_s=1)
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna, codec="h264", record=False).start()
    try:
        await nobody_plays(server)
        player = await Player(ben, dict((await ben.get(f"/api/v1/lives/{broadcast.id}")).json)).open()
        known = await player.playlist()
        hold_back_s = float(re.findall(r"PART-HOLD-BACK=([0-9.]+)", known.text)[0])
        # A player starts so far behind the newest part, and is shown each next one as it comes.
        behind_s = [time.time() - newest_s(known)]
        for _ in range(10):
            fresh = await player.after(known)
            assert fresh.newest > known.newest
            assert newest_s(fresh) > newest_s(known)
            # Part by part: what came at once would be a leap for whoever plays at the hold-back.
            assert newest_s(fresh) - newest_s(known) < 2.5 * 0.224
            behind_s.append(time.time() - newest_s(fresh))
            known = fresh
        assert median(behind_s) + hold_back_s < GLASS_S, behind_s
        assert behind_s[0] + hold_back_s < GLASS_S, behind_s
        # It pauses, and goes on after the live has been left alone: from where it was, with no number lost.
        await nobody_plays(server)
        again = await player.after(known)
        assert again.newest > known.newest
        assert again.first <= known.newest[0]
    finally:
        await broadcast.end()


async def test_07_a_kill_of_the_recorder_while_nobody_plays_costs_at_most_a_second(start_server: StartServer) -> None:
    server = await start_server(media=True, hls_segment_s=1)
    anna = await server.person("anna")
    broadcast = await Broadcast(anna, codec="h264").start()
    try:
        await nobody_plays(server)
        # In the middle of whatever it does.
        await broadcast.send_more(random.Random().randrange(90))
        recorder = next(child for child in psutil.Process().children(recursive=True) if "recorder" in child.cmdline())
        recorder.send_signal(signal.SIGKILL)
        killed_s = broadcast.newest_s
        part = json.loads(next(server.settings.recordings_dir.glob("*.0.json")).read_bytes())

        async def repaired() -> dict[str, Any] | None:
            videos = (await anna.get("/api/v1/videos")).json["items"]
            return next((video for video in videos if video["status"] == "ready"), None)

        video = await until(repaired, "what the kill left to be a video", 40)
        assert video is not None
        lost_s = killed_s - part["started_at_ms"] / 1000 - video["duration_s"]
        assert -0.1 < lost_s <= 1.0, lost_s
    finally:
        await broadcast.end()
