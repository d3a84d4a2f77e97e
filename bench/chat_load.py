"""The load side of the chat bench: connections that join rooms, talk at a steady rate, and count what comes.

Payloads are templates: `$room` becomes the room's name, `$text` the marked text, `$id` an id that no other message has.
"""

import asyncio
import contextlib
import itertools
import resource
import secrets
import time
from typing import Any

from bench import socketio_client
from bench.latency import Latencies
from bench.load import Handler, LoadFailed, Progress
from bench.socketio_client import Client

CONNECT_AT_ONCE = 100
# More unanswered messages than this, and the server is not keeping up: then the talk waits, and says how often.
UNANSWERED_LIMIT = 2000
# After the talk: wait until nothing has come for this long (a busy machine stops a process for half a second), but no longer than the limit.
QUIET_S = 1.0
QUIET_LIMIT_S = 10.0
PROGRESS_S = 0.25
# Of a room talk so many in turn: each has a line of its own at the server, and a person does not say 200 things a second.
SPEAKERS = 20


def fill(template: Any, words: dict[str, str]) -> Any:
    """A payload: the template with its words in place."""
    if isinstance(template, str):
        return words.get(template, template)
    if isinstance(template, dict):
        return {key: fill(value, words) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, words) for value in template]
    return template


def marked_text(size_bytes: int) -> str:
    text = socketio_client.stamp()
    return text + "." * (size_bytes - len(text))


