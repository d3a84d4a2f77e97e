"""Processes that die: what the others notice of it, on the program as an operator starts it."""

import contextlib
import os
import signal

import psutil
import pytest

from tests.conftest import StartProgram
from tests.flows.broadcast import Broadcast, watch
from tests.waiting import until


async def test_a_media_worker_that_dies_comes_back_and_chat_does_not_notice(program: StartProgram) -> None:
    server = await program()
    anna, ben = await server.person("anna"), await server.person("ben")
    socket = await ben.connect()
    broadcast = await Broadcast(anna).start()
    first = await watch(ben, broadcast.id)
    await until(lambda: first.received > 50, "pictures")
    worker = server.child("media")
    worker.send_signal(signal.SIGKILL)
    await broadcast.stop()
    first.close()
    # The same right to publish works on the new process, within the time that a publisher has to come back.
    await broadcast.publish()
    again = await watch(ben, broadcast.id)
    await until(lambda: again.received > 50, "pictures from the new worker")
    assert server.child("media").pid != worker.pid
    assert socket.connected
    assert (await anna.get(f"/api/v1/lives/{broadcast.id}")).json["state"] == "live"
    await broadcast.end()
    again.close()
    await socket.close()


async def test_a_recorder_that_dies_finishes_its_file_when_it_is_back(program: StartProgram) -> None:
    server = await program()
    anna = await server.person("anna")
    broadcast = await Broadcast(anna).start()
    await broadcast.send_more(250)
    server.child("recorder").send_signal(signal.SIGKILL)
    await until(lambda: server.log().count("recording_started") == 2, "the recorder to go on in a next part")
    await broadcast.send_more(150)
    assert (await anna.get(f"/api/v1/lives/{broadcast.id}")).json["state"] == "live"
    await broadcast.end()

    async def videos() -> list[object]:
        found = (await anna.get("/api/v1/videos")).json["items"]
        return found if len(found) == 2 and all(video["status"] == "ready" for video in found) else []

    # What was written before the kill, and what came after it.
    assert await until(videos, "both parts to be videos", 40)


async def test_everything_killed_at_once_loses_at_most_the_last_second(program: StartProgram) -> None:
    server = await program()
    anna = await server.person("anna")
    broadcast = await Broadcast(anna).start()
    await broadcast.send_more(500)
    sent_s = broadcast.sent["audio"] * 0.02
    await server.kill()
    await broadcast.stop()
    await server.start()
    await anna.sign_in()
    replay = await broadcast.replay()
    assert replay["duration_s"] > sent_s - 2.5, (replay["duration_s"], sent_s)


async def test_nobody_serves_unsupervised(program: StartProgram) -> None:
    server = await program()
    children = server.tree()[1:]
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    await server.process.wait()

    def ended() -> bool:
        alive = 0
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                alive += child.is_running() and child.status() != psutil.STATUS_ZOMBIE
        return alive == 0

    # Main processes are told by the kernel; the others find no main process for ten seconds.
    await until(ended, "all processes to end", 40)


async def test_a_second_server_on_the_same_data_is_refused(program: StartProgram) -> None:
    server = await program()
    second = type(server)(server.data_dir)
    second.log_path = server.data_dir.parent / "second.log"
    with pytest.raises(AssertionError, match="another livecore runs"):
        await second.start()
    await second.stop()
