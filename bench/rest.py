"""`livecore bench rest`: what a request costs the server, and whether that grows with what is stored."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from bench import processes, seed
from bench.latency import Latencies
from bench.load import LoadFailed
from bench.report import Column, Report, ratio
from bench.screen import Screen
from bench.serving import Server, livecore, sign_up

AUTHORS = 20
CONTACTS = 20_000
CONNECTIONS = 4
DEEP_PAGES = 100
# Between two looks at how long somebody else's request takes, and how many looks a quiet server gets.
LOOK_EVERY_S = 0.005
LOOKS = 200

NAMES = (
    ("me", "GET /me"),
    ("home_first", "home, page 1"),
    ("home_deep", f"home, page {DEEP_PAGES}"),
    ("by_time_deep", f"discover by time, page {DEEP_PAGES}"),
    ("discover_first", "discover ranked, page 1"),
    ("discover_next", "discover ranked, page 2"),
    ("discover_deep", f"discover ranked, page {DEEP_PAGES}"),
    ("search_common", "search, a word of every 8th post"),
    ("search_rare", "search, a word of one post"),
    ("sign_in", "sign-in"),
    ("sign_up", "sign-up and verification"),
    ("contacts", f"sync of {CONTACTS:,} contacts"),
)
COLUMNS: list[Column] = [("label", "posts", 0)] + [(f"cpu_ms.{key}", f"{name} [CPU-ms]", 2) for key, name in NAMES]
COLUMNS += [
    ("wait_quiet.p99_ms", "another's request, p99 [ms]", 1),
    ("wait_sync.p99_ms", "the same during a sync, p99 [ms]", 1),
    ("wait_sync.max_ms", "at most [ms]", 1),
]
COLUMNS += [("home_deep_per_cpu_s", f"home, page {DEEP_PAGES}, per CPU-s", 0), ("seed_s", "seeding [s]", 1)]
PLOT: dict[str, Any] = {
    "label": "label",
    "bars": ("home_deep_per_cpu_s", f"feed pages (home, page {DEEP_PAGES}) per CPU-second"),
    "lines": [
        ("cpu_ms.home_first", "home, page 1"),
        ("cpu_ms.home_deep", f"home, page {DEEP_PAGES}"),
        ("cpu_ms.discover_deep", f"discover ranked, page {DEEP_PAGES}"),
    ],
    "unit": "CPU-ms a request",
}


@dataclass(frozen=True)
class RestOptions:
    posts: Sequence[int] = (10_000, 100_000, 1_000_000)
    databases: Sequence[str] = ("sqlite", "postgresql")
    requests: int = 400
    pin: bool = True


async def run(options: RestOptions, screen: Screen) -> Report:
    """Measure each size on each database. Raises LoadFailed."""
    report = Report("rest", asdict(options))
    report.notes.append(
        "CPU is that of the server's main process and of the database's processes; 20 items a page, ten friends of 20 authors."
    )
    for database in options.databases:
        for posts in options.posts:
            with screen.stage(f"{database}, {posts:,} posts", len(NAMES)) as advance:
                if database == "sqlite":
                    result = await _point(options, posts, "", 0, advance)
                else:
                    with seed.postgres() as there:
                        if there is None:
                            report.notes.append("No PostgreSQL on this machine: left out.")
                            break
                        result = await _point(options, posts, *there, advance)
            report.results.append({"label": f"{database} {posts:,}", "database": database, "posts": posts} | result)
    return report


async def _point(options: RestOptions, posts: int, database_url: str, database_pid: int, advance: Any) -> dict[str, Any]:
    server_cores, _ = processes.split_cores() if options.pin else (set[int](), set[int]())
    settings = {"database_url": database_url} if database_url else {}
    async with livecore(server_cores, **settings) as server:
        assert server.data_dir is not None
        pids = [*server.pids, *([database_pid] if database_pid else [])]
        bench = _Bench(server, pids)
        done: dict[str, float | None] = {}
        count = AUTHORS + 1
        done["sign_up"] = await bench.cost(lambda: sign_up(server, count, lambda _made: None), count)
        viewer, *authors = server.people
        friends = [pair for author in authors[:10] for pair in ((viewer.id, author.id), (author.id, viewer.id))]
        begun = time.monotonic()
        now_ms, ids = time.time_ns() // 1_000_000, [author.id for author in authors]
        if database_url:
            await seed.seed_postgresql(database_url, ids, friends, posts, now_ms)
        else:
            await asyncio.to_thread(seed.seed_sqlite, server.data_dir / "livecore.sqlite", ids, friends, posts, now_ms)
        seed_s = time.monotonic() - begun
        advance(1, f"seeded in {seed_s:.1f} s")
        feed = "/api/v1/feed?limit=20&scope="
        token = viewer.access
        gets = {
            "me": "/api/v1/me",
            "home_first": f"{feed}home",
            "home_deep": await bench.page(f"{feed}home", token, DEEP_PAGES),
            "discover_first": f"{feed}discover",
            "discover_next": await bench.page(f"{feed}discover", token, 2),
            "discover_deep": await bench.page(f"{feed}discover", token, DEEP_PAGES),
            "search_common": "/api/v1/search?q=coffee&kind=posts",
            "search_rare": f"/api/v1/search?q={posts // 2}&kind=posts",
        }
        plain = authors[-1].access
        await bench.send("PATCH", "/api/v1/me/settings", plain, {"personalised": False}, 200)
        for key, path in gets.items():
            done[key] = await bench.gets(path, token, options.requests if not key.startswith("search") else options.requests // 4)
            advance(1, key)
        done["by_time_deep"] = await bench.gets(await bench.page(f"{feed}discover", plain, DEEP_PAGES), plain, options.requests)

        async def sign_ins() -> None:
            for person in authors[:10]:
                body = {"login": person.username, "password": person.password, "device": {"id": "bench", "name": "Bench"}}
                await bench.send("POST", "/api/v1/sessions", None, body, 201)

        done["sign_in"] = await bench.cost(sign_ins, 10)
        advance(1, "sign-in")
        numbers = [f"+4915{number:09d}" for number in range(CONTACTS)]

        async def sync() -> None:
            for start in range(0, CONTACTS, 5000):
                await bench.send("POST", "/api/v1/contacts", token, {"authorized": True, "add": numbers[start : start + 5000]}, 200)

        done["contacts"] = await bench.cost(sync, 1)
        waits = {"wait_quiet": (await bench.waits(asyncio.sleep(LOOKS * LOOK_EVERY_S))).summary()}
        await bench.send("DELETE", "/api/v1/contacts", token, None, 204)
        waits["wait_sync"] = (await bench.waits(sync())).summary()
        advance(1, "contacts")
    home_ms = done["home_deep"]
    return {"cpu_ms": done, **waits, "home_deep_per_cpu_s": ratio(1000, home_ms or 0), "seed_s": round(seed_s, 1)}


class _Bench:
    def __init__(self, server: Server, pids: list[int]) -> None:
        self._server = server
        self._pids = pids

    async def cost(self, work: Any, count: int) -> float:
        """CPU-ms for each of `count` while `work` ran."""
        before = processes.sample(self._pids)
        await work()
        after = processes.sample(self._pids)
        spent = after.cpu_by_role(before)
        return round(1000 * sum(cpu_s for role, cpu_s in spent.items() if not role.startswith(("media", "recorder"))) / count, 3)

    async def send(self, method: str, path: str, token: str | None, body: Any, status: int) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            aiohttp.ClientSession(self._server.url) as http,
            http.request(method, path, json=body, headers=headers, timeout=aiohttp.ClientTimeout(120)) as answer,
        ):
            if answer.status != status:
                raise LoadFailed(f"{method} {path}: {answer.status} {(await answer.text())[:200]}")
            return await answer.json() if status != 204 else None

    async def waits(self, work: Awaitable[None]) -> Latencies:
        """How long somebody else's cheapest request takes, again and again, while `work` goes on: the loop's turns are in it."""
        took = Latencies()
        doing = asyncio.ensure_future(work)
        async with aiohttp.ClientSession(self._server.url) as http:
            while not doing.done():
                begun = time.perf_counter()
                async with http.get("/healthz") as answer:
                    await answer.read()
                took.add((time.perf_counter() - begun) * 1e3)
                await asyncio.sleep(LOOK_EVERY_S)
        await doing
        return took

    async def page(self, path: str, token: str, number: int) -> str:
        """The address of the page of that number, or of the last one."""
        address = path
        for _ in range(number - 1):
            cursor = (await self.send("GET", address, token, None, 200))["next_cursor"]
            if cursor is None:
                return address
            address = f"{path}&cursor={cursor}"
        return address

    async def gets(self, path: str, token: str, count: int) -> float:
        """CPU-ms of one GET on connections that stay open, after some to warm up."""
        await self._requests(path, token, CONNECTIONS * 4)
        return await self.cost(lambda: self._requests(path, token, count), count)

    async def _requests(self, path: str, token: str, count: int) -> None:
        host, _, port = self._server.url.removeprefix("http://").partition(":")
        request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()

        async def one(times: int) -> None:
            reader, writer = await asyncio.open_connection(host, int(port))
            for _ in range(times):
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if b" 200 " not in head[:20]:
                    raise LoadFailed(f"GET {path}: {head[:40].decode()}")
                length = head.split(b"content-length:")[1].split(b"\r\n")[0]
                await reader.readexactly(int(length))
            writer.close()

        await asyncio.gather(*(one(count // CONNECTIONS) for _ in range(CONNECTIONS)))