class ChatLoad:
    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.timing: list[Client] = []
        self.rooms: dict[str, list[Client]] = {}  # those in it that may talk
        self.delays = Latencies()
        self.answers = Latencies()
        self.refusals: dict[str, int] = {}
        self.answered = 0
        self.sent = 0
        self._marks = 0

    async def connect(self, given: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """`auths`: one for each connection; every `timed`-th connection reads and times what it gets, the others count."""
        took = Latencies()
        auths: list[Any] = given["auths"]
        self.clients = []
        numbers = iter(range(len(auths)))
        made: dict[int, Client] = {}

        async def some() -> None:
            for number in numbers:
                started = time.perf_counter()
                try:
                    made[number] = await socketio_client.connect(given["url"], auths[number], path=given["path"])
                except (socketio_client.Refused, OSError, TimeoutError) as exc:
                    raise LoadFailed(f"connection {number + 1} of {len(auths)}: {str(exc) or type(exc).__name__}") from exc
                took.add((time.perf_counter() - started) * 1e3)
                if len(made) % 20 == 0:
                    progress({"connected": len(made)})

        await asyncio.gather(*(some() for _ in range(min(CONNECT_AT_ONCE, len(auths)))))
        self.clients = [made[number] for number in range(len(auths))]
        self.timing = self.clients[:: max(1, given["timed"])]
        for client in self.timing:
            client.on_delay = self.delays.add
        progress({"connected": len(made)})
        return {"connected": len(made), "took": took.tell()}

    async def join(self, given: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Connection i joins `rooms[i % n]`. `acked`: whether the server answers."""
        names: list[str] = given["rooms"]
        timing = set(map(id, self.timing))
        places = iter(list(enumerate(self.clients)))
        joined = 0

        async def some() -> None:
            nonlocal joined
            for index, client in places:
                name = names[(index + given["offset"]) % len(names)]
                payload = fill(given["payload"], {"$room": name})
                if given["acked"]:
                    _check(await client.call(given["event"], payload))
                else:
                    client.emit(given["event"], payload)
                joined += 1
                if id(client) in timing:
                    self.rooms.setdefault(name, []).append(client)
                else:
                    client.count_only()
                if joined % 50 == 0:
                    progress({"joined": joined})

        try:
            await asyncio.gather(*(some() for _ in range(CONNECT_AT_ONCE)))
        except OSError as exc:
            raise LoadFailed(f"joining: {exc}") from exc
        return {"joined": joined}

    async def receipts(self, given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """Each client tells `event` with the number of every message that comes, as a device does."""

        def confirm(client: Client, heard: str, event: str) -> None:
            def on_event(name: str, data: Any) -> None:
                if name == heard:
                    client.emit(event, {"conversation": data["conversation"], "seq": data["seq"]})

            client.on_event = on_event

        for client in self.clients:
            confirm(client, given["heard"], given["event"])
        return {}

    async def members(self, given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """Who talks where, without joining: `rooms` names for each connection the conversations that it speaks in."""
        self.rooms = {}
        for client, names in zip(self.clients, given["rooms"], strict=True):
            for name in names:
                self.rooms.setdefault(name, []).append(client)
        return {}

    async def begin(self, _given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """From here on deliveries count. Every process begins before any talks, and settles after all have talked."""
        self._marks = sum(client.marks for client in self.clients)
        self.delays, self.answers, self.refusals, self.answered, self.sent = Latencies(), Latencies(), {}, 0, 0
        for client in self.timing:
            client.on_delay = self.delays.add
        return {}

    async def talk(self, given: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """`rate`: messages a second, in all rooms of this process together, at even distances; 0 only listens."""
        self.sent, held_back = await self._talk(given, progress)
        return {"sent": self.sent, "held_back": held_back}

    async def settle(self, _given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """What came since `begin`, once nothing comes any more."""
        settled = await self._quiet(self.sent)
        return {
            "settled": settled,
            "answered": self.answered,
            "deliveries": sum(client.marks for client in self.clients) - self._marks,
            "lost_connections": sum(client.closed for client in self.clients),
            "refusals": self.refusals,
            "delays": self.delays.tell(),
            "answers": self.answers.tell(),
        }

    async def _talk(self, given: dict[str, Any], progress: Progress) -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        started, seconds, rate = loop.time(), given["seconds"], given["rate"]
        if not rate or not self.rooms:
            return 0, 0
        speakers = itertools.cycle([(name, speaker) for name, clients in self.rooms.items() for speaker in clients[:SPEAKERS]])
        if given["all_speak"]:
            speakers = itertools.cycle([(name, speaker) for name, clients in self.rooms.items() for speaker in clients])
        sent, held_back, told_at = 0, 0, started
        total = round(rate * seconds)
        while sent < total:
            now = loop.time()
            if now - started > seconds * 2 + 1:
                break
            due = min(total, int((now - started) * rate) + 1)
            while sent < due:
                if sent - self.answered > UNANSWERED_LIMIT and given["acked"]:
                    held_back += 1
                    break
                name, client = next(speakers)
                self._say(client, given, name)
                sent += 1
            if now - told_at > PROGRESS_S:
                told_at = now
                progress({"sent": sent, "p99_ms": self.delays.percentile(0.99)})
            await asyncio.sleep(max(0.001, started + sent / rate - loop.time()))
        return sent, held_back

    def _say(self, client: Client, given: dict[str, Any], name: str) -> None:
        words = {"$room": name, "$text": marked_text(given["text_bytes"]), "$id": secrets.token_hex(16)}
        payload = fill(given["payload"], words)
        try:
            if not given["acked"]:
                client.emit(given["event"], payload)
                self.answered += 1
                return
            answer = client.emit_acked(given["event"], payload)
        except ConnectionError:
            self._refused("connection lost")
            self.answered += 1
            return
        started = time.perf_counter()

        def on_answer(future: "asyncio.Future[Any]") -> None:
            self.answered += 1
            self.answers.add((time.perf_counter() - started) * 1e3)
            if future.cancelled() or future.exception() is not None:
                self._refused("connection lost")
            elif isinstance(told := future.result(), dict) and told.get("ok") is False:
                self._refused(str(told.get("error", {}).get("type", "refused")).rpartition("/")[2])

        answer.add_done_callback(on_answer)

    def _refused(self, why: str) -> None:
        self.refusals[why] = self.refusals.get(why, 0) + 1

    async def _quiet(self, sent: int) -> bool:
        """Whether it became quiet within the limit."""
        loop = asyncio.get_running_loop()
        deadline, before, since = loop.time() + QUIET_LIMIT_S, -1, loop.time()
        while loop.time() < deadline:
            marks = sum(client.marks for client in self.clients)
            if marks != before:
                before, since = marks, loop.time()
            elif loop.time() - since > QUIET_S and self.answered >= sent:
                return True
            await asyncio.sleep(0.05)
        return False

    async def close(self, _given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        for client in self.clients:
            with contextlib.suppress(ConnectionError):
                client.close()
        self.clients, self.timing, self.rooms = [], [], {}
        return {}


def _check(answer: Any) -> None:
    if isinstance(answer, dict) and answer.get("ok") is False:
        error = answer.get("error", {})
        raise LoadFailed(f"the server refused: {error.get('type')} {error.get('detail') or error.get('title') or ''}")


def handlers() -> dict[str, Handler]:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    load = ChatLoad()
    return {
        "connect": load.connect,
        "join": load.join,
        "members": load.members,
        "receipts": load.receipts,
        "begin": load.begin,
        "talk": load.talk,
        "settle": load.settle,
        "close": load.close,
    }
