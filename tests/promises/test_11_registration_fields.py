"""11. Registration fields: "your name, username, password, email address, phone number, and date of birth"."""

import pytest

from tests.people import Person
from tests.serving import Server

FIELDS = ["name", "username", "password", "email", "phone", "birth_date"]


@pytest.mark.parametrize("value", ["left out", None, "", 7, ["x"]])
async def test_11_a_field_that_is_missing_or_no_such_thing_is_named(server: Server, value: object) -> None:
    for field in FIELDS:
        body = Person(server, "anna", 1).sign_up_body(**{field: value})
        if value == "left out":
            del body[field]
        answer = await server.call("POST", "/api/v1/accounts", body)
        assert answer.status == 422, answer
        assert [error["field"] for error in answer.json["errors"]] == [field]
    # Nothing was written: the same name, address and number are free.
    assert (await server.call("POST", "/api/v1/accounts", Person(server, "anna", 1).sign_up_body())).status == 201


async def test_11_every_missing_field_is_named_at_once(server: Server) -> None:
    answer = await server.call("POST", "/api/v1/accounts", {})
    assert answer.status == 422
    assert {error["field"] for error in answer.json["errors"]} == {*FIELDS, "accept", "device"}


async def test_11_all_present_gives_an_account_and_tokens(server: Server) -> None:
    answer = await server.call("POST", "/api/v1/accounts", Person(server, "anna", 1).sign_up_body())
    assert answer.status == 201, answer
    account, tokens = answer.json["account"], answer.json["tokens"]
    assert account["username"] == "anna"
    assert account["phone"] == "+4915112000001"
    assert (await server.call("GET", "/api/v1/me", token=tokens["access"])).json["id"] == account["id"]
    assert tokens["expires_in"] == server.settings.access_token_s


async def test_11_a_field_that_nobody_asked_for_is_refused(server: Server) -> None:
    answer = await server.call("POST", "/api/v1/accounts", Person(server, "anna", 1).sign_up_body(staff=["admin"]))
    assert answer.status == 422
    assert [error["field"] for error in answer.json["errors"]] == ["staff"]
