"""From what somebody points at, an address or a username, to what it is and whose."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.errors import FieldError, Invalid
from livecore.ids import is_id, new_id
from livecore.ports import Audit, Clock, Database, Directory, Notifier, TakedownPort, TakedownTarget
from livecore.trust.tables import takedown

PROFILE_KINDS = ("profile_picture", "profile_name")
# Addresses of pages and of the interface, whatever stands before the path. A comment stands below what it is about, so it comes first.
_ADDRESSES = (
    (re.compile(r"/comments?/([0-9a-f]{32})(?:[/?#.]|$)"), "comment"),
    (re.compile(r"/videos?/([0-9a-f]{32})(?:[/?#.]|$)"), "video"),
    (re.compile(r"/(?:watch|lives?|whep)/([0-9a-f]{32})(?:[/?#.]|$)"), "live"),
    (re.compile(r"/posts?/([0-9a-f]{32})(?:[/?#.]|$)"), "post"),
    (re.compile(r"/images?/([0-9a-f]{32})(?:[/?#.]|$)"), "image"),
)
_PROFILE = re.compile(r"/(?:u|users)/([A-Za-z0-9_.]{1,40})(?:[/?#]|$)")


@dataclass(frozen=True)
class Pointer:
    """As a person gives it: `id`, `url` or `username`, one of them."""

    kind: str | None = None
    id: str | None = None
    url: str | None = None
    username: str | None = None


@dataclass(frozen=True)
class Found:
    target: TakedownTarget
    owner_id: str


class Takedowns:
    """Finds targets and disables them, through the ports of those who keep them."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        directory: Directory,
        notifier: Notifier,
        audit: Audit,
        ports: Mapping[str, TakedownPort],
    ) -> None:
        self._db = db
        self._clock = clock
        self._directory = directory
        self._notifier = notifier
        self._audit = audit
        self._ports = ports

    async def find(self, pointer: Pointer) -> Found:
        """Raises Invalid naming `target` or its field when nothing is there."""
        target = await self._resolve(pointer)
        port = self._ports.get(target.kind)
        owner = await port.owner_of(target) if port is not None else None
        if owner is None:
            raise Invalid([FieldError("target", f"there is no such {target.kind.replace('_', ' ')} here")])
        return Found(target, owner)

    async def _resolve(self, pointer: Pointer) -> TakedownTarget:
        kind, target_id, username = pointer.kind, pointer.id, pointer.username
        if pointer.url:
            profile = _PROFILE.search(pointer.url)
            if profile:
                username = profile[1]
            else:
                matches = ((pattern.search(pointer.url), name) for pattern, name in _ADDRESSES)
                found = next(((match[1], name) for match, name in matches if match), None)
                if found is None:
                    raise Invalid([FieldError("target.url", "is not an address of anything here")])
                target_id, kind = found[0], kind or found[1]
        if not kind:
            raise Invalid([FieldError("target.kind", "say what it is")])
        if kind in PROFILE_KINDS and username:
            target_id = await self._directory.by_username(username)
            if target_id is None:
                raise Invalid([FieldError("target", "there is no such person here")])
        if not target_id or not is_id(target_id):
            raise Invalid([FieldError("target", "give its id, its address, or for a profile the username")])
        return TakedownTarget(kind, target_id)

    async def owner_of(self, target: TakedownTarget) -> str | None:
        port = self._ports.get(target.kind)
        return await port.owner_of(target) if port is not None else None

    async def disable(self, conn: AsyncConnection, found: Found, ground: str, ground_id: str, reason: str) -> None:
        """Part of the caller's transaction; caches and running streams follow its commit. The owner is told."""
        target, port = found.target, self._ports[found.target.kind]
        await port.disable(conn, target, reason)
        await conn.execute(
            insert(takedown).values(
                id=new_id(),
                target_kind=target.kind,
                target_id=target.id,
                owner_id=found.owner_id,
                ground=ground,
                ground_id=ground_id,
                at_ms=self._clock.at_ms(),
            )
        )
        data = {"target": {"kind": target.kind, "id": target.id}, "ground": ground, f"{ground}_id": ground_id}
        await self._notifier.notify(conn, found.owner_id, "takedown", data, key=f"takedown:{ground_id}")
        self._db.after_commit(conn, lambda: port.disabled_now(target))

    async def restore(self, conn: AsyncConnection, ground: str, ground_id: str) -> bool:
        """Lift what was taken down on this ground, unless another ground still holds it. False when there was nothing."""
        mine = (takedown.c.ground == ground, takedown.c.ground_id == ground_id, takedown.c.lifted_ms.is_(None))
        row = (await conn.execute(select(takedown).where(*mine))).one_or_none()
        if row is None:
            return False
        await conn.execute(update(takedown).where(takedown.c.id == row.id).values(lifted_ms=self._clock.at_ms()))
        others = select(takedown.c.id).where(
            takedown.c.target_kind == row.target_kind, takedown.c.target_id == row.target_id, takedown.c.lifted_ms.is_(None)
        )
        if row.target_id is None or row.owner_id is None or (await conn.execute(others.limit(1))).first() is not None:
            return False
        target = TakedownTarget(row.target_kind, row.target_id)
        await self._ports[target.kind].enable(conn, target)
        data = {"target": {"kind": target.kind, "id": target.id}, "ground": ground, f"{ground}_id": ground_id}
        await self._notifier.notify(conn, row.owner_id, "restored", data, key=f"restored:{ground_id}")
        return True
