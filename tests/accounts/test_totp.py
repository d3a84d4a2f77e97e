"""RFC 6238, and the second factor over HTTP."""

import base64

import pytest

from livecore.accounts.totp import address, code_at, matching_step, secret_text
from tests.people import Person
from tests.serving import Answer, Server

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("at_s", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_vectors_of_the_rfc(at_s: int, code: str) -> None:
    assert code_at(SECRET, at_s // 30) == code
    assert matching_step(SECRET, code, at_s * 1000, 0) == at_s // 30


def test_a_code_works_a_step_early_and_late_and_once() -> None:
    code = code_at(SECRET, 100)
    assert [matching_step(SECRET, code, step * 30_000, 0) for step in (98, 99, 100, 101, 102)] == [None, 100, 100, 100, None]
    assert matching_step(SECRET, code, 100 * 30_000, 100) is None


def test_apps_are_given_base32_without_padding() -> None:
    assert secret_text(b"a") == "ME"
    assert address(SECRET, "livecore", "ann.lee") == (
        "otpauth://totp/livecore:ann.lee?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=livecore&algorithm=SHA1&digits=6&period=30"
    )


async def sign_in(person: Person, **code: str) -> Answer:
    body = {"login": person.username, "password": person.password, "device": person.device}
    return await person.server.call("POST", "/api/v1/sessions", body | code)


async def enrolled(server: Server, person: Person) -> tuple[bytes, list[str]]:
    made = await person.post("/api/v1/me/two-factor", {"password": person.password})
    assert made.status == 201, made
    text = made.json["secret"]
    secret = base64.b32decode(text + "=" * (-len(text) % 8))
    # Not asked for before it is confirmed.
    assert (await sign_in(person)).status == 201
    answer = await person.post("/api/v1/me/two-factor/confirm", {"code": now(server, secret)})
    assert answer.status == 200, answer
    return secret, answer.json["recovery_codes"]


def now(server: Server, secret: bytes) -> str:
    return code_at(secret, server.clock.at_ms() // 30_000)


async def test_a_second_factor_is_asked_for_and_works_once(server: Server) -> None:
    anna = await server.person("anna")
    secret, _ = await enrolled(server, anna)
    assert (await sign_in(anna)).type == "second_factor"
    used = now(server, secret)
    assert (await sign_in(anna, code=used)).type == "wrong_code"
    server.clock.advance(31)
    fresh = now(server, secret)
    assert (await sign_in(anna, code=fresh)).status == 201
    assert (await sign_in(anna, code=fresh)).type == "wrong_code"
    # Who does not know the password learns nothing of it.
    anna.password = "some other password"
    assert (await sign_in(anna)).type == "wrong_login"


async def test_recovery_codes_work_once_each(server: Server) -> None:
    anna = await server.person("anna")
    _, codes = await enrolled(server, anna)
    assert len(set(codes)) == 10
    assert (await sign_in(anna, code=codes[0].upper())).status == 201
    assert (await sign_in(anna, code=codes[0])).type == "wrong_code"
    assert (await sign_in(anna, code=codes[1])).status == 201
    assert (await anna.get("/api/v1/me/two-factor")).json == {"enabled": True, "recovery_codes_left": 8}
    stored = (server.settings.data_dir / "livecore.sqlite").read_bytes()
    assert codes[2].encode() not in stored


async def test_it_is_switched_off_with_the_password(server: Server) -> None:
    anna = await server.person("anna")
    await enrolled(server, anna)
    assert (await anna.post("/api/v1/me/two-factor", {"password": anna.password})).type == "two_factor_on"
    assert (await anna.delete("/api/v1/me/two-factor", json={"password": "not this"})).type == "wrong_password"
    assert (await sign_in(anna)).type == "second_factor"
    assert (await anna.delete("/api/v1/me/two-factor", json={"password": anna.password})).status == 204
    assert (await sign_in(anna)).status == 201


async def test_a_wrong_first_code_switches_nothing_on(server: Server) -> None:
    anna = await server.person("anna")
    assert (await anna.post("/api/v1/me/two-factor/confirm", {"code": "000000"})).type == "no_code"
    await anna.post("/api/v1/me/two-factor", {"password": anna.password})
    assert (await anna.post("/api/v1/me/two-factor/confirm", {"code": "12345"})).status == 422
    assert (await sign_in(anna)).status == 201
