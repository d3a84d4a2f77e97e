"""21 and 22. Optional profile fields: each set, cleared and length-checked; hosted only if given."""

import json

import pytest

from tests.promises.test_35_access_own_data import export_of
from tests.serving import Server

OPTIONAL = {"profile_name": 50, "gender": 40, "age_info": 40, "status_message": 140}


async def test_22_a_fresh_profile_has_none_of_them(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    account = (await anna.get("/api/v1/me")).json
    assert {field: account[field] for field in (*OPTIONAL, "avatar")} == dict.fromkeys((*OPTIONAL, "avatar"))
    profile = (await ben.get("/api/v1/users/anna")).json
    shown = ("gender", "age_info", "status_message", "avatar")
    assert {field: profile[field] for field in shown} == dict.fromkeys(shown)
    _, archive = await export_of(anna)
    (exported,) = json.loads(archive.read("data/account/account.json"))
    assert {field: exported[field] for field in (*OPTIONAL, "avatar_id")} == dict.fromkeys((*OPTIONAL, "avatar_id"))
    assert json.loads(archive.read("data/profile_traits/profile_trait.json")) == []
    assert not [name for name in archive.namelist() if "avatar" in name]


@pytest.mark.parametrize(("field", "limit"), OPTIONAL.items())
async def test_21_each_is_set_cleared_and_length_checked(server: Server, field: str, limit: int) -> None:
    anna = await server.person("anna")
    longest = "é" * limit
    assert (await anna.patch("/api/v1/me", {field: longest})).json[field] == longest
    too_long = await anna.patch("/api/v1/me", {field: longest + "x"})
    assert (too_long.status, [error["field"] for error in too_long.json["errors"]]) == (422, [field])
    for refused in ("", "   ", 7, ["a"], "a\u202eb"):
        assert (await anna.patch("/api/v1/me", {field: refused})).status == 422, refused
    assert (await anna.get("/api/v1/me")).json[field] == longest
    assert (await anna.patch("/api/v1/me", {field: None})).json[field] is None
    assert (await anna.get("/api/v1/me")).json[field] is None


async def test_21_what_is_needed_cannot_be_cleared(server: Server) -> None:
    anna = await server.person("anna")
    for field in ("name", "email", "phone"):
        assert (await anna.patch("/api/v1/me", {field: None})).status == 422
    for field in ("username", "birth_date", "id", "staff"):
        assert (await anna.patch("/api/v1/me", {field: "x"})).status == 422


async def test_21_the_profile_name_stands_for_the_name(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    assert (await ben.get("/api/v1/users/anna")).json["name"] == "Anna Example"
    await anna.patch("/api/v1/me", {"profile_name": "Annie the Great"})
    assert (await ben.get("/api/v1/users/anna")).json["name"] == "Annie the Great"
    found = await ben.get("/api/v1/users", params={"q": "great"})
    assert [person["username"] for person in found.json["items"]] == ["anna"]


async def test_21_interests_languages_and_region_are_set_cleared_and_checked(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    empty = {"interests": [], "languages": [], "region": None}
    given = {"interests": ["chess", "hiking"], "languages": ["de", "en"], "region": "AT-9"}
    assert {field: (await anna.get("/api/v1/me")).json[field] for field in empty} == empty
    before = (await anna.get("/api/v1/me")).headers["ETag"]
    answer = await anna.patch("/api/v1/me", {"interests": ["#Chess", " hiking ", "chess"], "languages": ["en", "de"], "region": "AT-9"})
    assert ({field: answer.json[field] for field in given}, answer.headers["ETag"] != before) == (given, True)
    profile = (await ben.get("/api/v1/users/anna")).json
    assert {field: profile[field] for field in given} == given
    for wrong in (
        {"interests": ["x" * 25]},
        {"interests": [f"word{number}" for number in range(11)]},
        {"interests": [""]},
        {"interests": "chess"},
        {"languages": ["German"]},
        {"languages": ["de"] * 6},
        {"region": "48.2,16.3"},
        {"region": "Vienna"},
    ):
        refused = await anna.patch("/api/v1/me", wrong)
        assert (refused.status, refused.json["errors"][0]["field"].split(".")[0]) == (422, next(iter(wrong))), wrong
    assert (await anna.patch("/api/v1/me", {"interests": None, "region": None})).json["interests"] == []
    assert {field: (await anna.get("/api/v1/me")).json[field] for field in empty} == empty | {"languages": ["de", "en"]}
