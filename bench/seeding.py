"""Accounts put straight into a bench's own database: signed in on one device each, ready to connect, without a password hash each.

What they are asked for in a load of chat is there; their sealed fields hold nothing that could be opened.
"""

import secrets
import time
from pathlib import Path

from sqlalchemy import create_engine

from bench.serving import Person
from livecore.accounts import tables
from livecore.accounts.principals import token_hash
from livecore.data import metadata
from livecore.ids import new_id
from livecore.rooms.tables import mailbox

CHUNK = 500
DAY_MS = 86_400_000


def seed(data_dir: Path, count: int) -> list[Person]:
    """`count` accounts in the SQLite file of a running server, which knows nothing of them until they come."""
    engine = create_engine(f"sqlite:///{data_dir / 'livecore.sqlite'}", connect_args={"timeout": 30})
    people: list[Person] = []
    try:
        for start in range(0, count, CHUNK):
            some = [_person() for _ in range(min(CHUNK, count - start))]
            with engine.begin() as conn:
                for table, rows in _rows(some).items():
                    conn.execute(metadata.tables[table].insert(), rows)
            people += some
    finally:
        engine.dispose()
    return people


def _person() -> Person:
    id = new_id()
    return Person(f"seed{id}", "", secrets.token_urlsafe(32), id)


def _rows(people: list[Person]) -> dict[str, list[dict[str, object]]]:
    now_ms = time.time_ns() // 1_000_000
    filled = (tables.account, tables.account_device, tables.account_session, tables.account_token, mailbox)
    rows: dict[str, list[dict[str, object]]] = {table.name: [] for table in filled}
    for person in people:
        device_id, session_id = new_id(), new_id()
        rows[tables.account.name].append(
            {
                "id": person.id,
                "username": person.username,
                "folded": person.username,
                "skeleton": person.username,
                "name": b"",
                "email": b"",
                "phone": b"",
                "birth_date": b"",
                "email_index": secrets.token_bytes(32),
                "phone_index": secrets.token_bytes(32),
                "password_hash": "",
                "state": "active",
                "email_verified_ms": now_ms,
                "phone_verified_ms": now_ms,
                "staff": [],
                "created_ms": now_ms,
                "seen_ms": now_ms,
                "version": 1,
            }
        )
        rows[tables.account_device.name].append(
            {"id": device_id, "account_id": person.id, "client_id": device_id, "name": "Bench", "created_ms": now_ms, "seen_ms": now_ms}
        )
        rows[tables.account_session.name].append(
            {
                "id": session_id,
                "account_id": person.id,
                "device_id": device_id,
                "address_class": "127.0.0.0/24",
                "created_ms": now_ms,
                "seen_ms": now_ms,
            }
        )
        rows[tables.account_token.name].append(
            {
                "hash": token_hash(person.access),
                "session_id": session_id,
                "account_id": person.id,
                "kind": "access",
                "expires_ms": now_ms + DAY_MS,
            }
        )
        rows[mailbox.name].append({"account_id": person.id, "device_id": device_id, "since_ms": now_ms})
    return rows
