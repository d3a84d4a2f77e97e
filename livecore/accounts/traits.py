"""Interests, languages and a coarse region that people give of themselves; keeps the promise of `ports.Traits`.

They are for being found by others, so they are not sealed; whoever gives none is suggested by none of them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.accounts import tables
from livecore.among import among, members
from livecore.ports import Database, TraitSet

KINDS = ("interest", "language", "region")
INTERESTS_LIMIT = 10
LANGUAGES_LIMIT = 5
INTEREST_LIMIT_CHARS = 24
_BATCH = 500
# Holders of one interest that are looked at: the newest; a word that half of the platform shares says little.
_HOLDERS = 500


def of_kind(changes: Mapping[str, object]) -> dict[str, list[str]]:
    """What a change of the profile says of traits, by kind: `interests`, `languages` (lists or None), `region` (one or None)."""
    found: dict[str, list[str]] = {}
    for field, kind in (("interests", "interest"), ("languages", "language")):
        if field in changes:
            value = changes[field]
            found[kind] = list(dict.fromkeys(value)) if isinstance(value, list) else []
    if "region" in changes:
        found["region"] = [str(changes["region"])] if changes["region"] else []
    return found


class Traits:
    def __init__(self, db: Database) -> None:
        self._db = db
        columns = tables.profile_trait.c
        of = select(columns.account_id, columns.kind, columns.value).where(among(db.dialect, columns.account_id, "accounts"))
        self._of = db.prepare(of.order_by(columns.value))

    async def write(self, conn: AsyncConnection, account_id: str, traits: Mapping[str, Sequence[str]]) -> None:
        """Part of the caller's transaction: each kind that is given takes the place of what was there."""
        columns = tables.profile_trait.c
        await conn.execute(delete(tables.profile_trait).where(columns.account_id == account_id, columns.kind.in_(list(traits))))
        rows = [{"account_id": account_id, "kind": kind, "value": value} for kind, values in traits.items() for value in values]
        if rows:
            await conn.execute(tables.profile_trait.insert(), rows)

    async def of(self, account_ids: Iterable[str]) -> dict[str, TraitSet]:
        wanted = list(dict.fromkeys(account_ids))
        found: dict[str, dict[str, list[str]]] = {account_id: {kind: [] for kind in KINDS} for account_id in wanted}
        for start in range(0, len(wanted), _BATCH):
            for row in await self._of({"accounts": members(self._db.dialect, wanted[start : start + _BATCH])}):
                found[row["account_id"]][row["kind"]].append(row["value"])
        return {
            account_id: TraitSet(tuple(kinds["interest"]), tuple(kinds["language"]), kinds["region"][0] if kinds["region"] else None)
            for account_id, kinds in found.items()
        }

    async def sharing(self, account_id: str, kind: str, limit: int) -> dict[str, int]:
        """Other accounts with values of this kind that the account has too, and how many; those with most first."""
        columns = tables.profile_trait.c
        counted: Counter[str] = Counter()
        async with self._db.read() as conn:
            mine = (await conn.execute(select(columns.value).where(columns.account_id == account_id, columns.kind == kind))).scalars().all()
            for value in mine:
                query = select(columns.account_id).where(columns.kind == kind, columns.value == value, columns.account_id != account_id)
                counted.update((await conn.execute(query.order_by(columns.account_id.desc()).limit(_HOLDERS))).scalars())
        return dict(counted.most_common(limit))
