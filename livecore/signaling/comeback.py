"""Recovery carried out: names given at the connect, rooms entered again as the rules are now, what was missed played back."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from livecore import errors
from livecore.ports import Principal
from livecore.signaling.link import EngineLink
from livecore.signaling.recovery import Away, Recovery
from livecore.signaling.registry import Connection

if TYPE_CHECKING:
    from livecore.signaling.gateway import Services


@dataclass(frozen=True, slots=True)
class _Found:
    """A connection that is resumed. `lives`: those that it may still be in. `hidden`: whom a block hides from it in lives; `blocked`: whom it blocks."""

    away: Away
    after: int
    lives: list[str]
    hidden: frozenset[str]
    blocked: frozenset[str]


class Comeback:
    def __init__(self, services: "Services", recovery: Recovery) -> None:
        self._services = services
        self._recovery = recovery
        self._found: dict[str, _Found] = {}  # by connection: admitted, CONNECT not yet answered

    async def admit(self, link: EngineLink, principal: Principal, auth: Any) -> None:
        """Give the link the name of the connection that it resumes, or a new one. All that has to be asked is asked here, so that
        nothing comes between what was missed and what is new."""
        if not isinstance(auth, dict) or auth.get("recover") is not True:
            return
        self._recovery.now = asyncio.get_running_loop().time()
        found = self._recovery.find(auth.get("pid"), auth.get("offset"), principal)
        if found is None:
            link.recoverable(secrets.token_urlsafe(15))
            return
        away, after = found
        link.sid = away.sid
        link.recoverable(away.pid)
        try:
            lives = [live_id for live_id in away.lives if await self._may_be_in(principal, live_id)]
            relations, me = self._services.relations, principal.account_id
            hidden = await relations.blocked_either_way(me)
            blocked = frozenset([other for other in hidden if (await relations.between(me, other)).i_block])
        except BaseException:
            self._recovery.put_back(away)
            raise
        self._found[link.sid] = _Found(away, after, lives, hidden, blocked)

    async def _may_be_in(self, principal: Principal, live_id: str) -> bool:
        """As the live's rules are now: it may have ended, or its host may have put somebody out."""
        try:
            await self._services.lives.readmit(principal, live_id)
        except (errors.NotFound, errors.Gone, errors.Forbidden):
            return False
        return True

    def dropped(self, sid: str) -> None:
        """Gone before its CONNECT was answered."""
        found = self._found.pop(sid, None)
        if found is not None:
            self._recovery.put_back(found.away)

    def connected(self, connection: Connection) -> tuple[str, ...]:
        """Into the registry, with what it missed before what is new. Answers whom it watched."""
        registry, pid = self._services.registry, connection.link.pid
        found = self._found.pop(connection.sid, None)
        if pid is not None and found is None:
            self._recovery.came(pid)
        if found is None:
            registry.add(connection)
            return ()
        for live_id in found.lives:
            registry.flush_live(live_id)
        for encoded in self._recovery.missed(found.after, connection.principal, found.lives, found.hidden, found.blocked):
            connection.link.send(encoded)
        registry.add(connection)
        for live_id in found.lives:
            registry.join_live(connection, live_id)
            self._services.lives.moved(live_id)
        return found.away.watched

    def gone(self, connection: Connection, *, may_return: bool) -> None:
        pid = connection.link.pid
        if pid is not None:
            self._recovery.now = asyncio.get_running_loop().time()
            watched = tuple(self._services.presence.watched(connection.sid))
            self._recovery.left(pid, connection.sid, connection.principal, connection.lives, watched, may_return=may_return)
