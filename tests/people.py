"""Somebody who uses the platform through its public interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import socketio

if TYPE_CHECKING:
    from tests.serving import Answer, Server


class Person:
    def __init__(self, server: Server, username: str, number: int) -> None:
        self.server = server
        self.username = username
        self.password = f"correct horse {number} battery"
        self.email = f"{username.lower()}@example.org"
        self.phone = f"+4915112{number:06d}"
        self.device = {"id": f"device-{username}-1", "name": "Test device"}
        self.id = ""
        self.access = ""
        self.refresh = ""
        self.sockets: list[Listener] = []

    def sign_up_body(self, **fields: Any) -> dict[str, Any]:
        return {
            "username": self.username,
            "password": self.password,
            "name": f"{self.username.title()} Example",
            "email": self.email,
            "phone": self.phone,
            "birth_date": "1990-05-17",
            "accept": {"privacy": 1, "terms": 1},
            "device": self.device,
        } | fields

    def take_tokens(self, tokens: dict[str, Any]) -> None:
        self.access, self.refresh = tokens["access"], tokens["refresh"]

    async def sign_up(self, **fields: Any) -> Answer:
        body = self.sign_up_body(**fields)
        answer = await self.server.call("POST", "/api/v1/accounts", body)
        assert answer.status == 201, answer
        self.id = answer.json["account"]["id"]
        self.email, self.phone, self.password = body["email"], body["phone"], body["password"]
        self.take_tokens(answer.json["tokens"])
        return answer

    async def verify(self) -> None:
        for channel, target in (("phone", self.phone), ("email", self.email)):
            code = await self.server.code(target)
            answer = await self.post("/api/v1/accounts/verify", {"channel": channel, "code": code})
            assert answer.status in (200, 204), answer

    async def sign_in(self, device: dict[str, str] | None = None) -> Answer:
        answer = await self.server.call(
            "POST", "/api/v1/sessions", {"login": self.username, "password": self.password, "device": device or self.device}
        )
        assert answer.status == 201, answer
        self.take_tokens(answer.json["tokens"])
        return answer

    async def call(self, method: str, path: str, json: Any = None, **more: Any) -> Answer:
        return await self.server.call(method, path, json, token=self.access, **more)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> Answer:
        return await self.call("POST", path, json, **more)

    async def put(self, path: str, json: Any = None, **more: Any) -> Answer:
        return await self.call("PUT", path, json, **more)

    async def patch(self, path: str, json: Any = None, **more: Any) -> Answer:
        return await self.call("PATCH", path, json, **more)

    async def delete(self, path: str, **more: Any) -> Answer:
        return await self.call("DELETE", path, **more)

    async def connect(self, *, token: str | None = None, transports: tuple[str, ...] = ("websocket",)) -> Listener:
        """A stock Socket.IO client of this person."""
        listener = Listener()
        await listener.client.connect(self.server.url, auth={"token": token or self.access}, transports=list(transports), wait_timeout=10)
        self.sockets.append(listener)
        return listener


class Listener:
    """A stock python-socketio client that keeps what it hears: `events` is a list of (event, data)."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self.events: list[tuple[str, Any]] = []
        self.client.on("*", self._heard)

    async def _heard(self, event: str, data: Any = None) -> None:
        self.events.append((event, data))

    def heard(self, event: str) -> list[Any]:
        return [data for name, data in self.events if name == event]

    async def call(self, event: str, data: Any = None, timeout_s: float = 10) -> dict[str, Any]:
        answer: dict[str, Any] = await self.client.call(event, data, timeout=timeout_s)
        return answer

    @property
    def connected(self) -> bool:
        return bool(self.client.connected)

    async def close(self) -> None:
        await self.client.disconnect()
