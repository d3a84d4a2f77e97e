"""The audit log: every act with its actor and reason, in a chain that neither staff nor the database lets anybody change."""

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from livecore.trust.tables import audit_detail, audit_entry, audit_head
from tests.people import Person
from tests.serving import Server


async def acts(server: Server, number: int) -> None:
    for index in range(number):
        async with server.app.db.write() as conn:
            await server.app.audit.record(conn, "system", "test.act", subject=f"{index:032x}", details={"reason": f"reason {index}"})


async def verdict(staff: Person) -> dict[str, object]:
    answer = await staff.get("/api/v1/admin/audit/verify")
    assert answer.status == 200, answer
    found: dict[str, object] = answer.json
    return found


async def test_an_untouched_chain_is_intact(server: Server) -> None:
    ada = await server.person("ada", staff="admin")
    await acts(server, 5)
    found = await verdict(ada)
    assert found["intact"] is True
    assert int(str(found["entries"])) >= 5


@pytest.mark.parametrize("change", ["update", "delete"])
async def test_the_database_refuses_to_change_entries(server: Server, change: str) -> None:
    await acts(server, 2)
    statement = update(audit_entry).values(act="nothing") if change == "update" else delete(audit_entry)
    with pytest.raises(DBAPIError, match="append-only"):
        async with server.app.db.write() as conn:
            await conn.execute(statement)
    async with server.app.db.read() as conn:
        assert [row.act for row in await conn.execute(select(audit_entry.c.act).where(audit_entry.c.act == "test.act"))] == ["test.act"] * 2


@pytest.mark.embedded
async def test_a_changed_entry_is_found_even_when_the_guards_were_taken_away(server: Server) -> None:
    ada = await server.person("ada", staff="admin")
    await acts(server, 3)
    async with server.app.db.write() as conn:
        await conn.execute(text("DROP TRIGGER audit_entry_no_update"))
        last = (await conn.execute(select(audit_head.c.seq))).scalar_one()
        await conn.execute(update(audit_entry).where(audit_entry.c.seq == last - 1).values(act="another.act"))
    found = await verdict(ada)
    assert (found["intact"], found["broken_at"]) == (False, last - 1)


async def test_a_changed_side_row_is_found(server: Server) -> None:
    ada = await server.person("ada", staff="admin")
    await acts(server, 2)
    async with server.app.db.write() as conn:
        last = (await conn.execute(select(audit_head.c.seq))).scalar_one()
        await conn.execute(update(audit_detail).where(audit_detail.c.seq == last).values(details='{"reason": "another"}'))
    found = await verdict(ada)
    assert (found["intact"], found["broken_at"]) == (False, last)


async def test_an_entry_that_was_slipped_in_is_found(server: Server) -> None:
    ada = await server.person("ada", staff="admin")
    await acts(server, 1)
    async with server.app.db.write() as conn:
        last = (await conn.execute(select(audit_head.c.seq))).scalar_one()
        forged = {"seq": last + 1, "at_ms": 1, "act": "forged", "commitment": bytes(32), "hash": bytes(32)}
        await conn.execute(insert(audit_entry).values(forged))
    assert (await verdict(ada))["intact"] is False


async def test_details_may_be_forgotten_and_the_chain_stays_whole(server: Server) -> None:
    ada = await server.person("ada", staff="admin")
    await acts(server, 3)
    async with server.app.db.write() as conn:
        await conn.execute(delete(audit_detail).where(audit_detail.c.subject_id == f"{1:032x}"))
    found = await verdict(ada)
    assert (found["intact"], found["forgotten"]) == (True, 1)
    entries = (await ada.get("/api/v1/admin/audit")).json["items"]
    assert [entry["forgotten"] for entry in entries if entry["act"] == "test.act"] == [False, True, False]


async def test_only_admins_and_legal_staff_read_the_log(server: Server) -> None:
    for name, role, status in (("ada", "admin", 200), ("lena", "legal", 200), ("mona", "moderator", 403), ("sam", "support", 403)):
        somebody = await server.person(name, staff=role)
        assert (await somebody.get("/api/v1/admin/audit")).status == status, role
    anna = await server.person("anna")
    assert (await anna.get("/api/v1/admin/audit")).status == 403
