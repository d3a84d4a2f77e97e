"""Friend links: who is shown one (as an address or a QR code) and accepts it is a friend of whoever made it."""

import base64
import hmac
import io
from dataclasses import dataclass

import segno
from sqlalchemy import delete, func, select, update

from livecore import errors
from livecore.ids import is_id, new_id
from livecore.people import tables
from livecore.people.relations import RelationStore
from livecore.people.service import People, RequestView
from livecore.ports import Clock, Database, Directory, Keys

# Links that one person has at a time: one for the phone's screen, a few that are sent around.
LINKS_LIMIT = 20
# Of a tag that nobody guesses: 96 bits.
_TAG_BYTES = 12


@dataclass(frozen=True)
class Link:
    """`uses_left` None: as often as one likes until it expires."""

    id: str
    owner_id: str
    token: str
    created_ms: int
    expires_ms: int
    uses: int
    uses_left: int | None


class FriendLinks:
    """A link's token is its id and a keyed tag of that, so that no secret is stored and the owner may see it again."""

    def __init__(self, db: Database, keys: Keys, clock: Clock, relations: RelationStore, directory: Directory, people: People) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._relations = relations
        self._directory = directory
        self._people = people

    def _token(self, link_id: str) -> str:
        tag = self._keys.blind("friend_link", link_id)[:_TAG_BYTES]
        return base64.urlsafe_b64encode(bytes.fromhex(link_id) + tag).rstrip(b"=").decode()

    def _link_id(self, token: str) -> str | None:
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        link_id = raw[:16].hex()
        return link_id if is_id(link_id) and hmac.compare_digest(self._token(link_id), token) else None

    def _link(self, row: object) -> Link:
        values = row._mapping  # type: ignore[attr-defined]  # a row of friend_link
        left = None if values["max_uses"] is None else max(0, values["max_uses"] - values["uses"])
        return Link(
            values["id"],
            values["owner_id"],
            self._token(values["id"]),
            values["created_ms"],
            values["expires_ms"],
            values["uses"],
            left,
        )

    # -- the owner

    async def make(self, me: str, lifetime_s: int, max_uses: int | None) -> Link:
        """Raises Conflict (`too_many_links`)."""
        link, at_ms = tables.friend_link.c, self._clock.at_ms()
        values = {
            "id": new_id(),
            "owner_id": me,
            "created_ms": at_ms,
            "expires_ms": at_ms + lifetime_s * 1000,
            "uses": 0,
            "max_uses": max_uses,
        }
        async with self._db.write() as conn:
            await conn.execute(delete(tables.friend_link).where(link.owner_id == me, link.expires_ms <= at_ms))
            mine = select(func.count()).select_from(tables.friend_link).where(link.owner_id == me)
            if int((await conn.execute(mine)).scalar_one()) >= LINKS_LIMIT:
                raise errors.Conflict(f"At most {LINKS_LIMIT} links; delete one first.", type="too_many_links")
            await conn.execute(tables.friend_link.insert().values(values))
            row = (await conn.execute(select(tables.friend_link).where(link.id == values["id"]))).one()
        return self._link(row)

    async def of(self, me: str) -> list[Link]:
        link = tables.friend_link.c
        query = select(tables.friend_link).where(link.owner_id == me, link.expires_ms > self._clock.at_ms()).order_by(link.id.desc())
        async with self._db.read() as conn:
            return [self._link(row) for row in await conn.execute(query)]

    async def one(self, me: str, link_id: str) -> Link:
        found = [link for link in await self.of(me) if link.id == link_id]
        if not found:
            raise errors.NotFound("There is no such link.")
        return found[0]

    async def revoke(self, me: str, link_id: str) -> None:
        link = tables.friend_link.c
        async with self._db.write() as conn:
            done = await conn.execute(delete(tables.friend_link).where(link.id == link_id, link.owner_id == me))
        if not done.rowcount:
            raise errors.NotFound("There is no such link.")

    # -- whoever is shown it

    async def owner(self, me: str, token: str) -> str:
        """Whose link it is. Raises NotFound (none, a block either way, an owner who is gone), Gone (expired or used up, but for a friend)."""
        return (await self._shown(me, token)).owner_id

    async def _shown(self, me: str, token: str) -> Link:
        link_id = self._link_id(token)
        if link_id is None:
            raise errors.NotFound("There is no such link.")
        async with self._db.read() as conn:
            row = (await conn.execute(select(tables.friend_link).where(tables.friend_link.c.id == link_id))).one_or_none()
        if row is None:
            raise errors.NotFound("There is no such link.")
        standing = await self._relations.between(me, row.owner_id)
        if standing.blocked or not await self._directory.is_active(row.owner_id):
            raise errors.NotFound("There is no such link.")
        found = self._link(row)
        # What it does is done for a friend: whoever took the last use may ask again, with an answer that was lost on the way.
        if not standing.friends and (found.expires_ms <= self._clock.at_ms() or found.uses_left == 0):
            raise errors.Gone("This link is over.", type="link_over")
        return found

    async def accept(self, me: str, token: str) -> RequestView:
        """Friends at once: whoever made the link asked, whoever accepts it says yes. By a friend it changes nothing and uses nothing up.
        Raises as `owner` does, Conflict for oneself."""
        shown = await self._shown(me, token)
        if shown.owner_id == me:
            raise errors.Conflict("That is your own link.", type="self")
        view = RequestView(shown.id, shown.owner_id, incoming=True, status="accepted", created_ms=shown.created_ms)
        link = tables.friend_link.c
        async with self._db.write() as conn:
            if not await self._people.befriend(conn, me, shown.owner_id):
                return view
            # Of two who take the last use at the same moment one gets it.
            room = (link.max_uses.is_(None)) | (link.uses < link.max_uses)
            used = update(tables.friend_link).where(link.id == shown.id, link.expires_ms > self._clock.at_ms(), room)
            if not (await conn.execute(used.values(uses=link.uses + 1))).rowcount:
                raise errors.Gone("This link is over.", type="link_over")
        await self._people.befriended(me, shown.owner_id, view)
        return view


def qr_svg(text: str) -> str:
    """A QR code (ISO/IEC 18004) as an SVG of its own, dark on white whatever the page's colours are: that is what cameras read."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", scale=8, border=4, dark="#000", light="#fff", xmldecl=False, omitsize=True
    )
    return out.getvalue().decode()
