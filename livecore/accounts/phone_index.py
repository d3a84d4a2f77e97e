"""Phone numbers as keyed hashes, and whose they are; keeps the promise of `ports.PhoneIndex`."""

import asyncio
from collections.abc import Iterable, Sequence

import phonenumbers
from sqlalchemy import select

from livecore.accounts import tables
from livecore.accounts.records import Records
from livecore.ports import Database

_BATCH = 500


def normalised(numbers: Sequence[str], region: str | None) -> list[str | None]:
    """E.164 of each, read as in `region` (ISO 3166) where it has no country code; None for what cannot be a number."""
    found: list[str | None] = []
    for number in numbers:
        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            found.append(None)
            continue
        possible = phonenumbers.is_possible_number(parsed)
        found.append(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if possible else None)
    return found


class PhoneNumbers:
    def __init__(self, db: Database, records: Records) -> None:
        self._db = db
        self._records = records

    async def read(self, owner_id: str, numbers: Sequence[str]) -> list[bytes | None]:
        owner = await self._records.by_id(owner_id)
        region = phonenumbers.region_code_for_number(phonenumbers.parse(owner.phone, None)) if owner is not None else None
        # An address book has thousands, at some 50 µs each.
        plain = await asyncio.to_thread(normalised, numbers, region)
        return [None if number is None else self._records.phone_index(number) for number in plain]

    async def holders(self, indexes: Iterable[bytes]) -> dict[bytes, str]:
        columns = tables.account.c
        wanted = list(dict.fromkeys(indexes))
        found: dict[bytes, str] = {}
        async with self._db.read() as conn:
            for start in range(0, len(wanted), _BATCH):
                query = select(columns.phone_index, columns.id).where(
                    columns.phone_index.in_(wanted[start : start + _BATCH]),
                    columns.state == "active",
                    columns.phone_verified_ms.is_not(None),
                    columns.email_verified_ms.is_not(None),
                )
                found.update({bytes(row.phone_index): row.id for row in await conn.execute(query)})
        return found
