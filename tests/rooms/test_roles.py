"""The roles of a group: whatever happens, it has one owner, and nobody rises by their own hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from livecore.errors import Problem
from livecore.rooms.roles import MANAGERS, change_role, check_over, successor

PEOPLE = st.sampled_from("abcde")
RANK = {"member": 0, "admin": 1, "owner": 2}


class Group(RuleBasedStateMachine):
    """A group as the service runs it: a role is changed, somebody is removed or leaves, somebody joins."""

    @initialize()
    def begin(self) -> None:
        self.members: dict[str, str] = {"a": "owner"}

    @rule(who=PEOPLE)
    def joins(self, who: str) -> None:
        self.members.setdefault(who, "member")

    @rule(actor=PEOPLE, other=PEOPLE, role=st.sampled_from(["owner", "admin", "member"]))
    def gives_a_role(self, actor: str, other: str, role: str) -> None:
        before = dict(self.members)
        try:
            changes = change_role(self.members, actor, other, role)  # type: ignore[arg-type]  # one of the three
        except Problem:
            return
        self.members |= changes
        assert before[actor] in MANAGERS
        rank = {account: RANK[given] for account, given in before.items()}
        # Nobody gives more than they have, and nobody raises themselves.
        assert all(RANK[given] <= rank[actor] for given in changes.values())
        assert RANK[self.members[actor]] <= rank[actor]

    @rule(actor=PEOPLE, other=PEOPLE)
    def removes(self, actor: str, other: str) -> None:
        try:
            check_over(self.members, actor, other)
        except Problem:
            return
        assert RANK[self.members[actor]] > RANK[self.members[other]] or (self.members[actor], actor) == ("admin", other)
        self._goes(other)

    @precondition(lambda self: len(self.members) > 1)
    @rule(who=PEOPLE)
    def leaves(self, who: str) -> None:
        if who in self.members and len(self.members) > 1:
            self._goes(who)

    def _goes(self, who: str) -> None:
        had_admins = [account for account, role in self.members.items() if role == "admin" and account != who]
        was_owner = self.members.pop(who) == "owner"
        heir = successor(self.members)
        assert (heir is not None) == was_owner
        if heir is not None:
            assert not had_admins or heir == had_admins[0]
            self.members[heir] = "owner"

    @invariant()
    def one_owner(self) -> None:
        assert list(self.members.values()).count("owner") == 1


TestGroup = Group.TestCase


@given(st.dictionaries(PEOPLE, st.sampled_from(["admin", "member"])))
def test_a_group_without_owner_is_taken_over_while_anybody_is_there(members: dict[str, str]) -> None:
    assert (successor(members) is None) == (not members)


@pytest.mark.parametrize(
    ("actor", "other", "role", "refused"),
    [
        ("member", "member2", "admin", "not_admin"),
        ("admin", "member", "admin", "not_owner"),
        ("admin", "admin2", "member", "not_owner"),
        ("admin", "owner", "member", "owner"),
        ("owner", "owner", "member", "owner"),
        ("owner", "nobody", "admin", "not_found"),
    ],
)
def test_refusals_say_why(actor: str, other: str, role: str, refused: str) -> None:
    members = {"owner": "owner", "admin": "admin", "admin2": "admin", "member": "member", "member2": "member"}
    with pytest.raises(Problem) as caught:
        change_role(members, actor, other, role)  # type: ignore[arg-type]  # one of the three
    assert caught.value.type == refused


def test_an_admin_may_step_down() -> None:
    assert change_role({"o": "owner", "a": "admin"}, "a", "a", "member") == {"a": "member"}
