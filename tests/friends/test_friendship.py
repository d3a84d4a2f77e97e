"""The state machine of a friendship, alone and from both sides at once."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from livecore.people.friendship import FRIENDS, NONE, Act, Effect, Pair, step, turned

ACTS = st.sampled_from(list(Act))


def test_asked_and_accepted() -> None:
    asked, effect = step(NONE, Act.ASK)
    assert effect is Effect.ASKED
    assert step(turned(asked), Act.ACCEPT) == (FRIENDS, Effect.BEFRIENDED)


def test_nobody_accepts_their_own_request() -> None:
    asked, _ = step(NONE, Act.ASK)
    assert step(asked, Act.ACCEPT) == (asked, Effect.REFUSED)


def test_asking_who_asked_is_accepting() -> None:
    asked, _ = step(NONE, Act.ASK)
    assert step(turned(asked), Act.ASK) == (FRIENDS, Effect.BEFRIENDED)


def test_a_refusal_holds_until_the_one_who_refused_asks() -> None:
    asked, _ = step(NONE, Act.ASK)
    declined, effect = step(turned(asked), Act.DECLINE)
    assert effect is Effect.NOTHING
    assert step(turned(declined), Act.ASK) == (turned(declined), Effect.REFUSED)
    assert step(declined, Act.ASK) == (FRIENDS, Effect.BEFRIENDED)


def test_a_link_that_is_accepted_makes_friends_whatever_was_before() -> None:
    asked, _ = step(NONE, Act.ASK)
    declined, _ = step(turned(asked), Act.DECLINE)
    for before in (NONE, asked, turned(asked), declined, turned(declined)):
        assert step(before, Act.BEFRIEND) == (FRIENDS, Effect.BEFRIENDED)


def test_a_request_can_be_taken_back() -> None:
    asked, _ = step(NONE, Act.ASK)
    assert step(asked, Act.WITHDRAW) == (NONE, Effect.NOTHING)


@given(ACTS)
def test_friends_can_only_part(act: Act) -> None:
    after, effect = step(FRIENDS, act)
    assert (after, effect) == ((NONE, Effect.NOTHING) if act is Act.REMOVE else (FRIENDS, Effect.REFUSED))


class Two(RuleBasedStateMachine):
    """Two people do anything in any order. What each has wished stands beside the machine."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = NONE
        self.wishes = {"anna": False, "ben": False}

    def act(self, who: str, act: Act) -> None:
        seen = self.pair if who == "anna" else turned(self.pair)
        after, effect = step(seen, act)
        if effect is Effect.REFUSED:
            assert after == seen
            return
        if act in (Act.ASK, Act.ACCEPT):
            self.wishes[who] = True
        elif act is Act.BEFRIEND:
            self.wishes = {"anna": True, "ben": True}
        elif act is Act.WITHDRAW:
            self.wishes[who] = False
        elif act is Act.REMOVE:
            self.wishes = {"anna": False, "ben": False}
        assert (effect is Effect.BEFRIENDED) == (after.friends and not seen.friends)
        self.pair = after if who == "anna" else turned(after)

    @rule(act=ACTS)
    def anna(self, act: Act) -> None:
        self.act("anna", act)

    @rule(act=ACTS)
    def ben(self, act: Act) -> None:
        self.act("ben", act)

    @invariant()
    def friends_are_those_who_both_wished_it(self) -> None:
        if self.pair.friends:
            assert self.wishes == {"anna": True, "ben": True}

    @invariant()
    def friends_have_no_open_requests(self) -> None:
        assert self.pair == FRIENDS or not self.pair.friends

    @invariant()
    def nobody_waits_for_somebody_who_waits_too(self) -> None:
        assert len(self.pair.asked) < 2

    @invariant()
    def a_request_waits_or_is_declined(self) -> None:
        assert not self.pair.asked & self.pair.declined


TestTwo = Two.TestCase


@given(st.builds(Pair, st.booleans(), st.frozensets(st.sampled_from(["me", "other"])), st.frozensets(st.sampled_from(["me", "other"]))))
def test_turning_twice_changes_nothing(pair: Pair) -> None:
    assert turned(turned(pair)) == pair
