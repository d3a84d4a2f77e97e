"""`livecore bench chat`: what a delivery, a connection and a connect cost the server, and how long a message takes.

Scenarios: `live` is a live's room of N members in which a few talk; `direct` is pairs of accounts that write to one another,
each message stored, acknowledged and confirmed; `plain` is any Socket.IO server that puts a socket into a room on one event
and sends another on to the room.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from bench import loopback, node_peer, processes, seeding, serving, storm
from bench.latency import Latencies
from bench.load import LoadFailed, LoadProcess, do_all, load_processes, share
from bench.report import Column, Report, ratio
from bench.screen import Screen
from bench.serving import Person, Server

# Signing up costs an argon2 hash each: many sockets share these accounts where that changes nothing.
ACCOUNTS_FOR_ROOMS = 8
CONNECTION_TIMEOUT_S = 0.05
# What connects and joins leave to be done (presence, memory put in order) is over by then.
SETTLED_AFTER_S = 3.0
COLUMNS: list[Column] = [
    ("server", "server", 0),
    ("scenario", "scenario", 0),
    ("members", "members", 0),
    ("rate", "messages/s", 0),
    ("deliveries", "deliveries", 0),
    ("missing", "missing", 0),
    ("settled", "all came in time", 0),
    ("deliveries_per_cpu_s", "deliveries per CPU-s", 0),
    ("delay.p50_ms", "p50 ms", 2),
    ("delay.p95_ms", "p95 ms", 2),
    ("delay.p99_ms", "p99 ms", 2),
    ("answer.p99_ms", "ack p99 ms", 2),
    ("sign_ins_per_s", "sign-ins/s", 1),
    ("p99_to_quiet", "p99 to quiet", 2),
    ("kb_per_connection", "KB/connection", 1),
    ("connects_per_cpu_s", "connects per CPU-s", 0),
    ("idle_cpu_percent", "idle, % of a core", 2),
]
PLOT: dict[str, Any] = {
    "label": "label",
    "bars": ("deliveries_per_cpu_s", "deliveries per server CPU-second"),
    "lines": [("delay.p50_ms", "p50"), ("delay.p95_ms", "p95"), ("delay.p99_ms", "p99")],
}


@dataclass(frozen=True)
class ChatOptions:
    """`rate`: messages a second in all rooms together. `loads`: processes that put the load on.

    `versus_node`: beside livecore, with and without its native helper, Node's server by turns. `settle_s`: between the sign-ups and
    the first connection; an account that has just changed is asked for in the store. `distinct`: each connection to a live's room
    has an account of its own, which the server has never heard of, instead of one of a few that many share. `storm`: each rate is
    measured twice, without and with so many people signing in at once all the time. `idle_s`: how long the connections
    say nothing first, for what they cost then (pings included).
    """

    scenario: str = "live"
    url: str = ""
    pid: int = 0
    data_dir: Path | None = None
    members: Sequence[int] = (100, 1000)
    rates: Sequence[float] = (20.0,)
    rooms: int = 1
    seconds: float = 5.0
    text_bytes: int = 100
    loads: int = 1
    pin: bool = True
    join_event: str = "join"
    say_event: str = "say"
    path: str = "/socket.io/"
    versus_node: bool = False
    native: str = "auto"
    settle_s: float = 0.0
    distinct: bool = False
    idle_s: float = 0.0
    storm: int = 0


@contextlib.asynccontextmanager
async def _server(options: ChatOptions, cores: set[int]) -> AsyncIterator[Server]:
    if options.versus_node and options.scenario == "plain":
        async with node_peer.node(cores) as server:
            yield server
        return
    if not options.url:
        async with serving.livecore(cores, native=options.native) as server:
            yield server
        return
    loopback.check_url(options.url)
    if options.scenario != "plain" and options.data_dir is None:
        raise LoadFailed(
            "a running livecore's accounts need the codes in its outbox: give --data-dir (or --scenario plain for another server)"
        )
    yield Server(options.url.rstrip("/"), [options.pid] if options.pid else [], options.data_dir)


def _contestants(options: ChatOptions) -> list[tuple[str, ChatOptions]]:
    if not options.versus_node:
        return [(options.url or "livecore", options)]
    return [
        ("livecore", options),
        ("livecore, pure Python", replace(options, native="off")),
        ("Node's Socket.IO", replace(options, scenario="plain")),
    ]


async def run(options: ChatOptions, screen: Screen) -> Report:
    """Measure each number of members at each rate. Raises LoadFailed or NotLoopback."""
    parameters = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(options).items()}
    report = Report("chat", parameters)
    report.notes.append("delay: from the sender's call to the reading by a member, by the clock of the load side; its own queue is in it.")
    server_cores, load_cores = processes.split_cores() if options.pin else (set[int](), set[int]())
    # A storm comes from this process.
    with processes.pinned(load_cores):
        for members in options.members if options.versus_node else [None]:
            for name, chosen in _contestants(options):
                some = chosen if members is None else replace(chosen, members=[members])
                await _run_one(name, some, report, screen, server_cores, load_cores)
    return report


async def _run_one(name: str, options: ChatOptions, report: Report, screen: Screen, server_cores: set[int], load_cores: set[int]) -> None:
    async with _server(options, server_cores) as server, load_processes("chat_load", options.loads, load_cores) as loads:
        people: list[Person] = []
        stormy: list[Person] = []
        for members in options.members:
            wanted = _accounts_wanted(options, members)
            if len(people) < wanted:
                with screen.stage(f"{wanted - len(people)} accounts", wanted - len(people)) as advance:
                    people += await serving.sign_up(server, wanted - len(people), advance)
                await asyncio.sleep(options.settle_s)
            if options.storm and not stormy:
                stormy = await serving.sign_up(server, storm.ACCOUNTS, lambda _made: None)
            there = people
            if options.distinct and options.scenario == "live" and not options.url and server.data_dir is not None:
                there = people + await asyncio.to_thread(seeding.seed, server.data_dir, members - len(people))
            point = _Point(options, server, loads, there, members, screen)
            point.facts["server"] = name
            await point.open()
            try:
                for rate in options.rates:
                    report.results.append(await point.talk(rate))
                    if options.storm:
                        report.results.append(await point.talk_in_storm(rate, stormy, report.results[-1]))
            finally:
                await point.close()
    if server.pids == []:
        report.notes.append("CPU and memory are missing: --pid names the server's process.")


def _accounts_wanted(options: ChatOptions, members: int) -> int:
    if options.scenario == "plain":
        return 0
    return members if options.scenario == "direct" else min(members, ACCOUNTS_FOR_ROOMS)


class _Point:
    """One number of members: connected and joined once, talked in at each rate."""

    def __init__(
        self, options: ChatOptions, server: Server, loads: list[LoadProcess], people: list[Person], members: int, screen: Screen
    ) -> None:
        self.options = options
        self.server = server
        self.loads = loads
        self.people = people
        self.members = members
        self.screen = screen
        self.facts: dict[str, Any] = {"scenario": options.scenario, "members": members, "rooms": options.rooms}
        self.talking: dict[str, Any] = {}

    async def open(self) -> None:
        await self._connect()
        if self.options.scenario == "direct":
            await self._meet()
        else:
            await self._join()
        if self.options.idle_s:
            await self._idle(self.options.idle_s)

    async def _idle(self, idle_s: float) -> None:
        await asyncio.sleep(SETTLED_AFTER_S)
        before = self.server.sample()
        await asyncio.sleep(idle_s)
        self.facts["idle_cpu_percent"] = round(100 * (self.server.sample().cpu_s() - before.cpu_s()) / idle_s, 2)

    async def close(self) -> None:
        await do_all(self.loads, "close", [{}] * len(self.loads), 30.0)

    def _timeout_s(self) -> float:
        return 30.0 + self.members * CONNECTION_TIMEOUT_S

    async def _connect(self) -> None:
        options, counts = self.options, share(self.members, len(self.loads))
        tokens: list[dict[str, str] | None] = [{"token": person.access} for person in self.people]
        tokens = tokens or [None]
        auths = [tokens[index % len(tokens)] for index in range(self.members)]
        jobs, first = [], 0
        timed = 1 if options.scenario == "direct" else max(1, self.members // 200)
        for count in counts:
            jobs.append({"url": self.server.url, "path": options.path, "auths": auths[first : first + count], "timed": timed})
            first += count
        reached = [0] * len(jobs)
        before = self.server.sample()
        with self.screen.stage(f"{self.members} connections", self.members) as advance:

            def told(index: int, said: dict[str, Any]) -> None:
                reached[index] = said["connected"]
                advance(sum(reached))

            done = await do_all(self.loads, "connect", jobs, self._timeout_s(), told)
        after = self.server.sample()
        took = Latencies()
        for each in done:
            took.merge(each["took"])
        self.facts["connect"] = took.summary()
        if self.server.pids:
            self.facts["connects_per_cpu_s"] = ratio(self.members, after.cpu_s() - before.cpu_s())
            self.facts["kb_per_connection"] = round((after.rss_bytes() - before.rss_bytes()) / 1024 / self.members, 2)

    async def _join(self) -> None:
        options = self.options
        if options.scenario == "plain":
            names = [f"room-{index}" for index in range(options.rooms)]
            join: dict[str, Any] = {"event": options.join_event, "payload": "$room", "acked": False}
            self.talking = {"event": options.say_event, "payload": {"room": "$room", "text": "$text"}, "acked": False, "all_speak": False}
        else:
            names = await self._lives()
            join = {"event": "live:join", "payload": {"live": "$room"}, "acked": True}
            self.talking = {"event": "live:say", "payload": {"live": "$room", "body": "$text"}, "acked": True, "all_speak": False}
        offsets, offset = [], 0
        for count in share(self.members, len(self.loads)):
            offsets.append(offset)
            offset += count
        jobs = [{**join, "rooms": names, "offset": offset} for offset in offsets]
        with self.screen.stage("joining", self.members) as advance:
            await do_all(self.loads, "join", jobs, self._timeout_s(), lambda _index, said: advance(said["joined"]))

    async def _lives(self) -> list[str]:
        async with aiohttp.ClientSession(self.server.url) as http:
            made = [
                await serving.call(
                    http,
                    "POST",
                    "/api/v1/lives",
                    {"title": f"Bench {index}", "visibility": "everyone", "record": False},
                    token=self.people[index % ACCOUNTS_FOR_ROOMS % len(self.people)].access,
                    status=201,
                )
                for index in range(self.options.rooms)
            ]
        return [live["id"] for live in made]

    async def _meet(self) -> None:
        """Conversations between neighbours in a ring of accounts; both speak in each."""
        people = self.people[: self.members]
        places: list[list[str]] = [[] for _ in people]
        pairs = [(one, (one + step) % len(people)) for step in range(1, len(people) // 2 + 1) for one in range(len(people))]
        pairs = list({frozenset(pair): pair for pair in pairs if pair[0] != pair[1]}.values())[: max(self.options.rooms, len(people) // 2)]
        async with aiohttp.ClientSession(self.server.url) as http:
            with self.screen.stage(f"{len(pairs)} conversations", len(pairs)) as advance:
                for number, (one, other) in enumerate(pairs):
                    body = {"kind": "direct", "members": [people[other].username]}
                    await serving.befriend(http, people[one], people[other])
                    made = await serving.call(http, "POST", "/api/v1/conversations", body, token=people[one].access)
                    places[one].append(made["id"])
                    places[other].append(made["id"])
                    advance(number + 1)
        self.facts["rooms"] = len(pairs)
        jobs, first = [], 0
        for count in share(self.members, len(self.loads)):
            jobs.append({"rooms": places[first : first + count]})
            first += count
        await do_all(self.loads, "members", jobs, 10.0)
        receipts = {"heard": "message:new", "event": "message:received"}
        await do_all(self.loads, "receipts", [receipts] * len(self.loads), 10.0)
        payload = {"conversation": "$room", "client_id": "$id", "body": "$text"}
        self.talking = {"event": "message:send", "payload": payload, "acked": True, "all_speak": True}

    async def talk(self, rate: float) -> dict[str, Any]:
        options = self.options
        # In a room the first process's members speak and all listen; pairs speak in every process.
        everywhere = options.scenario == "direct" or options.rooms >= len(self.loads) * 2
        rates = [rate / len(self.loads)] * len(self.loads) if everywhere else [rate] + [0.0] * (len(self.loads) - 1)
        warm = min(0.5, options.seconds / 4)
        common = {**self.talking, "text_bytes": options.text_bytes}
        warming = [{**common, "rate": max(each, 0) and max(1.0, min(each, 50.0)), "seconds": warm} for each in rates]
        each_one: list[dict[str, Any]] = [{}] * len(self.loads)
        await do_all(self.loads, "begin", each_one, 10.0)
        await do_all(self.loads, "talk", warming, 60.0 + options.seconds)
        await do_all(self.loads, "settle", each_one, 30.0)
        jobs = [{**common, "rate": each, "seconds": options.seconds} for each in rates]
        with self.screen.stage(f"{self.members} members, {rate:g} messages/s", rate * options.seconds) as advance:
            heard = [0] * len(jobs)

            def told(index: int, said: dict[str, Any]) -> None:
                heard[index] = said["sent"]
                p99 = said["p99_ms"]
                advance(sum(heard), "" if p99 is None else f"p99 {p99:.1f} ms")

            await do_all(self.loads, "begin", each_one, 10.0)
            before = self.server.sample()
            talked = await do_all(self.loads, "talk", jobs, 60.0 + options.seconds * 3, told)
            settled = await do_all(self.loads, "settle", each_one, 30.0)
            after = self.server.sample()
        done = [one | other for one, other in zip(talked, settled, strict=True)]
        return (
            self.facts | {"rate": rate, "label": f"{self.members} members\n{rate:g}/s" + self._whose()} | self._result(done, before, after)
        )

    async def talk_in_storm(self, rate: float, people: Sequence[Person], quiet: dict[str, Any]) -> dict[str, Any]:
        """As `talk`, while people sign in; what it does to the delays of `quiet`."""
        async with storm.sign_ins(self.server, people, self.options.storm) as going:
            result = await self.talk(rate)
            per_s = going.per_s()
        p99_ms, quiet_ms = result["delay"]["p99_ms"], quiet["delay"]["p99_ms"]
        return result | {
            "label": f"{result['label']}\nin a storm",
            "storm": self.options.storm,
            "sign_ins_per_s": round(per_s, 1),
            "p99_to_quiet": ratio(p99_ms, quiet_ms) if p99_ms is not None and quiet_ms is not None else None,
        }

    def _whose(self) -> str:
        return f"\n{self.facts['server']}" if self.options.versus_node else ""

    def _result(self, done: list[dict[str, Any]], before: processes.Sample, after: processes.Sample) -> dict[str, Any]:
        sent, deliveries = sum(each["sent"] for each in done), sum(each["deliveries"] for each in done)
        refusals: dict[str, int] = {}
        delays, answers = Latencies(), Latencies()
        for each in done:
            delays.merge(each["delays"])
            answers.merge(each["answers"])
            for why, count in each["refusals"].items():
                refusals[why] = refusals.get(why, 0) + count
        accepted = sent - sum(refusals.values())
        each_reaches = 1.0 if self.options.scenario == "direct" else self.members / self.options.rooms
        result: dict[str, Any] = {
            "sent": sent,
            "accepted": accepted,
            "deliveries": deliveries,
            "missing": max(0, round(accepted * each_reaches) - deliveries),
            # False: the server was still at it when the wait ended, and what is missing is late rather than lost.
            "settled": all(each["settled"] for each in done),
            "held_back": sum(each["held_back"] for each in done),
            "lost_connections": sum(each["lost_connections"] for each in done),
            "refusals": refusals,
            "delay": delays.summary(),
        }
        if answers.count:
            result["answer"] = answers.summary()
        if self.server.pids:
            cpu_s = after.cpu_s() - before.cpu_s()
            result["cpu_s"] = round(cpu_s, 3)
            result["cpu_by_role"] = after.cpu_by_role(before)
            result["deliveries_per_cpu_s"] = ratio(deliveries, cpu_s)
        return result
