"""Phone numbers as keyed hashes, and whose they are; keeps the promise of `ports.PhoneIndex`."""

import asyncio
from collections.abc import Iterable, Sequence

import phonenumbers
from sqlalchemy import select

from livecore.accounts import tables
from livecore.accounts.records import Records
from livecore.ports import Database

# Hashes in one statement: more would hold up the loop while the statement is made.
_BATCH = 200
# Numbers read in one turn of the loop, some half a millisecond. A thread that reads a whole book holds the interpreter so that the loop,
# chat with it, waits for two thirds of a second; measured in turns of this size it waits for less than ten milliseconds.
_NUMBERS_A_TURN = 20


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
        found: list[bytes | None] = []
        for start in range(0, len(numbers), _NUMBERS_A_TURN):
            plain = normalised(numbers[start : start + _NUMBERS_A_TURN], region)
            found += [None if number is None else self._records.phone_index(number) for number in plain]
            await asyncio.sleep(0)
        return found

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
                # Statements run on the loop: without this all of them would be one turn.
                await asyncio.sleep(0)
        return found
