"""Who may write to whom: every setting against every relation."""

import pytest

from livecore.errors import Forbidden
from livecore.ports import AUDIENCES, Audience, Relation
from livecore.rooms.admission import check_direct, check_group_add

STRANGER = Relation()
FRIEND = Relation(friends=True)
CONTACT = Relation(in_their_contacts=True)


def outcome(relation: Relation, audience: Audience, *, exists: bool = True, opened: bool = False) -> str:
    try:
        return check_direct(relation, audience, exists=exists, opened=opened)
    except Forbidden as problem:
        return problem.type


@pytest.mark.parametrize(
    ("audience", "stranger", "contact", "friend"),
    [
        ("everyone", "request", "deliver", "deliver"),
        ("contacts", "not_contacts", "deliver", "deliver"),
        ("friends", "not_friends", "not_friends", "deliver"),
        ("nobody", "not_accepting", "not_accepting", "not_accepting"),
    ],
)
def test_the_setting_decides(audience: Audience, stranger: str, contact: str, friend: str) -> None:
    assert [outcome(relation, audience) for relation in (STRANGER, CONTACT, FRIEND)] == [stranger, contact, friend]


@pytest.mark.parametrize("audience", AUDIENCES)
def test_who_blocks_somebody_cannot_write_to_them(audience: Audience) -> None:
    assert outcome(Relation(friends=True, i_block=True), audience) == "blocked"
    assert outcome(Relation(i_block=True, blocks_me=True), audience) == "blocked"


@pytest.mark.parametrize("audience", AUDIENCES)
def test_who_is_blocked_gets_the_ordinary_answer_where_they_talk_already(audience: Audience) -> None:
    assert outcome(Relation(blocks_me=True), audience, exists=True) == "withhold"


@pytest.mark.parametrize("audience", AUDIENCES)
def test_who_is_blocked_gets_a_strangers_answer_where_they_never_talked(audience: Audience) -> None:
    plain = outcome(STRANGER, audience, exists=False)
    assert outcome(Relation(blocks_me=True), audience, exists=False) == ("withhold" if plain == "request" else plain)


def test_who_was_let_in_may_answer_unless_nobody_may() -> None:
    assert outcome(STRANGER, "friends", opened=True) == "deliver"
    assert outcome(STRANGER, "nobody", opened=True) == "not_accepting"


@pytest.mark.parametrize("audience", AUDIENCES)
def test_nobody_is_put_into_a_group_by_somebody_they_blocked(audience: Audience) -> None:
    with pytest.raises(Forbidden):
        check_group_add(Relation(blocks_me=True), audience)
    with pytest.raises(Forbidden):
        check_group_add(Relation(i_block=True), audience)


def test_groups_have_their_own_setting() -> None:
    check_group_add(FRIEND, "friends")
    check_group_add(STRANGER, "everyone")
    with pytest.raises(Forbidden):
        check_group_add(STRANGER, "friends")
    with pytest.raises(Forbidden):
        check_group_add(FRIEND, "nobody")
