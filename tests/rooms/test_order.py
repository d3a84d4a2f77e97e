"""The numbers of a conversation: given once, in the order of arrival, only to what was checked against the present."""

from livecore.rooms.items import Draft, Head, Sent
from livecore.rooms.order import plan

TALK = "c" * 32
HEAD = Head(seq=4, version=7, scope="s1", epoch="e")


def draft(client_id: str | None, *, version: int = 7, scope: str = "s1", fresh: bool = False, account: str = "anna") -> Draft:
    return Draft(TALK, version, "message", f"id-{client_id}", account, "phone", client_id, None, b"{}", scope=scope, fresh=fresh)


def test_drafts_are_numbered_in_the_order_of_their_arrival() -> None:
    made = plan([draft("a"), draft("b"), draft("c")], {TALK: HEAD}, {}, 99)
    assert [outcome.seq for outcome in made.outcomes if isinstance(outcome, Sent)] == [5, 6, 7]
    assert made.heads[TALK] == Head(7, 7, "s1", "e")
    assert {item.sent_ms for _, item in made.new} == {99}


def test_a_client_id_that_is_known_gets_the_first_answer_and_no_number() -> None:
    before = Sent(TALK, "old", 2, 50)
    made = plan([draft("a"), draft("b")], {TALK: HEAD}, {("anna", "a"): before}, 99)
    assert made.outcomes == [before, Sent(TALK, "id-b", 5, 99)]
    assert len(made.new) == 1


def test_a_client_id_twice_in_one_batch_is_one_message() -> None:
    made = plan([draft("a"), draft("a")], {TALK: HEAD}, {}, 99)
    assert made.outcomes[0] == made.outcomes[1]
    assert len(made.new) == 1


def test_two_people_may_use_the_same_client_id() -> None:
    made = plan([draft("a"), draft("a", account="ben")], {TALK: HEAD}, {}, 99)
    assert len(made.new) == 2


def test_what_was_checked_against_older_members_is_turned_back() -> None:
    made = plan([draft("a", version=6), draft("b")], {TALK: HEAD}, {}, 99)
    assert made.outcomes[0] == "version"
    assert isinstance(made.outcomes[1], Sent)
    assert made.outcomes[1].seq == 5


def test_what_was_sealed_under_a_key_that_is_not_the_present_one_is_turned_back() -> None:
    assert plan([draft("a", scope="s0")], {TALK: HEAD}, {}, 99).outcomes == ["scope"]
    assert plan([draft("a")], {TALK: Head(4, 7, None, "e")}, {}, 99).outcomes == ["scope"]


def test_a_fresh_key_becomes_the_conversations_and_is_recorded() -> None:
    made = plan([draft("a", scope="s2", fresh=True), draft("b", scope="s2", fresh=True)], {TALK: HEAD}, {}, 99)
    assert made.heads[TALK].scope == "s2"
    assert made.fresh_scopes == {"s2": TALK}


def test_a_conversation_that_is_gone_takes_nothing() -> None:
    assert plan([draft("a")], {}, {}, 99).outcomes == [None]
