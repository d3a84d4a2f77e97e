"""Order in a live's room: moderators, mutes, bans, pinned and removed lines."""

from typing import Any

from tests.people import Listener
from tests.rooms.talk import refusal
from tests.serving import Server
from tests.waiting import until


async def scene(server: Server) -> tuple[str, dict[str, Any], dict[str, Listener]]:
    """A live of anna's, with ben, carl and dora in its room."""
    people = {name: await server.person(name) for name in ("anna", "ben", "carl", "dora")}
    live = (await people["anna"].post("/api/v1/lives", {"title": "Evening"})).json["id"]
    listeners = {name: await person.connect() for name, person in people.items()}
    for listener in listeners.values():
        assert (await listener.call("live:join", {"live": live}))["ok"]
    return live, people, listeners


async def said(listener: Listener, live: str, body: str) -> str:
    answer = await listener.call("live:say", {"live": live, "body": body})
    assert answer["ok"], answer
    return str(answer["data"]["id"])


async def test_a_moderator_mutes_puts_out_and_bans_for_a_time(server: Server) -> None:
    live, people, sockets = await scene(server)
    path = f"/api/v1/lives/{live}"

    async def restrict(by: str, username: str, kind: str, **more: Any) -> Any:
        return await people[by].post(f"{path}/restrictions", {"username": username, "kind": kind} | more)

    assert (await restrict("ben", "carl", "muted")).type == "not_a_moderator"
    assert (await people["ben"].put(f"{path}/moderators/ben")).type == "not_the_host"
    assert (await people["anna"].put(f"{path}/moderators/ben")).status == 204
    assert await until(lambda: sockets["ben"].heard("live:role")) == [{"live": live, "role": "moderator"}]
    assert (await restrict("ben", "carl", "muted", duration=60)).status == 204
    [told] = await until(lambda: sockets["carl"].heard("live:restricted"))
    assert (told["kind"], told["on"]) == ("muted", True)
    assert await refusal(sockets["carl"], "live:say", {"live": live, "body": "hm"}) == "muted"
    server.clock.advance(61)
    await said(sockets["carl"], live, "again")
    # Put out once, and back at once if one likes; banned is banned, until its time is over.
    assert (await restrict("ben", "carl", "kicked")).status == 204
    await until(lambda: len(sockets["carl"].heard("live:restricted")) == 2)
    await said(sockets["anna"], live, "without carl")
    await until(lambda: sockets["ben"].heard("live:message"))
    assert "without carl" not in [line["body"] for line in sockets["carl"].heard("live:message")]
    assert (await sockets["carl"].call("live:join", {"live": live}))["ok"]
    assert (await restrict("ben", "carl", "banned", duration=120)).status == 204
    assert await refusal(sockets["carl"], "live:join", {"live": live}) == "not_found"
    assert await refusal(sockets["carl"], "live:say", {"live": live, "body": "let me in"}) == "not_found"
    order = (await people["ben"].get(f"{path}/order")).json
    assert [one["username"] for one in order["moderators"]] == ["ben"]
    assert [(one["user"]["username"], one["kind"]) for one in order["restrictions"]] == [("carl", "banned")]
    assert (await people["dora"].get(f"{path}/order")).type == "not_a_moderator"
    server.clock.advance(121)
    assert (await sockets["carl"].call("live:join", {"live": live}))["ok"]
    # Nobody does anything to the host, nor moderators to one another.
    assert (await people["anna"].put(f"{path}/moderators/dora")).status == 204
    assert (await restrict("ben", "anna", "muted")).type == "not_the_host"
    assert (await restrict("ben", "dora", "banned")).type == "not_the_host"
    assert (await restrict("anna", "dora", "muted")).status == 204
    assert (await people["anna"].delete(f"{path}/moderators/ben")).status == 204
    assert (await restrict("ben", "carl", "muted")).type == "not_a_moderator"
    assert (await restrict("anna", "dora", "muted", on=False)).status == 204


async def test_a_line_is_pinned_and_taken_away_for_all(server: Server) -> None:
    live, people, sockets = await scene(server)
    mine, rude = await said(sockets["anna"], live, "welcome"), await said(sockets["carl"], live, "rude")
    assert await refusal(sockets["ben"], "live:pin", {"live": live, "id": mine}) == "not_a_moderator"
    assert await refusal(sockets["ben"], "live:delete", {"live": live, "id": rude}) == "not_a_moderator"
    assert await refusal(sockets["anna"], "live:pin", {"live": live, "id": "0" * 32}) == "not_found"
    assert (await sockets["anna"].call("live:pin", {"live": live, "id": mine}))["ok"]
    [told] = await until(lambda: sockets["dora"].heard("live:pinned"))
    assert (told["line"]["body"], told["line"]["sender"], "account" in told["line"]) == ("welcome", "anna", False)
    assert (await people["anna"].put(f"/api/v1/lives/{live}/moderators/ben")).status == 204
    assert (await sockets["ben"].call("live:delete", {"live": live, "id": rude}))["ok"]
    assert await until(lambda: sockets["carl"].heard("live:removed")) == [{"live": live, "id": rude}]
    joined = (await sockets["dora"].call("live:join", {"live": live}))["data"]
    assert ([line["body"] for line in joined["messages"]], joined["pinned"]["body"], joined["role"]) == (["welcome"], "welcome", "viewer")
    assert (await sockets["ben"].call("live:join", {"live": live}))["data"]["role"] == "moderator"
    # What a moderator takes away is pinned no longer; one's own line everybody takes away.
    assert (await sockets["ben"].call("live:delete", {"live": live, "id": mine}))["ok"]
    await until(lambda: sockets["dora"].heard("live:pinned")[-1]["line"] is None)
    own = await said(sockets["carl"], live, "oops")
    assert (await sockets["carl"].call("live:delete", {"live": live, "id": own}))["ok"]
    assert (await sockets["dora"].call("live:join", {"live": live}))["data"]["pinned"] is None


async def test_slow_mode_holds_for_viewers_and_not_for_who_moderates(server: Server) -> None:
    live, people, sockets = await scene(server)
    assert (await people["anna"].patch(f"/api/v1/lives/{live}", {"slow_mode": 30})).status == 200
    assert (await people["anna"].put(f"/api/v1/lives/{live}/moderators/ben")).status == 204
    await said(sockets["carl"], live, "one")
    assert await refusal(sockets["carl"], "live:say", {"live": live, "body": "two"}) == "slow_mode"
    for name in ("anna", "ben"):
        await said(sockets[name], live, "one")
        await said(sockets[name], live, "two")
