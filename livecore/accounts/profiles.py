"""What others see of a person: profiles, cards in lists, search. Every surface asks here, so that one setting holds everywhere.

Keeps the promise of `ports.Directory`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from livecore import errors
from livecore.accounts import tables
from livecore.accounts.avatars import Avatars
from livecore.accounts.controls import CONTROLS
from livecore.accounts.name_index import NameIndex
from livecore.accounts.preferences import Preferences
from livecore.accounts.records import Person, Records
from livecore.accounts.usernames import folded
from livecore.accounts.wording import name_words
from livecore.ports import Database, PersonCard, Relation, Relations, Traits, TraitSet

# Rows looked at for one page before it is given out shorter than asked: those who hide themselves take up room.
SEARCH_ROUNDS = 4


@dataclass(frozen=True)
class ProfileView:
    """A profile as one viewer may see it; None = not given, or not for this viewer. `birthday` is MM-DD."""

    id: str
    username: str
    name: str | None
    avatar: str | None
    gender: str | None
    age_info: str | None
    status_message: str | None
    traits: TraitSet
    phone: str | None
    birthday: str | None
    last_seen_ms: int | None
    can_message: bool
    can_request: bool
    shows_friends: bool
    relation: Relation
    is_me: bool


class Profiles:
    def __init__(
        self,
        db: Database,
        records: Records,
        preferences: Preferences,
        relations: Relations,
        avatars: Avatars,
        names: NameIndex,
        traits: Traits,
    ) -> None:
        self._db = db
        self._names = names
        self._traits = traits
        self._records = records
        self._preferences = preferences
        self._relations = relations
        self._avatars = avatars

    # -- the directory

    async def by_username(self, username: str) -> str | None:
        account_id = await self._records.id_by_username(username)
        return account_id if account_id is not None and await self.is_active(account_id) else None

    async def is_active(self, account_id: str) -> bool:
        async with self._db.read() as conn:
            state = (await conn.execute(select(tables.account.c.state).where(tables.account.c.id == account_id))).scalar_one_or_none()
        return state == "active"

    async def setting(self, account_id: str, key: str) -> Any:
        return await self._preferences.get(account_id, key)

    async def settings(self, account_ids: Iterable[str], key: str) -> dict[str, Any]:
        default = CONTROLS[key].default
        return {account_id: values.get(key, default) for account_id, values in (await self._preferences.many(account_ids)).items()}

    async def active_cards(self, viewer: str, account_ids: Iterable[str]) -> dict[str, PersonCard]:
        people = {key: person for key, person in (await self._records.shown(account_ids)).items() if person.is_active}
        return await self._cards_of(viewer, people, await self._preferences.many(people))

    async def cards(self, viewer: str | None, account_ids: Iterable[str]) -> dict[str, PersonCard]:
        people = await self._records.shown(account_ids)
        return await self._cards_of(viewer, people, await self._preferences.many(people))

    async def _cards_of(self, viewer: str | None, people: dict[str, Person], settings: dict[str, dict[str, Any]]) -> dict[str, PersonCard]:
        blocked = await self._relations.blocked_either_way(viewer) if viewer is not None else frozenset()
        cards: dict[str, PersonCard] = {}
        for account_id, person in people.items():
            if person.state not in ("active", "suspended"):
                continue
            name = avatar = None
            if account_id not in blocked and person.is_active:
                if await self._sees(person, viewer, "visibility_name", settings[account_id]):
                    name = person.shown_name
                if person.avatar_id is not None and await self._sees(person, viewer, "visibility_photo", settings[account_id]):
                    avatar = self._avatars.link(person.avatar_id, viewer)
            cards[account_id] = PersonCard(account_id, person.username, name, avatar)
        return cards

    async def newest(self, limit: int) -> Sequence[str]:
        columns = tables.account.c
        query = select(columns.id).where(columns.state == "active").order_by(columns.created_ms.desc()).limit(limit)
        async with self._db.read() as conn:
            return (await conn.execute(query)).scalars().all()

    async def discoverable(self, viewer: str, account_ids: Iterable[str], by: str = "discoverable_by_name") -> dict[str, PersonCard]:
        people = await self._records.many(account_ids)
        settings = await self._preferences.many(people)
        blocked = await self._relations.blocked_either_way(viewer)
        shown = {
            person.id: person
            for person in people.values()
            if person.is_active
            and person.is_verified
            and person.id != viewer
            and person.id not in blocked
            and await self._sees(person, viewer, by, settings[person.id])
        }
        return await self._cards_of(viewer, shown, settings)

    async def _sees(self, owner: Person, viewer: str | None, key: str, settings: dict[str, Any]) -> bool:
        audience = settings.get(key, CONTROLS[key].default)
        if viewer is None:
            return bool(audience == "everyone")
        if audience == "everyone" or viewer == owner.id:
            return True
        return await self._relations.allows(owner.id, viewer, audience)

    # -- one person

    async def view(self, viewer: str, username: str) -> ProfileView:
        """Raises NotFound for nobody, for somebody suspended or leaving, and for somebody who blocks the viewer."""
        account_id = await self._records.id_by_username(username)
        person = await self._records.by_id(account_id) if account_id is not None else None
        if person is None or not person.is_active:
            raise errors.NotFound("There is nobody of that name.")
        relation = await self._relations.between(viewer, person.id)
        if relation.blocks_me:
            raise errors.NotFound("There is nobody of that name.")
        settings = (await self._preferences.many([person.id]))[person.id]
        hidden = relation.i_block

        async def sees(key: str) -> bool:
            return not hidden and await self._sees(person, viewer, key, settings)

        name, photo, status = await sees("visibility_name"), await sees("visibility_photo"), await sees("visibility_status")
        is_me = viewer == person.id
        return ProfileView(
            id=person.id,
            username=person.username,
            name=person.shown_name if name else None,
            avatar=self._avatars.link(person.avatar_id, viewer) if photo and person.avatar_id else None,
            gender=person.gender if status else None,
            age_info=person.age_info if status else None,
            status_message=person.status_message if status else None,
            traits=(await self._traits.of([person.id]))[person.id] if status else TraitSet(),
            phone=person.phone if await sees("visibility_phone") else None,
            birthday=person.birth_date.strftime("%m-%d") if await sees("visibility_birthday") else None,
            last_seen_ms=person.seen_ms if await sees("visibility_last_seen") else None,
            can_message=not is_me and await sees("who_can_message"),
            can_request=not is_me and not relation.friends and await sees("who_can_request"),
            shows_friends=is_me or await sees("visibility_friends"),
            relation=relation,
            is_me=is_me,
        )

    async def shown_phone(self, viewer: str, username: str) -> str | None:
        """Keeps the promise of `ports.ShownPhones`."""
        return (await self.view(viewer, username)).phone

    async def owner_showing(self, viewer: str, username: str, key: str) -> str:
        """The id of the person who shows `key` to the viewer. Raises NotFound as `view` does, Forbidden (`hidden`)."""
        owner = (await self.view(viewer, username)).id
        audience = await self._preferences.get(owner, key)
        if not await self._relations.allows(owner, viewer, audience):
            raise errors.Forbidden("This is not shown to you.", type="hidden")
        return owner

    async def may_see_avatar(self, viewer: str, owner_id: str) -> bool:
        person = await self._records.by_id(owner_id)
        if person is None or not person.is_active:
            return False
        if (await self._relations.between(viewer, owner_id)).blocked:
            return False
        return await self._sees(person, viewer, "visibility_photo", (await self._preferences.many([owner_id]))[owner_id])

    # -- finding people

    async def search(self, viewer: str, text: str, after: str | None, limit: int) -> tuple[list[PersonCard], str | None]:
        """People whose username, or a word of whose name, begins so; by username. The second value continues the list."""
        blocked = await self._relations.blocked_either_way(viewer)
        found: list[PersonCard] = []
        position = after
        for _ in range(SEARCH_ROUNDS):
            rows = await self._names.candidates(text, position, limit + 1)
            people = await self._records.many(row.id for row in rows)
            settings = await self._preferences.many(people)
            shown = {
                row.id: people[row.id]
                for row in rows
                if row.id in people
                and row.id != viewer
                and row.id not in blocked
                and await self._is_findable(people[row.id], viewer, text, settings[row.id])
            }
            cards = await self._cards_of(viewer, shown, settings)
            for row in rows:
                if row.id in cards:
                    if len(found) == limit:
                        return found, position
                    found.append(cards[row.id])
                position = row.folded
            if len(rows) <= limit:
                return found, None
        return found, position

    async def _is_findable(self, person: Person, viewer: str, text: str, settings: dict[str, Any]) -> bool:
        if not (person.is_active and person.is_verified) or not await self._sees(person, viewer, "discoverable_by_name", settings):
            return False
        if folded(person.username).startswith(folded(text.removeprefix("@"))):
            return True
        if not await self._sees(person, viewer, "visibility_name", settings) or person.shown_name is None:
            return False
        # The whole of what was typed, against the name that is shown: a hidden one finds nobody.
        words = name_words(person.shown_name)
        return all(any(word.startswith(part) for word in words) for part in name_words(text))
