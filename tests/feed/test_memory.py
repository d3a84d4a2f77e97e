"""What the feed keeps in memory goes with the account that it is about."""

from tests.serving import Server


async def test_erasing_an_account_drops_what_is_kept_about_it(server: Server) -> None:
    anna, ben, carl = [await server.person(name) for name in ("anna", "ben", "carl")]
    await anna.put("/api/v1/follows/ben")
    await anna.put("/api/v1/feed/muted/ben")
    await anna.put("/api/v1/feed/muted/carl")
    assert (await anna.get("/api/v1/feed")).status == 200
    app = server.app
    assert (await app.choices.of(anna.id)).muted == {ben.id, carl.id}
    assert await app.follows.followed_by(anna.id) == {ben.id}
    await app.erasure.erase(ben.id)
    assert (await app.choices.of(anna.id)).muted == {carl.id}
    assert await app.follows.followed_by(anna.id) == set()
    await app.erasure.erase(anna.id)
    assert (await app.choices.of(anna.id)).muted == set()
    for kept in (app.choices._kept, app.relations._sets):
        assert ben.id not in repr({key: value for key, value in kept.items() if anna.id not in repr(key)})
