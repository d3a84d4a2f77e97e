"""An export: everything that the data map lists about an account, as one archive that people and machines can read.

manifest.json                 every personal table and every kind of object: what it is, where it is in here, or why it is not
data/{category}/{table}.json  a list of rows; sealed columns opened, columns about others left out
media/{prefix}/…              the account's objects as they are stored
"""

import asyncio
import base64
import tempfile
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson
from sqlalchemy import LargeBinary, MetaData, Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.data import DataMap
from livecore.ids import new_id
from livecore.ports import Clock, Database, Job, Jobs, KeyDestroyed, Keys, Notifier, Storage
from livecore.privacy.schema import Declared, declared_tables
from livecore.privacy.tables import EXPORTS, export

EXPORT = "privacy.export"
FORMAT = "livecore-export/1"
# A second request within a day answers the first one's archive: packing reads everything.
SAME_MS = 86_400_000
# Rows read per statement.
ROWS = 500
EXPORT_TIMEOUT_S = 6 * 3600


@dataclass(frozen=True)
class ExportView:
    id: str
    account_id: str
    state: str
    requested_ms: int
    ready_ms: int | None
    expires_ms: int | None
    size_bytes: int | None


class Exports:
    """`work_dir` holds an archive while it is packed; it is removed however that ends."""

    def __init__(
        self,
        db: Database,
        keys: Keys,
        storage: Storage,
        jobs: Jobs,
        clock: Clock,
        notifier: Notifier,
        metadata: MetaData,
        data_map: DataMap,
        work_dir: Path,
        link_s: int,
    ) -> None:
        self._db = db
        self._keys = keys
        self._storage = storage
        self._jobs = jobs
        self._clock = clock
        self._notifier = notifier
        self._metadata = metadata
        self._data_map = data_map
        self._work_dir = work_dir
        self._link_ms = link_s * 1000
        jobs.handle(EXPORT, self._run, attempts=4, timeout_s=EXPORT_TIMEOUT_S)

    async def request(self, account_id: str) -> tuple[ExportView, bool]:
        """The export and whether it is a new one."""
        now = self._clock.at_ms()
        recent = (
            select(export)
            .where(export.c.account_id == account_id, export.c.requested_ms > now - SAME_MS, export.c.state.in_(("waiting", "ready")))
            .order_by(export.c.id.desc())
            .limit(1)
        )
        async with self._db.write(slow=True) as conn:
            row = (await conn.execute(recent)).one_or_none()
            if row is not None and (row.expires_ms is None or row.expires_ms > now):
                return _view(row, now), False
            export_id = new_id()
            await conn.execute(insert(export).values(id=export_id, account_id=account_id, state="waiting", requested_ms=now))
            await self._jobs.enqueue(conn, EXPORT, {"export": export_id}, key=f"{EXPORT}:{export_id}")
        return await self.get(account_id, export_id), True

    async def get(self, account_id: str, export_id: str) -> ExportView:
        async with self._db.read(slow=True) as conn:
            row = (await conn.execute(select(export).where(export.c.id == export_id, export.c.account_id == account_id))).one_or_none()
        if row is None:
            raise errors.NotFound("There is no such export.")
        return _view(row, self._clock.at_ms())

    async def open(self, account_id: str, export_id: str) -> tuple[ExportView, int, AsyncIterator[bytes]]:
        """(the export, its bytes, a stream of them). Raises Conflict while it is packed, Gone when it has expired."""
        view = await self.get(account_id, export_id)
        if view.state == "expired":
            raise errors.Gone("This export has expired; ask for a new one.", type="link_expired")
        if view.state != "ready":
            raise errors.Conflict(f"This export is {view.state}.")
        key = _key(account_id, export_id)
        try:
            stored = await self._storage.head(key)
        except KeyError as exc:
            raise errors.Gone("This export has expired; ask for a new one.", type="link_expired") from exc
        return view, stored.size_bytes, self._storage.stream(key)

    async def expire(self) -> None:
        """Delete archives whose link has expired."""
        now = self._clock.at_ms()
        async with self._db.read(slow=True) as conn:
            rows = (await conn.execute(select(export).where(export.c.state == "ready", export.c.expires_ms <= now).limit(1000))).all()
        for row in rows:
            await self._storage.delete(_key(row.account_id, row.id))
            async with self._db.write(slow=True) as conn:
                await conn.execute(update(export).where(export.c.id == row.id).values(state="expired"))

    # -- packing
    async def _run(self, job: Job) -> None:
        export_id = str(job.payload["export"])
        async with self._db.read(slow=True) as conn:
            row = (await conn.execute(select(export).where(export.c.id == export_id))).one_or_none()
        if row is None or row.state != "waiting":
            return
        self._work_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix="export-") as directory:
            path = Path(directory) / "export.zip"
            await self._pack(path, row.account_id)
            stored = await self._storage.put(_key(row.account_id, export_id), path)
        now = self._clock.at_ms()
        ready = {"state": "ready", "ready_ms": now, "expires_ms": now + self._link_ms, "size_bytes": stored.size_bytes}
        async with self._db.write(slow=True) as conn:
            changed = await conn.execute(update(export).where(export.c.id == export_id).values(ready))
            if changed.rowcount:
                data = {"export": export_id, "expires_at": now + self._link_ms}
                await self._notifier.notify(conn, row.account_id, "export_ready", data, key=f"export:{export_id}")
        if not changed.rowcount:
            # The account was erased meanwhile: what was packed must not outlive it.
            await self._storage.delete(_key(row.account_id, export_id))

    async def _pack(self, path: Path, account_id: str) -> None:
        manifest: dict[str, Any] = {"format": FORMAT, "account": account_id, "made_at": self._clock.at_ms(), "tables": [], "objects": []}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for declared in declared_tables(self._metadata):
                manifest["tables"].append(await self._pack_table(archive, declared, account_id))
            for objects in self._data_map.objects:
                prefix = objects.prefix.format(account=account_id)
                entry: dict[str, Any] = {"prefix": objects.prefix.partition("/")[0], "what": objects.what, "files": []}
                if objects.prefix == EXPORTS:
                    entry["left_out"] = "archives such as this one"
                else:
                    entry["files"] = await self._pack_objects(archive, prefix)
                manifest["objects"].append(entry)
            archive.writestr("manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2))

    async def _pack_table(self, archive: zipfile.ZipFile, declared: Declared, account_id: str) -> dict[str, Any]:
        personal, name = declared.personal, declared.table.name
        entry: dict[str, Any] = {
            "table": name,
            "what": personal.what,
            "why": list(personal.why),
            "keep_for": personal.keep_for,
            "source": personal.source,
        }
        if personal.category is None:
            return entry | {"file": None, "left_out": personal.export_reason}
        file = f"data/{personal.category}/{name}.json"
        rows = 0
        with archive.open(file, "w") as out:
            out.write(b"[")
            async for row in self._rows(declared, account_id):
                out.write((b",\n" if rows else b"\n") + orjson.dumps(await self._shown(declared, row, account_id)))
                rows += 1
            out.write(b"\n]\n")
        hidden = sorted(personal.hidden)
        return entry | {"file": file, "rows": rows, "columns_left_out": hidden}

    async def _rows(self, declared: Declared, account_id: str) -> AsyncIterator[Row[Any]]:
        """In pieces by the primary key, so that no statement reads everything and others write in between."""
        keys = list(declared.table.primary_key.columns)
        after: Row[Any] | None = None
        while True:
            query = select(declared.table).where(declared.exported(account_id))
            if after is not None:
                query = query.where(_beyond(keys, after))
            async with self._db.read(slow=True) as conn:
                rows = await _fetch(conn, query.order_by(*keys).limit(ROWS))
            for row in rows:
                yield row
            if len(rows) < ROWS:
                return
            after = rows[-1]

    async def _shown(self, declared: Declared, row: Row[Any], account_id: str) -> dict[str, Any]:
        personal = declared.personal
        own = getattr(row, personal.subject) == account_id
        shown: dict[str, Any] = {}
        if not own and personal.source_of_others is not None:
            shown["source"] = personal.source_of_others
        for column in declared.table.columns:
            # The schema's names are a kind of string that JSON does not take as a key.
            name, value = str(column.name), getattr(row, column.name)
            if column.name in personal.hidden or (not own and column.name in (*personal.sealed, *personal.hidden_from_others)):
                continue
            if column.name in personal.sealed and value is not None:
                shown[name] = await self._opened(account_id, value, f"{declared.table.name}.{name}")
            elif isinstance(column.type, LargeBinary) and value is not None:
                shown[name] = base64.b64encode(value).decode()
            else:
                shown[name] = value
        return shown

    async def _opened(self, account_id: str, sealed: bytes, context: str) -> Any:
        try:
            plain = await self._keys.open(f"account:{account_id}", sealed, context)
        except KeyDestroyed:
            return None
        try:
            text = plain.decode()
        except UnicodeDecodeError:
            return base64.b64encode(plain).decode()
        if text[:1] in ("[", "{"):
            try:
                return orjson.loads(text)
            except orjson.JSONDecodeError:
                return text
        return text

    async def _pack_objects(self, archive: zipfile.ZipFile, prefix: str) -> list[str]:
        names = []
        keys = [stored.key async for stored in self._storage.list(prefix)]
        for key in keys:
            # The account's id is in the manifest once; names inside are the kind and what follows it.
            top, _, rest = key.partition("/")
            name = f"media/{top}/{rest.partition('/')[2] or rest}"
            # What is media is compressed already.
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_STORED
            with archive.open(info, "w", force_zip64=True) as out:
                await self._copy(key, out)
            names.append(name)
        return names

    async def _copy(self, key: str, out: IO[bytes]) -> None:
        async for chunk in self._storage.stream(key):
            await asyncio.to_thread(out.write, chunk)


async def _fetch(conn: AsyncConnection, query: Any) -> list[Row[Any]]:
    return list((await conn.execute(query)).all())


def _beyond(keys: list[Any], row: Row[Any]) -> Any:
    """Rows after this one in the order of the primary key, written out since not every index serves a row comparison."""
    clauses = []
    for place, key in enumerate(keys):
        same = [earlier == getattr(row, earlier.name) for earlier in keys[:place]]
        clause = key > getattr(row, key.name)
        for condition in same:
            clause = clause & condition
        clauses.append(clause)
    return or_(*clauses)


def _key(account_id: str, export_id: str) -> str:
    return f"{EXPORTS.format(account=account_id)}{export_id}.zip"


def _view(row: Row[Any], now_ms: int) -> ExportView:
    state = "expired" if row.state == "ready" and row.expires_ms is not None and row.expires_ms <= now_ms else row.state
    return ExportView(row.id, row.account_id, state, row.requested_ms, row.ready_ms, row.expires_ms, row.size_bytes)
