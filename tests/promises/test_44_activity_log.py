"""44. Activity log: "how you interact with others using our Services"."""

from tests.serving import Server


async def test_44_it_pages_what_one_did(server: Server) -> None:
    anna, ben, _ = [await server.person(name) for name in ("anna", "ben", "cara")]
    await server.call("POST", "/api/v1/sessions", {"login": "anna", "password": "wrong password", "device": anna.device})
    await anna.sign_in()
    await server.befriend(anna, ben)
    await anna.patch("/api/v1/me/settings", {"restrict": True, "visibility_phone": "nobody"})
    await anna.delete("/api/v1/friends/ben")
    await anna.put("/api/v1/blocks/ben")
    await anna.delete("/api/v1/blocks/ben")
    await anna.patch("/api/v1/me", {"gender": "f"})
    await anna.post("/api/v1/reports", {"target": {"kind": "user", "username": "cara"}, "reason": "spam"})
    entries, cursor = [], None
    while True:
        page = (await anna.get("/api/v1/me/activity", params={"limit": "3"} | ({"cursor": cursor} if cursor else {}))).json
        entries += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [(entry["kind"], entry["other"]) for entry in reversed(entries)] == [
        ("sign_up", None),
        ("phone_confirmed", None),
        ("email_confirmed", None),
        ("sign_in_failed", None),
        ("sign_in", None),
        ("friend_asked", "ben"),
        ("befriended", "ben"),
        ("settings_changed", None),
        ("friend_removed", "ben"),
        ("blocked", "ben"),
        ("unblocked", "ben"),
        ("profile_changed", None),
        ("reported", None),
    ]
    assert len({entry["id"] for entry in entries}) == len(entries)
    settings = next(entry for entry in entries if entry["kind"] == "settings_changed")
    assert settings["data"] == {"keys": ["restrict", "visibility_phone"]}
    # The other's log holds what concerns the other, and not the block.
    theirs = [entry["kind"] for entry in (await ben.get("/api/v1/me/activity")).json["items"]]
    assert "befriended" in theirs
    assert not {"blocked", "unblocked"} & set(theirs)


async def test_44_a_cursor_of_another_list_is_refused(server: Server) -> None:
    anna = await server.person("anna")
    await anna.sign_in()
    cursor = (await anna.get("/api/v1/me/activity", params={"limit": "1"})).json["next_cursor"]
    assert (await anna.get("/api/v1/friends", params={"cursor": cursor})).status == 422
    assert (await anna.get("/api/v1/me/activity", params={"cursor": cursor[:-2] + "AA"})).status == 422
