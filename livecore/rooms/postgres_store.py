"""The commit path on PostgreSQL: a few statements over arrays for a whole batch, on the driver itself."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from livecore.rooms.items import Batch, Committed, Head, Mark, Sent
from livecore.rooms.order import Plan, plan

T = TypeVar("T")

# Locked in the order of their ids, so that two processes never wait for each other in a ring.
_HEADS = "SELECT id, seq, version, scope, epoch FROM conversation WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE"
# By its key for each: joined, PostgreSQL reads the whole of a table that grows faster than its statistics are made.
_KNOWN = """
SELECT s.* FROM unnest($1::text[], $2::text[]) u(a, c) CROSS JOIN LATERAL (
  SELECT account_id, client_key, conversation_id, message_id, seq, sent_ms FROM sent WHERE account_id = u.a AND client_key = u.c LIMIT 1
) s
"""
_INSERT = """
WITH m AS (
  INSERT INTO message (conversation_id, seq, id, kind, sender_id, sender_device, target_id, sent_ms, scope, sealed)
  SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $8::text[], $9::bigint[],
                       $10::text[], $11::bytea[])
), s AS (
  INSERT INTO sent (account_id, client_key, conversation_id, message_id, seq, sent_ms)
  SELECT u.a, u.k, u.c, u.i, u.q, u.t
  FROM unnest($1::text[], $2::bigint[], $3::text[], $5::text[], $7::text[], $9::bigint[]) u(c, q, i, a, k, t) WHERE u.k IS NOT NULL
  ON CONFLICT DO NOTHING -- the same client id in two conversations at once: the first is remembered
), k AS (
  INSERT INTO body_key (scope, conversation_id, made_ms)
  SELECT u.s, u.c, $17::bigint FROM unnest($15::text[], $16::text[]) u(s, c) ON CONFLICT DO NOTHING
)
UPDATE conversation SET seq = u.q, scope = u.s FROM unnest($12::text[], $13::bigint[], $14::text[]) u(c, q, s) WHERE conversation.id = u.c
"""
_WITHHELD = "INSERT INTO withheld (conversation_id, seq, account_id) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])"
_MEMBER = """
UPDATE member m SET {column} = greatest(m.{column}, u.q)
FROM unnest($1::text[], $2::text[], $3::bigint[]) u(c, a, q)
WHERE m.conversation_id = u.c AND m.account_id = u.a RETURNING m.conversation_id, m.account_id, m.{column}
"""
_CURSORS = """
WITH old AS (
  SELECT d.conversation_id, d.account_id, d.device_id, d.seq, u.q FROM device_cursor d
  JOIN unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) u(c, a, d, q)
    ON d.conversation_id = u.c AND d.account_id = u.a AND d.device_id = u.d
  WHERE d.seq < u.q
)
UPDATE device_cursor d SET seq = old.q FROM old
WHERE d.conversation_id = old.conversation_id AND d.account_id = old.account_id AND d.device_id = old.device_id
RETURNING d.conversation_id, old.seq, old.q
"""
_DELETE_READ = """
DELETE FROM message m USING unnest($1::text[], $2::bigint[], $3::bigint[]) u(c, low, high)
WHERE m.conversation_id = u.c AND m.seq > u.low AND m.seq <= u.high AND NOT EXISTS (
  SELECT 1 FROM device_cursor d
  WHERE d.conversation_id = m.conversation_id AND d.seq < m.seq
    AND NOT (d.account_id = m.sender_id AND d.device_id = m.sender_device)
    AND NOT EXISTS (
      SELECT 1 FROM withheld w WHERE w.conversation_id = m.conversation_id AND w.seq = m.seq AND w.account_id = d.account_id
    )
) RETURNING m.conversation_id, m.scope
"""
_DELETE_TARGETS = """
DELETE FROM message m USING unnest($1::text[], $2::bigint[], $3::text[]) u(c, q, i)
WHERE m.conversation_id = u.c AND m.seq = u.q AND m.id = u.i RETURNING m.conversation_id, m.scope
"""
_RETIRE = """
SELECT u.s, u.c FROM unnest($1::text[], $2::text[]) u(s, c)
WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.conversation_id = u.c AND m.scope = u.s)
"""
_UNSET = """
UPDATE conversation SET scope = NULL FROM unnest($1::text[], $2::text[]) u(s, c) WHERE conversation.id = u.c AND conversation.scope = u.s
"""


class DriverWriter(Protocol):
    """One write transaction on the driver itself; kept by the PostgreSQL database."""

    async def write_postgres(self, work: Callable[[Any], Awaitable[T]]) -> T: ...


class PostgresStore:
    def __init__(self, db: DriverWriter) -> None:
        self._db = db

    async def commit(self, batch: Batch, at_ms: int) -> Committed:
        return await self._db.write_postgres(lambda connection: _commit(connection, batch, at_ms))

    async def retire(self, scopes: Mapping[str, str]) -> list[str]:
        return await self._db.write_postgres(lambda connection: _retire(connection, scopes))

    async def forget(self, scopes: list[str]) -> None:
        await self._db.write_postgres(lambda connection: connection.execute("DELETE FROM body_key WHERE scope = ANY($1::text[])", scopes))


async def _commit(connection: Any, batch: Batch, at_ms: int) -> Committed:
    wanted = sorted({draft.conversation_id for draft in batch.drafts} | {mark.conversation_id for mark in batch.marks})
    heads = {row[0]: Head(row[1], row[2], row[3], row[4]) for row in await connection.fetch(_HEADS, wanted)}
    asked = [(draft.account_id, draft.client_key) for draft in batch.drafts if draft.client_key is not None]
    known: dict[tuple[str, str], Sent] = {}
    if asked:
        rows = await connection.fetch(_KNOWN, [account for account, _ in asked], [client for _, client in asked])
        known = {(row[0], row[1]): Sent(row[2], row[3], row[4], row[5]) for row in rows}
    made = plan(batch.drafts, heads, known, at_ms)
    if made.new:
        await _insert(connection, batch, made, at_ms)
    heads.update(made.heads)
    spans: dict[str, tuple[int, int]] = {}
    reached = await _marks(connection, batch.marks, heads, spans)
    emptied: dict[str, str] = {}
    targets = [
        (item.conversation_id, batch.drafts[index].target_seq, item.target_id)
        for index, item in made.new
        if batch.drafts[index].target_seq is not None
    ]
    if targets:
        emptied |= {row[1]: row[0] for row in await connection.fetch(_DELETE_TARGETS, *map(list, zip(*targets, strict=True)))}
        await connection.execute("UPDATE sent SET taken_back = true WHERE message_id = ANY($1::text[])", [target for *_, target in targets])
    for _, item in made.new:
        if item.withheld:
            _widen(spans, item.conversation_id, item.seq - 1, item.seq)
    if spans:
        rows = await connection.fetch(_DELETE_READ, list(spans), [low for low, _ in spans.values()], [high for _, high in spans.values()])
        emptied |= {row[1]: row[0] for row in rows}
    return Committed(made.outcomes, made.new, heads, reached, emptied)


def _widen(spans: dict[str, tuple[int, int]], conversation_id: str, low: int, high: int) -> None:
    before = spans.get(conversation_id, (low, high))
    spans[conversation_id] = (min(before[0], low), max(before[1], high))


async def _insert(connection: Any, batch: Batch, made: Plan, at_ms: int) -> None:
    items = [item for _, item in made.new]
    drafts = [batch.drafts[index] for index, _ in made.new]
    await connection.execute(
        _INSERT,
        [item.conversation_id for item in items],
        [item.seq for item in items],
        [item.id for item in items],
        [item.kind for item in items],
        [item.account_id for item in items],
        [item.device_id for item in items],
        [item.client_key for item in items],
        [item.target_id for item in items],
        [item.sent_ms for item in items],
        [draft.scope for draft in drafts],
        [draft.sealed for draft in drafts],
        list(made.heads),
        [head.seq for head in made.heads.values()],
        [head.scope for head in made.heads.values()],
        list(made.fresh_scopes),
        list(made.fresh_scopes.values()),
        at_ms,
    )
    withheld = [(item.conversation_id, item.seq, account) for item in items for account in item.withheld]
    if withheld:
        await connection.execute(_WITHHELD, *map(list, zip(*withheld, strict=True)))


async def _marks(connection: Any, marks: list[Mark], heads: Mapping[str, Head], spans: dict[str, tuple[int, int]]) -> list[int | None]:
    """High-water marks after each; a number above the head counts as the head."""
    reached: dict[tuple[str, str, str], int] = {}
    for kind in ("received", "read"):
        most: dict[tuple[str, str], int] = {}
        cursors: dict[tuple[str, str, str], int] = {}
        for mark in marks:
            if mark.kind != kind or mark.conversation_id not in heads:
                continue
            seq = min(mark.seq, heads[mark.conversation_id].seq)
            who = (mark.conversation_id, mark.account_id)
            most[who] = max(most.get(who, 0), seq)
            cursor = (*who, mark.device_id)
            cursors[cursor] = max(cursors.get(cursor, 0), seq)
        if not most:
            continue
        columns = [conversation for conversation, _ in most], [account for _, account in most], list(most.values())
        rows = await connection.fetch(_MEMBER.format(column=f"{kind}_seq"), *columns)
        members = {(row[0], row[1]): row[2] for row in rows}
        reached |= {(kind, *who): seq for who, seq in members.items()}
        if kind == "received":
            mine = [(*cursor, seq) for cursor, seq in cursors.items() if cursor[:2] in members]
            if mine:
                for row in await connection.fetch(_CURSORS, *map(list, zip(*mine, strict=True))):
                    _widen(spans, row[0], row[1], row[2])
    return [reached.get((mark.kind, mark.conversation_id, mark.account_id)) for mark in marks]


async def _retire(connection: Any, scopes: Mapping[str, str]) -> list[str]:
    # Whoever is about to seal under one of these holds the conversation's row, so what is seen here stays so.
    await connection.fetch("SELECT 1 FROM conversation WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE", sorted(set(scopes.values())))
    rows = await connection.fetch(_RETIRE, list(scopes), list(scopes.values()))
    gone = {row[0]: row[1] for row in rows}
    if gone:
        await connection.execute(_UNSET, list(gone), list(gone.values()))
    return list(gone)
