"""A real TURN server for tests: coturn from the distribution; and a client that asks it for a relay."""

import asyncio
import hashlib
import hmac
import secrets
import shutil
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from livecore.media.stun import MAGIC_COOKIE, MESSAGE_INTEGRITY, USERNAME
from tests.waiting import until

COTURN = shutil.which("turnserver")
TURN_SECRET = "north of the border"


@asynccontextmanager
async def turn_server(directory: Path) -> AsyncIterator[int]:
    """coturn on the loopback, as docs/operations.md sets it up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    assert COTURN
    process = await asyncio.create_subprocess_exec(
        COTURN, "-n", "--use-auth-secret", f"--static-auth-secret={TURN_SECRET}", "--realm=livecore", "--listening-ip=127.0.0.1",
        "--relay-ip=127.0.0.1", f"--listening-port={port}", "--no-tls", "--no-dtls", "--allow-loopback-peers", "--no-cli",
        "--log-file=stdout", f"--pidfile={directory / 'turn.pid'}", f"--userdb={directory / 'turn.db'}",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:

        def listens() -> bool:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
                return sock.connect_ex(("127.0.0.1", port)) == 0

        await until(listens, "coturn")
        yield port
    finally:
        process.terminate()
        await process.wait()


# RFC 8656 and 8489.
ALLOCATE, ALLOCATED, REFUSED = 0x0003, 0x0103, 0x0113
ERROR_CODE, REALM, NONCE, REQUESTED_TRANSPORT = 0x0009, 0x0014, 0x0015, 0x0019
UDP = bytes([17, 0, 0, 0])


async def allocate(port: int, username: str, credential: str) -> int:
    """0 where the server gives a relay for these credentials, else its error code."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(("127.0.0.1", port))

        async def ask(attributes: list[tuple[int, bytes]], key: bytes = b"") -> tuple[int, dict[int, bytes]]:
            await loop.sock_sendall(sock, _message(attributes, key))
            data = await asyncio.wait_for(loop.sock_recv(sock, 2000), 10)
            found, position = {}, 20
            while position < len(data):
                kind, size = struct.unpack_from("!HH", data, position)
                found[kind] = data[position + 4 : position + 4 + size]
                position += 4 + size + -size % 4
            return int.from_bytes(data[:2], "big"), found

        kind, challenge = await ask([(REQUESTED_TRANSPORT, UDP)])
        assert (kind, _code(challenge)) == (REFUSED, 401), "nobody gets a relay without credentials"
        realm = challenge[REALM]
        key = hashlib.md5(f"{username}:{realm.decode()}:{credential}".encode()).digest()
        named = [(REQUESTED_TRANSPORT, UDP), (USERNAME, username.encode()), (REALM, realm), (NONCE, challenge[NONCE])]
        kind, answer = await ask(named, key)
        return 0 if kind == ALLOCATED else _code(answer)


def _code(attributes: dict[int, bytes]) -> int:
    return attributes[ERROR_CODE][2] * 100 + attributes[ERROR_CODE][3]


def _message(attributes: list[tuple[int, bytes]], key: bytes) -> bytes:
    body = b"".join(struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4) for kind, value in attributes)
    head = struct.pack("!HHL", ALLOCATE, len(body) + (24 if key else 0), MAGIC_COOKIE) + secrets.token_bytes(12)
    if key:
        body += struct.pack("!HH", MESSAGE_INTEGRITY, 20) + hmac.digest(key, head + body, "sha1")
    return head + body
