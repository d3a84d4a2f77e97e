"""Connections and their events: who is let in, whose turn it is, what is answered. Every event is acknowledged."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from aiohttp import web
from pydantic import BaseModel, ValidationError

from livecore import errors
from livecore.config import Settings
from livecore.errors import FieldError, Invalid, Problem
from livecore.platform.metrics import Metrics
from livecore.ports import Authenticator, CallExchange, Devices, Directory, Limiter, MeetingPlace, MissedNotices, Principal, Relations
from livecore.presence.service import Presence
from livecore.rest.reading import client_address, fields_of, subscriber
from livecore.rooms.live import LiveHub
from livecore.rooms.mailboxes import Mailboxes
from livecore.rooms.service import Messages
from livecore.signaling import call_events, live_events, match_events, message_events, presence_events
from livecore.signaling.comeback import Comeback
from livecore.signaling.encoding import Encoded
from livecore.signaling.events import Call, ClientEvent
from livecore.signaling.link import EngineLink
from livecore.signaling.protocol import SocketServer
from livecore.signaling.registry import Connection, Registry

log = structlog.get_logger("signaling")

EVENTS: dict[str, ClientEvent] = (
    message_events.events.all | live_events.events.all | presence_events.events.all | match_events.events.all | call_events.events.all
)
# Events of one client whose turn has not come. More is a client that does not wait for answers: it is told to slow down.
INBOX_LIMIT = 512
# Seldom against the days after which a device counts as idle.
SEEN_EVERY_S = 600.0
# Those who connect within this are asked for in the store together: a storm of reconnects is some queries, not thousands.
MISSED_AFTER_S = 0.05
MISSED_CHUNK = 500
# The words of the transport for an end that nobody meant.
_CUT_OFF = ("transport close", "transport error", "ping timeout")
# A frame holds one event: a message with its attachments, or the places of a large sync.
FRAME_LIMIT_BYTES = 1 << 20


class Reach(Protocol):
    """Who has to know which accounts have sockets here, so that what is sent to them elsewhere arrives."""

    async def came(self, account_id: str) -> None:
        """Before a socket is let in; nothing is missed from the return on. Counted. Raises Unavailable."""

    def left(self, account_id: str) -> None: ...


class SharingNotices(Protocol):
    async def with_message(self, account_id: str, message_id: str) -> str | None:
        """What a person is told with their first message; None with every other."""


@dataclass
class Services:
    """What events are answered by; filled in by the composition."""

    registry: Registry
    messages: Messages
    mailboxes: Mailboxes
    lives: LiveHub
    presence: Presence
    devices: Devices
    relations: Relations
    missed: MissedNotices
    meetings: MeetingPlace
    directory: Directory
    calls: CallExchange
    sharing: SharingNotices
    reach: Sequence[Reach]


class Gateway:
    def __init__(self, settings: Settings, authenticator: Authenticator, limiter: Limiter, metrics: Metrics, services: Services) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._limiter = limiter
        self._services = services
        self._registry = services.registry
        self._tasks: set[asyncio.Task[None]] = set()
        self.draining = False
        self._seen_at: dict[str, float] = {}  # device → loop time at which the store was last told
        self._keeping: asyncio.Task[None] | None = None
        self._arrived: list[Connection] = []  # for whom the store is yet to be asked what they missed
        self._waiting: dict[str, Connection] = {}  # admitted, CONNECT not yet answered
        self._comeback = Comeback(services, self._registry.recovery) if self._registry.recovery is not None else None
        self._counters: dict[tuple[str, str], Any] = {}
        self._events = metrics.counter("socket_events", "Client events by name and outcome.", ("event", "outcome"))
        metrics.gauge("socket_connections", "Open Socket.IO connections.").set_function(lambda: len(self._registry))
        self.server = SocketServer(
            self,
            metrics,
            lambda request: subscriber(client_address(request, settings.trusted_proxies)),
            ping_interval=settings.ping_interval_s,
            ping_timeout=settings.ping_timeout_s,
            max_http_buffer_size=FRAME_LIMIT_BYTES,
            buffer_bytes=settings.socket_buffer_bytes,
            deflates=settings.websocket_deflate,
        )

    def attach(self, application: web.Application) -> None:
        self.server.attach(application)

    async def drain(self) -> None:
        """No new connections; those that are there end, and their clients come back to another process or later."""
        self.draining = True
        for connection in self._registry.all():
            connection.link.cut("server_stopping")
        await self.server.settled()

    async def close(self) -> None:
        await self.drain()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        # Events that are being answered may hold a transaction: they end by themselves.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.server.shutdown()

    # -- protocol.Handlers

    async def admit(self, link: EngineLink, address: str, auth: Any) -> None:
        if self.draining:
            raise errors.Unavailable("The server is going down for a moment.")
        token = auth.get("token") if isinstance(auth, dict) else None
        if not isinstance(token, str) or not token:
            await self._limiter.hit("anonymous_per_address", address)
            raise errors.Unauthorised()
        try:
            principal = await self._authenticator.authenticate(token)
        except errors.Unauthorised:
            await self._limiter.hit("anonymous_per_address", address)
            raise
        await self._services.mailboxes.attach(principal.account_id, principal.device_id)
        await self._reach(principal.account_id)
        try:
            await self._let_in(link, principal, address, auth)
        except BaseException:
            self._leave(principal.account_id)
            raise

    async def _let_in(self, link: EngineLink, principal: Principal, address: str, auth: Any) -> None:
        # The store was told with the token's reading, a moment ago at most.
        self._seen_at[principal.device_id] = asyncio.get_running_loop().time()
        if self._comeback is not None:
            await self._comeback.admit(link, principal, auth)
        self._waiting[link.sid] = Connection(link.sid, principal, link, address)

    async def _reach(self, account_id: str) -> None:
        reached: list[Reach] = []
        try:
            for one in self._services.reach:
                await one.came(account_id)
                reached.append(one)
        except BaseException:
            for one in reached:
                one.left(account_id)
            raise

    def _leave(self, account_id: str) -> None:
        for one in self._services.reach:
            one.left(account_id)

    async def _seen(self, principal: Principal) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._seen_at.get(principal.device_id, float("-inf")) > SEEN_EVERY_S:
            self._seen_at[principal.device_id] = now
            await self._services.devices.seen(principal)

    async def _keep_seen(self) -> None:
        """A device that is connected is not idle, however long it says nothing."""
        while True:
            await asyncio.sleep(SEEN_EVERY_S)
            here = {one.principal.device_id: one.principal for one in self._registry.all()}
            self._seen_at = {device: at for device, at in self._seen_at.items() if device in here}
            for principal in here.values():
                try:
                    await self._seen(principal)
                except errors.Problem as problem:
                    log.warning("devices could not be noted as seen", problem=problem.type)
                    break

    def start(self) -> None:
        self._keeping = asyncio.get_running_loop().create_task(self._keep_seen(), name="gateway-seen")

    async def connected(self, link: EngineLink) -> None:
        connection = self._waiting.pop(link.sid, None)
        if connection is None:
            return
        if self._comeback is not None:
            watched = self._comeback.connected(connection)
        else:
            self._registry.add(connection)
            watched = ()
        await self._services.presence.came(link.sid, connection.principal)
        for one in await self._services.presence.subscribe(link.sid, connection.principal, watched) if watched else ():
            self._registry.to_connection(link.sid, "presence:update", one)
        self._arrived.append(connection)
        if len(self._arrived) == 1:
            asyncio.get_running_loop().call_later(MISSED_AFTER_S, lambda: self._spawn(self._tell_missed()))

    async def _tell_missed(self) -> None:
        """What must reach a person, and came while they were away; again at each connect until it is read."""
        arrived, self._arrived = self._arrived, []
        for start in range(0, len(arrived), MISSED_CHUNK):
            part = arrived[start : start + MISSED_CHUNK]
            try:
                missed = await self._services.missed.missed(sorted({one.principal.account_id for one in part}))
            except errors.Unavailable:
                log.warning("the store was away at a connect")
                return
            for connection in part:
                for notice in missed.get(connection.principal.account_id, ()):
                    connection.link.send(Encoded("notice", notice))

    async def gone(self, sid: str, reason: str) -> None:
        waiting = self._waiting.pop(sid, None)
        if waiting is not None:
            self._leave(waiting.principal.account_id)
            if self._comeback is not None:
                self._comeback.dropped(sid)
        connection = self._registry.get(sid)
        if connection is None:
            return
        if self._comeback is not None:
            self._comeback.gone(connection, may_return=reason in _CUT_OFF)
        lives = connection.lives
        self._registry.remove(connection)
        self._leave_later(connection, may_return=reason in _CUT_OFF)
        connection.inbox = None
        for live_id in lives:
            self._services.lives.moved(live_id)
        await self._services.meetings.gone(sid, connection.principal.account_id)
        await self._services.presence.left(sid, connection.principal)

    def _leave_later(self, connection: Connection, *, may_return: bool) -> None:
        """What may be played back to who comes back has to be heard until then."""
        account_id = connection.principal.account_id
        if may_return and connection.link.pid is not None and self._comeback is not None:
            asyncio.get_running_loop().call_later(self._settings.recover_age_s + 1, self._leave, account_id)
        else:
            self._leave(account_id)

    def event(self, sid: str, name: str, args: list[Any], number: int | None) -> None:
        connection = self._registry.get(sid)
        if connection is None:
            return
        inbox = connection.inbox
        if inbox is None:
            inbox = connection.inbox = deque()
        if len(inbox) >= INBOX_LIMIT:
            self._count(name, "too_many")
            if number is not None:
                connection.link.acknowledge(number, refused(errors.TooMany(1, "Wait for answers before you send more.")))
            return
        inbox.append((name, args, number))
        if not connection.busy:
            connection.busy = True
            self._spawn(self._serve(connection))

    async def _serve(self, connection: Connection) -> None:
        """A connection's events one after the other; once one is in a line of its own, the next ones are another task's."""
        turn = _Turn(self, connection)
        try:
            while connection.inbox and not turn.is_over:
                name, args, number = connection.inbox.popleft()
                await self._handle(connection, name, args, number, turn)
        finally:
            if not turn.is_over:
                connection.busy = False
                connection.inbox = None

    def pass_on(self, connection: Connection) -> None:
        """What the connection sent after an event that is in line by now."""
        if connection.inbox:
            self._spawn(self._serve(connection))
        else:
            connection.busy = False
            connection.inbox = None

    async def _handle(self, connection: Connection, name: str, args: list[Any], number: int | None, turn: "_Turn") -> None:
        try:
            result = {"ok": True, "data": await self._run(connection, name, args, turn)}
            self._count(name, "ok")
        except Problem as problem:
            result = refused(problem)
            self._count(name, problem.type)
        except Exception:
            log.exception("event failed", socket_event=name if name in EVENTS else "unknown")
            result = refused(Problem())
            self._count(name, "internal")
        if number is not None:
            connection.link.acknowledge(number, result)

    async def _run(self, connection: Connection, name: str, args: list[Any], turn: "_Turn") -> Any:
        event = EVENTS.get(name)
        if event is None:
            raise errors.NotFound("There is no such event.", type="unknown_event")
        principal = await self._current(connection)
        if event.rate is not None:
            await self._limiter.hit(event.rate, principal.account_id)
        data = parse(event.model, args)
        answer = await event.handler(Call(self._services, connection, principal, turn), data)
        return answer.model_dump() if isinstance(answer, BaseModel) else answer

    async def _current(self, connection: Connection) -> Principal:
        """Who asks, as it stands now. A session that has ended takes its sockets with it."""
        try:
            principal = await self._authenticator.current(connection.principal.session_id)
        except errors.Unauthorised:
            connection.link.cut("session_ended")
            raise
        if principal.declined:
            raise errors.Forbidden("You declined the policy; accept it to go on.", type="policy_declined")
        return principal

    def _count(self, name: str, outcome: str) -> None:
        key = (name if name in EVENTS else "unknown", outcome)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._events.labels(*key)
        counter.inc()

    def _spawn(self, work: Any) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _Turn:
    """Whose turn it is of a connection's events. `is_over`: the next ones are served by another task, or were none."""

    __slots__ = ("_connection", "_gateway", "is_over")

    def __init__(self, gateway: Gateway, connection: Connection) -> None:
        self._gateway = gateway
        self._connection = connection
        self.is_over = False

    def set(self) -> None:
        if not self.is_over:
            self.is_over = True
            self._gateway.pass_on(self._connection)


def refused(problem: Problem) -> dict[str, Any]:
    return {"ok": False, "error": problem.document()}


def parse(model: type[BaseModel], args: list[Any]) -> BaseModel:
    """Raises Invalid naming each field."""
    data = args[0] if args else {}
    if data is None:
        data = {}
    if len(args) > 1 or not isinstance(data, dict):
        raise Invalid([FieldError("data", "must be one object")])
    try:
        return model.model_validate(data, strict=True)
    except ValidationError as exc:
        raise Invalid(fields_of(exc)) from exc
    except RecursionError as exc:
        raise errors.Malformed("The data is nested too deeply.") from exc
