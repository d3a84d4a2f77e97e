"""Keys of bodies: one for an hour at most, never the same name again."""

from livecore.rooms.scopes import HOUR_MS, Scopes

TALK = "c" * 32


def test_a_scope_is_used_until_its_hour_is_over() -> None:
    scopes = Scopes()
    first = scopes.take(TALK, 5 * HOUR_MS, "n1")
    assert first.name == f"conversation:{TALK}:5:n1"
    assert scopes.take(TALK, 6 * HOUR_MS - 1, "n2") is first
    assert scopes.take(TALK, 6 * HOUR_MS, "n3").name == f"conversation:{TALK}:6:n3"


def test_a_scope_is_fresh_until_a_transaction_named_it() -> None:
    scopes = Scopes()
    name = scopes.take(TALK, 0, "n1").name
    assert not scopes.take(TALK, 0, "n2").stored
    scopes.adopt(TALK, name)
    assert scopes.take(TALK, 0, "n3").stored
    assert scopes.take(TALK, 0, "n3").name == name


def test_a_retired_scope_is_followed_by_another_name() -> None:
    scopes = Scopes()
    first = scopes.take(TALK, 0, "n1").name
    scopes.drop(TALK, "another")
    assert scopes.take(TALK, 0, "n2").name == first
    scopes.drop(TALK, first)
    assert scopes.take(TALK, 0, "n2").name != first
    scopes.adopt(TALK, None)
    assert scopes.take(TALK, 0, "n3").name.endswith("n3")


def test_memory_is_bounded_and_what_is_forgotten_takes_a_fresh_scope() -> None:
    scopes = Scopes(limit=2)
    first = scopes.take("a", 0, "n1").name
    for talk in ("b", "c"):
        scopes.take(talk, 0, "n2")
    assert scopes.take("a", 0, "n3").name != first
