"""The commit path on SQLite: plain statements on the driver in the writer's thread, one transaction for many messages."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from livecore.rooms.items import Batch, Committed, Head, Mark, Sent
from livecore.rooms.order import Plan, plan

T = TypeVar("T")

_DELETE_READ = """
DELETE FROM message WHERE conversation_id = ?1 AND seq > ?2 AND seq <= ?3 AND NOT EXISTS (
  SELECT 1 FROM device_cursor c
  WHERE c.conversation_id = ?1 AND c.seq < message.seq
    AND NOT (c.account_id = message.sender_id AND c.device_id = message.sender_device)
    AND NOT EXISTS (SELECT 1 FROM withheld w WHERE w.conversation_id = ?1 AND w.seq = message.seq AND w.account_id = c.account_id)
) RETURNING scope
"""


class DriverWriter(Protocol):
    """One write transaction on the driver itself, whole in one thread; kept by the SQLite database."""

    async def write_sqlite(self, work: Callable[[sqlite3.Connection], T]) -> T: ...


class SqliteStore:
    def __init__(self, db: DriverWriter) -> None:
        self._db = db

    async def commit(self, batch: Batch, at_ms: int) -> Committed:
        return await self._db.write_sqlite(lambda connection: _commit(connection, batch, at_ms))

    async def retire(self, scopes: Mapping[str, str]) -> list[str]:
        return await self._db.write_sqlite(lambda connection: _retire(connection, scopes))

    async def forget(self, scopes: list[str]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM body_key WHERE scope = ?", [(scope,) for scope in scopes])

        await self._db.write_sqlite(work)


def _commit(connection: sqlite3.Connection, batch: Batch, at_ms: int) -> Committed:
    heads = _heads(connection, batch)
    known: dict[tuple[str, str], Sent] = {}
    for draft in batch.drafts:
        if draft.client_key is None:
            continue
        row = connection.execute(
            "SELECT conversation_id, message_id, seq, sent_ms FROM sent WHERE account_id = ? AND client_key = ?",
            (draft.account_id, draft.client_key),
        ).fetchone()
        if row is not None:
            known[(draft.account_id, draft.client_key)] = Sent(*row)
    made = plan(batch.drafts, heads, known, at_ms)
    if made.new:
        _insert(connection, batch, made, at_ms)
    heads.update(made.heads)
    spans: dict[str, tuple[int, int]] = {}
    reached = [_mark(connection, mark, heads, spans) for mark in batch.marks]
    emptied: dict[str, str] = {}
    for index, item in made.new:
        draft = batch.drafts[index]
        if draft.target_seq is not None:
            for (scope,) in connection.execute(
                "DELETE FROM message WHERE conversation_id = ? AND seq = ? AND id = ? RETURNING scope",
                (item.conversation_id, draft.target_seq, item.target_id),
            ):
                emptied[scope] = item.conversation_id
            connection.execute("UPDATE sent SET taken_back = 1 WHERE message_id = ?", (item.target_id,))
        if item.withheld:
            # Perhaps nobody is left to give it to.
            low, high = spans.get(item.conversation_id, (item.seq - 1, item.seq))
            spans[item.conversation_id] = (min(low, item.seq - 1), max(high, item.seq))
    for conversation_id, (low, high) in spans.items():
        for (scope,) in connection.execute(_DELETE_READ, (conversation_id, low, high)):
            emptied[scope] = conversation_id
    return Committed(made.outcomes, made.new, heads, reached, emptied)


def _heads(connection: sqlite3.Connection, batch: Batch) -> dict[str, Head]:
    wanted = dict.fromkeys([draft.conversation_id for draft in batch.drafts] + [mark.conversation_id for mark in batch.marks])
    heads: dict[str, Head] = {}
    for conversation_id in wanted:
        row = connection.execute("SELECT seq, version, scope, epoch FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
        if row is not None:
            heads[conversation_id] = Head(*row)
    return heads


def _insert(connection: sqlite3.Connection, batch: Batch, made: Plan, at_ms: int) -> None:
    connection.executemany(
        "INSERT INTO message (conversation_id, seq, id, kind, sender_id, sender_device, target_id, sent_ms, scope, sealed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                item.conversation_id,
                item.seq,
                item.id,
                item.kind,
                item.account_id,
                item.device_id,
                item.target_id,
                item.sent_ms,
                batch.drafts[index].scope,
                batch.drafts[index].sealed,
            )
            for index, item in made.new
        ],
    )
    connection.executemany(
        "INSERT INTO sent (account_id, client_key, conversation_id, message_id, seq, sent_ms) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (item.account_id, item.client_key, item.conversation_id, item.id, item.seq, item.sent_ms)
            for _, item in made.new
            if item.client_key is not None
        ],
    )
    withheld = [(item.conversation_id, item.seq, account) for _, item in made.new for account in item.withheld]
    if withheld:
        connection.executemany("INSERT INTO withheld (conversation_id, seq, account_id) VALUES (?, ?, ?)", withheld)
    connection.executemany(
        "UPDATE conversation SET seq = ?, scope = ? WHERE id = ?",
        [(head.seq, head.scope, conversation_id) for conversation_id, head in made.heads.items()],
    )
    if made.fresh_scopes:
        connection.executemany(
            "INSERT OR IGNORE INTO body_key (scope, conversation_id, made_ms) VALUES (?, ?, ?)",
            [(scope, conversation_id, at_ms) for scope, conversation_id in made.fresh_scopes.items()],
        )


def _mark(connection: sqlite3.Connection, mark: Mark, heads: Mapping[str, Head], spans: dict[str, tuple[int, int]]) -> int | None:
    """The member's high-water mark afterwards. Nobody has more than there is: a number above the head counts as the head."""
    head = heads.get(mark.conversation_id)
    if head is None:
        return None
    seq = min(mark.seq, head.seq)
    column = f"{mark.kind}_seq"
    row = connection.execute(
        f"UPDATE member SET {column} = max({column}, ?) WHERE conversation_id = ? AND account_id = ? RETURNING {column}",
        (seq, mark.conversation_id, mark.account_id),
    ).fetchone()
    if row is None:
        return None
    if mark.kind == "received":
        where = (mark.conversation_id, mark.account_id, mark.device_id)
        cursor = connection.execute(
            "SELECT seq FROM device_cursor WHERE conversation_id = ? AND account_id = ? AND device_id = ?", where
        ).fetchone()
        if cursor is not None and cursor[0] < seq:
            connection.execute(
                "UPDATE device_cursor SET seq = ? WHERE conversation_id = ? AND account_id = ? AND device_id = ?", (seq, *where)
            )
            low, high = spans.get(mark.conversation_id, (cursor[0], seq))
            spans[mark.conversation_id] = (min(low, cursor[0]), max(high, seq))
    return int(row[0])


def _retire(connection: sqlite3.Connection, scopes: Mapping[str, str]) -> list[str]:
    gone = []
    for scope, conversation_id in scopes.items():
        held = connection.execute(
            "SELECT 1 FROM message WHERE conversation_id = ? AND scope = ? LIMIT 1", (conversation_id, scope)
        ).fetchone()
        if held is None:
            connection.execute("UPDATE conversation SET scope = NULL WHERE id = ? AND scope = ?", (conversation_id, scope))
            gone.append(scope)
    return gone
