"""Rows over their time are gone, others stay; a minor's account is purged by staff."""

from sqlalchemy import func, select

from livecore.data import metadata
from livecore.privacy.schema import declared_tables
from tests.serving import Server
from tests.waiting import until

DAY_S = 86400


async def notices_of(server: Server, account_id: str) -> int:
    table = metadata.tables["notice"]
    async with server.app.db.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(table).where(table.c.account_id == account_id))).scalar_one())


async def give(server: Server, account_id: str) -> None:
    async with server.app.db.write() as conn:
        await server.app.notices.notify(conn, account_id, "test", {})


async def test_what_is_over_its_time_goes_and_the_rest_stays(server: Server) -> None:
    anna = await server.person("anna")
    declared = next(one for one in declared_tables(metadata) if one.table.name == "notice")
    days = declared.personal.retention_days
    assert days
    await give(server, anna.id)
    before = await notices_of(server, anna.id)
    server.clock.advance((days - 1) * DAY_S)
    await give(server, anna.id)
    await server.app.retention.apply()
    assert await notices_of(server, anna.id) == before + 1
    server.clock.advance(2 * DAY_S)
    await server.app.retention.apply()
    assert await notices_of(server, anna.id) == 1


def test_every_time_limit_has_a_column_that_says_since_when() -> None:
    limited = [one for one in declared_tables(metadata) if one.personal.retention_days is not None]
    assert len(limited) >= 3
    for one in limited:
        assert one.personal.retention_column in one.table.c, one.table.name
        assert str(one.personal.retention_column).endswith("_ms"), one.table.name


async def test_17_a_minor_found_later_is_purged_with_a_tombstone_that_names_nobody(server: Server) -> None:
    lena, mona = await server.person("lena", staff="legal"), await server.person("mona", staff="moderator")
    child = await server.person("kid.marker")
    purge = {"ground": "underage", "reason": "A parent wrote to us."}
    assert (await mona.post("/api/v1/admin/users/kid.marker/purge", purge)).status == 403
    assert (await lena.post("/api/v1/admin/users/kid.marker/purge", purge)).status == 202
    assert (await server.call("GET", "/api/v1/me", token=child.access)).status == 401
    assert (await lena.get("/api/v1/users/kid.marker")).status == 404

    async def gone() -> bool:
        async with server.app.db.read() as conn:
            for table in metadata.sorted_tables:
                for row in (await conn.execute(select(table))).all():
                    text = " ".join(str(value) for value in row)
                    if child.id in text or child.email in text or "kid.marker" in text:
                        return False
        return True

    await until(gone, "nothing to lead to the child")
    again = await server.call("POST", "/api/v1/accounts", child.sign_up_body(email="other@example.org", phone="+4915112345678"))
    assert (again.status, again.type) == (409, "username_taken")
