"""Throwaway servers that tests start themselves: PostgreSQL, Redis, S3. Real ones, on free ports, with data directories of their own.

One PostgreSQL and one Redis serve a whole session; each test gets a database of its own. A test that kills and restarts takes
`own_redis`. Servers end with the test process, also when that is killed. Where a binary is absent the tests skip and say which
package brings it.
"""

import asyncio
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psycopg
import pytest

# A server that is not up by then will not be: the machine may be busy with all the other tests.
START_S = 60.0
STOP_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """A child process whose output is read until a line says that it is ready; the rest is kept for the failure's message.

    `user`: run as this user (PostgreSQL refuses root). The kernel ends the child when this process dies.
    """

    def __init__(self, command: Sequence[str | Path], ready: str, *, user: str | None = None, env: Mapping[str, str] | None = None) -> None:
        self._command = [*self._wrapped(user), *map(str, command)]
        self._ready = re.compile(ready)
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[str] | None = None
        self.lines: list[str] = []
        self.match: re.Match[str] | None = None  # of the line that said it is ready

    @staticmethod
    def _wrapped(user: str | None) -> list[str]:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            return []
        if user is None:
            return [setpriv, "--pdeathsig", "KILL"]
        return [setpriv, "--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups", "--pdeathsig", "INT"]

    def start(self) -> None:
        self.lines, self.match = [], None
        process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            env=self._env,
            start_new_session=True,
        )
        self._process = process
        known = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            with process.stdout as output:
                for line in output:
                    self.lines.append(line)
                    if self.match is None and (match := self._ready.search(line)):
                        self.match = match
                        known.set()
            known.set()

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()
        known.wait(START_S)
        if self.match is None:
            self.kill()
            raise RuntimeError(f"{self._command[0]} did not start:\n{''.join(self.lines[-30:])}")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send the signal and wait for the end."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_S)
        self._process = None


# -- PostgreSQL


def _postgres_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    if on_path is None:
        pytest.skip("no PostgreSQL server here; apt-get install -y postgresql")
    return Path(on_path).parent


class PostgresServer:
    """One server; `url(name)` of a database, `create()` makes a fresh one."""

    def __init__(self, directory: Path) -> None:
        binaries = _postgres_binaries()
        self.port = free_port()
        self._data = directory / "data"
        user = None
        if os.getuid() == 0:
            user = "postgres" if _has_user("postgres") else "nobody"
            shutil.chown(directory, user)
        self.process = ServerProcess(
            [
                *(binaries / "postgres", "-D", self._data, "-p", str(self.port), "-k", directory),
                # The data live as long as the tests: flushing them would only cost time. A kill of the server loses nothing by it.
                *("-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", "-c", "logging_collector=off"),
            ],
            ready="database system is ready to accept connections",
            user=user,
            env={"LC_ALL": "C.UTF-8"},
        )
        subprocess.run(
            [
                *ServerProcess._wrapped(user),
                *(binaries / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd=directory,
        )
        self.process.start()

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def create(self, template: str = "template0") -> str:
        """The name of a fresh database, a copy of the template."""
        name = f"t_{uuid.uuid4().hex[:16]}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _postgres() -> Iterator[PostgresServer]:
    _postgres_binaries()
    # Not below pytest's own directory: that one is closed to the server's user.
    directory = Path(tempfile.mkdtemp(prefix="livecore-postgres-"))
    server = None
    try:
        server = PostgresServer(directory)
        yield server
    finally:
        if server is not None:
            server.process.kill(signal.SIGINT)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    yield from _postgres()


@pytest.fixture
def postgres_own() -> Iterator[PostgresServer]:
    """A server of this test's own, to be killed and started again."""
    yield from _postgres()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database of this test's own."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


# -- Redis


class RedisServer:
    """A server that keeps its port when it is killed and started again; `logged` keeps its data then too."""

    def __init__(self, directory: Path, *, logged: bool = False) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.skip("no Redis server here; apt-get install -y redis-server")
        self.port = free_port()
        self.process = ServerProcess(
            [
                *(binary, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", directory, "--save", "", "--databases", "256"),
                *("--appendonly", "yes" if logged else "no"),
            ],
            ready="Ready to accept connections",
        )
        self.process.start()

    def url(self, database: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    async def kill(self) -> None:
        await asyncio.to_thread(self.process.kill)

    async def start(self) -> None:
        await asyncio.to_thread(self.process.start)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.process.kill()


_redis_databases = iter(range(10**9))


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of a database number that the last 255 tests did not use."""
    return redis_server.url(next(_redis_databases) % 256)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of this test's own, to be killed and started again."""
    directory = tmp_path / "redis"
    directory.mkdir()
    server = RedisServer(directory)
    yield server
    server.process.kill()


# -- S3


class S3Server:
    """moto's server in a process of its own; it takes any credentials."""

    def __init__(self) -> None:
        self.process = ServerProcess(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            ready=r"Running on http://127\.0\.0\.1:(\d+)",
            env={"PYTHONWARNINGS": "ignore"},
        )
        self.process.start()
        assert self.process.match is not None
        self.endpoint = f"http://127.0.0.1:{self.process.match[1]}"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.process.kill()


@pytest.fixture
def s3_url(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The `storage_url` of an empty bucket of this test's own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    bucket = f"t-{uuid.uuid4().hex[:16]}"
    with urllib.request.urlopen(urllib.request.Request(f"{s3_server.endpoint}/{bucket}", method="PUT")) as answer:
        assert answer.status == 200
    return f"s3://{bucket}/some/prefix?endpoint={s3_server.endpoint}&region=us-east-1"


# -- all of them at once


@pytest.fixture
def distributed(postgres_server: PostgresServer, redis_url: str, s3_url: str) -> Iterator[dict[str, str]]:
    """Settings of a platform of many nodes: `await start_server(**distributed)`. Asked for before `start_server`, it outlives it."""
    data, keys = postgres_server.create(), postgres_server.create()
    yield {
        "database_url": postgres_server.url(data),
        "keys_url": postgres_server.url(keys),
        "redis_url": redis_url,
        "storage_url": s3_url,
    }
    postgres_server.drop(data)
    postgres_server.drop(keys)


@pytest.fixture(autouse=True)
def engines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """`LIVECORE_TEST_ENGINES=distributed`: every test whose settings name no engines runs on PostgreSQL, Redis and S3."""
    wanted = os.environ.get("LIVECORE_TEST_ENGINES") == "distributed" and request.node.get_closest_marker("embedded") is None
    if wanted and "start_server" in request.fixturenames:
        for name, value in request.getfixturevalue("distributed").items():
            monkeypatch.setenv(f"LIVECORE_{name.upper()}", value)
