"""13. The password is stored safely."""

import argon2
import pytest
from sqlalchemy import select, update

from livecore.accounts import tables
from tests.people import Person
from tests.serving import Server


async def stored_hash(server: Server, person: Person) -> str:
    async with server.app.db.read() as conn:
        query = select(tables.account.c.password_hash).where(tables.account.c.id == person.id)
        return str((await conn.execute(query)).scalar_one())


async def test_13_the_hash_is_argon2id_with_enough_work(server: Server) -> None:
    anna = await server.person("anna")
    hashed = await stored_hash(server, anna)
    assert hashed.startswith("$argon2id$")
    parameters = argon2.extract_parameters(hashed)
    assert parameters.memory_cost >= 19456
    assert parameters.time_cost >= 2
    assert parameters.parallelism >= 1


async def test_13_the_password_is_in_no_log_file_or_answer(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    marker = "Xq7 zebra-marker 41"
    anna = await server.person("anna", password=marker)
    wrong = marker + "x"
    answers = [
        await server.call("POST", "/api/v1/sessions", {"login": "anna", "password": wrong, "device": anna.device}),
        await server.call("POST", "/api/v1/accounts", anna.sign_up_body(password=marker)),
        await server.call("POST", "/api/v1/accounts", anna.sign_up_body(password=marker, phone="none")),
        await anna.put("/api/v1/me/password", {"present": wrong, "password": marker}),
        await anna.put("/api/v1/me/password", {"present": marker}),
        await anna.get("/api/v1/me"),
        await anna.get("/api/v1/me/activity"),
    ]
    assert [answer.status for answer in answers] == [401, 409, 422, 403, 422, 200, 200]
    for answer in answers:
        assert marker.encode() not in answer.body
    out, err = capfd.readouterr()
    assert marker not in out + err
    files = [path for path in server.settings.data_dir.rglob("*") if path.is_file()]
    assert any(b"anna" in path.read_bytes() for path in files)  # so that the search would find it
    for path in files:
        assert marker.encode() not in path.read_bytes(), path


async def test_13_a_weaker_hash_is_made_anew_at_sign_in(server: Server) -> None:
    anna = await server.person("anna")
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(anna.password)
    async with server.app.db.write() as conn:
        await conn.execute(update(tables.account).where(tables.account.c.id == anna.id).values(password_hash=weak))
    await anna.sign_in()
    parameters = argon2.extract_parameters(await stored_hash(server, anna))
    assert (parameters.memory_cost, parameters.time_cost) == (19456, 2)
    strong = await stored_hash(server, anna)
    await anna.sign_in()
    assert await stored_hash(server, anna) == strong
