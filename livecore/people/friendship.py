"""Friendship between two people as a state machine. Pure: a state and an act in, the next state and what it means out."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Act(Enum):
    ASK = "ask"
    ACCEPT = "accept"
    DECLINE = "decline"
    WITHDRAW = "withdraw"  # the asker takes the request back
    REMOVE = "remove"
    BEFRIEND = "befriend"  # both said yes: one made a link, the other accepts it


class Effect(Enum):
    ASKED = "asked"  # the other is told of a request
    BEFRIENDED = "befriended"  # the asker is told that they are friends now
    NOTHING = "nothing"  # a change, or none, of which nobody is told
    REFUSED = "refused"  # does not fit the state


Side = Literal["me", "other"]


@dataclass(frozen=True)
class Pair:
    """Seen by the one who acts. `asked` holds who has asked and waits; `declined` whose request the other has declined."""

    friends: bool = False
    asked: frozenset[Side] = frozenset()
    declined: frozenset[Side] = frozenset()


NONE = Pair()
FRIENDS = Pair(friends=True)


def turned(pair: Pair) -> Pair:
    """The same pair, seen by the other."""
    other: dict[Side, Side] = {"me": "other", "other": "me"}
    return Pair(pair.friends, frozenset(other[side] for side in pair.asked), frozenset(other[side] for side in pair.declined))


def step(pair: Pair, act: Act) -> tuple[Pair, Effect]:
    """What `me` does. Asking someone who asked me, or whom I declined before, makes us friends or asks anew."""
    match act:
        case Act.ASK:
            if pair.friends or "me" in pair.asked:
                return pair, Effect.REFUSED
            if "other" in pair.asked:
                return FRIENDS, Effect.BEFRIENDED
            if "me" in pair.declined:
                # To the one who asked it looks as if the request still waited.
                return pair, Effect.REFUSED
            if "other" in pair.declined:
                # They wanted it once, I want it now.
                return FRIENDS, Effect.BEFRIENDED
            return Pair(asked=frozenset({"me"})), Effect.ASKED
        case Act.ACCEPT:
            if pair.friends or "other" not in pair.asked:
                return pair, Effect.REFUSED
            return FRIENDS, Effect.BEFRIENDED
        case Act.DECLINE:
            if "other" not in pair.asked:
                return pair, Effect.REFUSED
            return Pair(asked=pair.asked - {"other"}, declined=pair.declined | {"other"}), Effect.NOTHING
        case Act.WITHDRAW:
            if "me" not in pair.asked | pair.declined:
                return pair, Effect.REFUSED
            return Pair(asked=pair.asked - {"me"}, declined=pair.declined), Effect.NOTHING
        case Act.BEFRIEND:
            if pair.friends:
                return pair, Effect.REFUSED
            return FRIENDS, Effect.BEFRIENDED
        case Act.REMOVE:
            if not pair.friends:
                return pair, Effect.REFUSED
            return NONE, Effect.NOTHING
