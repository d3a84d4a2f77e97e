"""Who may write to whom, and whether it arrives. Pure: relations and settings in, a verdict out.

A block and a setting are told apart on purpose: who is blocked must not learn it, so a blocked sender gets what a
stranger gets, or, where they already talk, the ordinary answer to a message that goes nowhere.
"""

from typing import Literal

from livecore.errors import Forbidden
from livecore.ports import Audience, Relation

# deliver: as it is · request: shown as a stranger's, until the recipient says yes · withhold: numbered, given to nobody
Verdict = Literal["deliver", "request", "withhold"]

_WORDS: dict[str, tuple[str, str]] = {
    "friends": ("not_friends", "This person takes messages from friends only."),
    "contacts": ("not_contacts", "This person takes messages from contacts only."),
    "nobody": ("not_accepting", "This person takes no messages."),
}


def in_audience(audience: Audience, relation: Relation) -> bool:
    """`relation` is the sender's to the recipient. Blocks are not looked at here."""
    if audience == "everyone":
        return True
    if audience == "contacts":
        return relation.in_their_contacts or relation.friends
    return audience == "friends" and relation.friends


def refusal(audience: Audience) -> Forbidden:
    type_, detail = _WORDS.get(audience, _WORDS["friends"])
    return Forbidden(detail, type=type_)


def check_direct(relation: Relation, audience: Audience, *, exists: bool, opened: bool) -> Verdict:
    """A direct message. `exists`: the two have a conversation; `opened`: the recipient let the sender write there.

    Raises Forbidden of type `blocked` (the sender's own block), `not_friends`, `not_contacts` or `not_accepting`.
    """
    if relation.i_block:
        raise Forbidden("You blocked this person.", type="blocked")
    if relation.blocks_me and exists:
        return "withhold"
    if not in_audience(audience, relation) and not (opened and audience != "nobody"):
        raise refusal(audience)
    if relation.blocks_me:
        return "withhold"
    known = relation.friends or relation.in_their_contacts or opened
    return "deliver" if known else "request"


def check_group_add(relation: Relation, audience: Audience) -> None:
    """Whether the person may be put into a group. Raises Forbidden, for a block the same as for a stranger."""
    if relation.i_block:
        raise Forbidden("You blocked this person.", type="blocked")
    if relation.blocks_me:
        raise refusal("friends" if audience == "everyone" else audience)
    if not in_audience(audience, relation):
        raise refusal(audience)
