"""A device as a careful client is one: it keeps, then acknowledges; after each connection it catches up first; what it sent
without an answer it sends again under the same id."""

import asyncio
import contextlib
from typing import Any

import socketio

from tests.people import Person
from tests.rooms.history import Accepted, Log
from tests.serving import Server


class Device:
    def __init__(self, person: Person, name: str, token: str, conversations: frozenset[str]) -> None:
        self.server: Server = person.server
        self.name = name
        self.token = token
        self.log = Log(name, conversations)
        self.accepted: list[Accepted] = []
        self.places: dict[str, dict[str, Any]] = {}
        self.unanswered: dict[str, str] = {}  # client id → conversation
        self._client: socketio.AsyncClient | None = None
        self._caught_up = False
        self._early: list[dict[str, Any]] = []
        self._turn = asyncio.Lock()

    @property
    def is_connected(self) -> bool:
        return self._client is not None and bool(self._client.connected)

    async def connect(self) -> bool:
        """Connect, catch up, send again what has no answer; False when the server is away."""
        await self.drop()
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self._client, self._caught_up, self._early = client, False, []
        client.on("message:new", self._heard)
        try:
            await client.connect(self.server.url, auth={"token": self.token}, transports=["websocket"], wait_timeout=5)
            await self._catch_up(client)
            for client_id, conversation in list(self.unanswered.items()):
                await self._send(client_id, conversation)
        except (socketio.exceptions.SocketIOError, TimeoutError):
            await self.drop()
            return False
        return True

    async def drop(self) -> None:
        """Cut the transport without a goodbye."""
        client, self._client = self._client, None
        if client is not None:
            ws = getattr(client.eio, "ws", None)
            if client.connected and ws is not None:
                with contextlib.suppress(Exception):
                    await ws.close()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(client.disconnect(), 5)

    async def die(self) -> None:
        """End as a killed process does: the kernel resets the connection, whatever was on its way."""
        client = self._client
        ws = getattr(client.eio, "ws", None) if client is not None else None
        response = getattr(ws, "_response", None)
        connection = getattr(response, "connection", None)
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        await self.drop()

    async def settle(self) -> bool:
        """Connect and send again until nothing is unanswered."""
        if not self.is_connected or self.unanswered:
            await self.connect()
        return self.is_connected and not self.unanswered

    async def send(self, conversation: str, client_id: str) -> None:
        self.unanswered[client_id] = conversation
        with contextlib.suppress(socketio.exceptions.SocketIOError, TimeoutError):
            await self._send(client_id, conversation)

    async def _send(self, client_id: str, conversation: str) -> None:
        if self._client is None:
            return
        data = {"conversation": conversation, "client_id": client_id, "body": f"text of {client_id}"}
        answer = await self._client.call("message:send", data, timeout=5)
        if not answer["ok"] and answer["error"]["status"] == 503:
            return  # its transaction was cut off, and what came of it is not known: asked again under the same id
        assert answer["ok"], answer
        got = answer["data"]
        self.unanswered.pop(client_id, None)
        self.accepted.append(Accepted(conversation, got["seq"], got["id"], client_id, self.name))

    async def _catch_up(self, client: socketio.AsyncClient) -> None:
        async with self._turn:
            more = True
            while more:
                answer = await client.call("sync", {"conversations": self.places}, timeout=5)
                assert answer["ok"], answer
                more = False
                for conversation, told in answer["data"].items():
                    assert not told.get("reset"), (self.name, conversation, told, self.places.get(conversation))
                    for message in told["messages"]:
                        self._keep(message)
                    self.places[conversation] = {"epoch": told["epoch"], "seq": told["upto"]}
                    more = more or told["more"]
                    if told["upto"]:
                        await client.call("message:received", {"conversation": conversation, "seq": told["upto"]}, timeout=5)
            for message in self._early:
                self._keep(message)
            self._caught_up = True

    async def _heard(self, message: dict[str, Any]) -> None:
        if not self._caught_up:
            self._early.append(message)
            return
        async with self._turn:
            self._keep(message)
        client = self._client
        if client is not None:
            with contextlib.suppress(socketio.exceptions.SocketIOError, TimeoutError):
                await client.emit("message:received", {"conversation": message["conversation"], "seq": message["seq"]})

    def _keep(self, message: dict[str, Any]) -> None:
        """What is known already is not kept twice."""
        conversation, seq = message["conversation"], message["seq"]
        place = self.places.setdefault(conversation, {"epoch": message["epoch"], "seq": 0})
        if seq <= place["seq"]:
            return
        place["seq"] = seq
        self.log.kept.append((conversation, seq, message["id"], message["client_id"]))
