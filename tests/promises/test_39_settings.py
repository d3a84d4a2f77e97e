"""39. Services Settings is the one place: every control with its schema; an unknown key is refused."""

from pathlib import Path

import jsonschema
import pytest

from livecore.accounts.controls import CONTROLS
from livecore.errors import Invalid
from livecore.ports import AUDIENCES
from tests.serving import Server

NEEDED = {
    *(f"visibility_{what}" for what in ("phone", "name", "photo", "status", "birthday", "last_seen", "friends")),
    "who_can_message",
    "who_can_request",
    "who_can_add_to_groups",
    "who_can_invite",
    "usage_data",
    "diagnostics",
    "marketing",
    "notify_messages",
    "notify_friends",
    "notify_lives",
    "discoverable_by_phone",
    "discoverable_by_name",
    "personalised",
    "restrict",
}


async def test_39_every_control_is_listed_with_its_schema(server: Server) -> None:
    anna = await server.person("anna")
    settings = (await anna.get("/api/v1/me/settings")).json
    jsonschema.Draft202012Validator.check_schema(settings["schema"])
    jsonschema.validate(settings["values"], settings["schema"])
    assert set(settings["schema"]["properties"]) == set(settings["values"])
    assert set(settings["values"]) >= NEEDED
    for key, schema in settings["schema"]["properties"].items():
        assert schema["default"] == settings["values"][key], key
        assert schema["title"]
        assert schema["type"] == "boolean" or schema["enum"] == list(AUDIENCES)


async def test_39_each_takes_each_of_its_values_and_keeps_it(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    schema = (await anna.get("/api/v1/me/settings")).json["schema"]
    for key, control in schema["properties"].items():
        for value in control.get("enum", [True, False]):
            assert (await anna.patch("/api/v1/me/settings", {key: value})).json["values"][key] == value
            assert (await anna.get("/api/v1/me/settings")).json["values"][key] == value
        assert (await anna.patch("/api/v1/me/settings", {key: control["default"]})).status == 200
    assert (await ben.get("/api/v1/me/settings")).json["values"] == (await anna.get("/api/v1/me/settings")).json["values"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"visibility_shoe_size": "everyone"}, "visibility_shoe_size"),
        ({"visibility_phone": "enemies"}, "visibility_phone"),
        ({"visibility_phone": None}, "visibility_phone"),
        ({"visibility_phone": True}, "visibility_phone"),
        ({"personalised": "friends"}, "personalised"),
        ({"restrict": None}, "restrict"),
    ],
)
async def test_39_what_is_no_setting_is_refused_and_nothing_changes(server: Server, change: dict[str, object], field: str) -> None:
    anna = await server.person("anna")
    answer = await anna.patch("/api/v1/me/settings", {"visibility_name": "friends"} | change)
    assert answer.status == 422, answer
    assert [error["field"] for error in answer.json["errors"]] == [field]
    # Nor does anything within the server get it past the service.
    with pytest.raises(Invalid):
        await server.app.preferences.change(anna.id, {"visibility_name": "friends"} | change)
    assert (await anna.get("/api/v1/me/settings")).json["values"]["visibility_name"] == "everyone"


def test_39_no_control_is_without_a_test_that_it_holds() -> None:
    here = Path(__file__)
    tests = [path.read_text() for path in here.parents[1].rglob("test_*.py") if path != here]
    assert [key for key in CONTROLS if not any(f'"{key}"' in text for text in tests)] == []
