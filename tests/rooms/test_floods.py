"""Floods are held up for each pair, each account and each address, with the time to wait."""

import pytest

from livecore import config
from tests.conftest import StartServer
from tests.rooms.talk import direct, friends, group, say


@pytest.mark.parametrize(
    ("rule", "is_direct"),
    [("message_per_pair", True), ("message_per_account", False), ("message_per_address", False)],
    ids=lambda one: str(one),
)
async def test_a_flood_is_told_when_to_come_back(
    rule: str, is_direct: bool, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(config.RATES, rule, config.Rate(3, 60, "short for the test"))
    server = await start_server(rate_scale=1.0)
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben) if is_direct else await group(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    for number in range(3):
        await say(a, talk, f"m{number}")
    refused = await a.call("message:send", {"conversation": talk, "client_id": "late", "body": "too many"})
    assert (refused["ok"], refused["error"]["status"]) == (False, 429)
    # Rounded up to whole seconds.
    assert 0 < refused["error"]["retry_after"] <= 61
    # What was accepted before is answered as before; another account is held up only where the address is counted.
    assert (await a.call("message:send", {"conversation": talk, "client_id": "m0", "body": "m0"}))["ok"]
    other = await b.call("message:send", {"conversation": talk, "client_id": "bens", "body": "hello"})
    assert other["ok"] == (rule != "message_per_address")
