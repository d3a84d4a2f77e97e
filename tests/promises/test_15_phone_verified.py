"""15. Phone mandatory and verified: six digits, ten minutes, five tries, one use."""

from tests.people import Person
from tests.serving import Server


def other_code(code: str, step: int = 1) -> str:
    return f"{(int(code) + step) % 1_000_000:06d}"


async def test_15_no_phone_no_account(server: Server) -> None:
    body = Person(server, "anna", 1).sign_up_body()
    del body["phone"]
    answer = await server.call("POST", "/api/v1/accounts", body)
    assert [error["field"] for error in answer.json["errors"]] == ["phone"]


async def test_15_it_is_kept_as_e164(server: Server) -> None:
    anna = await server.person("anna", verify=False, phone="+49 (0)151-1200 0042")
    assert (await anna.get("/api/v1/me")).json["phone"] == "+4915112000042"


async def test_15_five_wrong_tries_void_the_code(server: Server) -> None:
    anna = await server.person("anna", verify=False)
    code = await server.code(anna.phone)
    assert (len(code), code.isdigit()) == (6, True)
    for step in range(1, 6):
        wrong = await anna.post("/api/v1/accounts/verify", {"channel": "phone", "code": other_code(code, step)})
        assert (wrong.status, wrong.type) == (422, "wrong_code")
    sixth = await anna.post("/api/v1/accounts/verify", {"channel": "phone", "code": code})
    assert (sixth.status, sixth.type) == (429, "code_void")
    assert int(sixth.headers["Retry-After"]) > 0
    # A new one opens the way again.
    assert (await anna.post("/api/v1/accounts/verify/resend", {"channel": "phone"})).status == 202
    fresh = await server.code(anna.phone, after=1)
    assert (await anna.post("/api/v1/accounts/verify", {"channel": "phone", "code": fresh})).json["phone_verified"]


async def test_15_a_code_lives_ten_minutes(server: Server) -> None:
    anna, ben = await server.person("anna", verify=False), await server.person("ben", verify=False)
    codes = {person: await server.code(person.phone) for person in (anna, ben)}
    server.clock.advance(595)
    assert (await anna.post("/api/v1/accounts/verify", {"channel": "phone", "code": codes[anna]})).status == 200
    server.clock.advance(10)
    assert (await ben.post("/api/v1/accounts/verify", {"channel": "phone", "code": codes[ben]})).status == 410


async def test_15_a_code_works_once_and_the_last_one_counts(server: Server) -> None:
    anna = await server.person("anna", verify=False)
    first = await server.code(anna.phone)
    await anna.post("/api/v1/accounts/verify/resend", {"channel": "phone"})
    second = await server.code(anna.phone, after=1)
    assert (await anna.post("/api/v1/accounts/verify", {"channel": "phone", "code": first})).status == 422
    assert (await anna.post("/api/v1/accounts/verify", {"channel": "phone", "code": second})).status == 200
    assert (await anna.post("/api/v1/accounts/verify", {"channel": "phone", "code": second})).status == 410
    assert (await anna.post("/api/v1/accounts/verify/resend", {"channel": "phone"})).type == "already_verified"


async def test_15_the_code_is_stored_in_no_form(server: Server) -> None:
    anna = await server.person("anna", verify=False)
    code = await server.code(anna.phone)
    files = [path for path in server.settings.data_dir.rglob("*") if path.is_file()]
    holding = [path.name for path in files if code.encode() in path.read_bytes()]
    assert holding == ["outbox.jsonl"]
