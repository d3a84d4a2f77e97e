"""Who may do what in a group, and who takes over when its owner goes. Pure: roles in, changes out.

`members` maps accounts to roles in the order of their joining. A group has exactly one owner, who alone appoints and
dismisses admins and hands the group over; owner and admins add and remove members, rename, invite and silence.
"""

from collections.abc import Mapping
from typing import Literal

from livecore.errors import Conflict, Forbidden, NotFound

Role = Literal["owner", "admin", "member", "recipient"]

MANAGERS = frozenset(("owner", "admin"))


def check_manager(members: Mapping[str, str], actor: str) -> None:
    """Raises Forbidden (`not_admin`)."""
    if members.get(actor) not in MANAGERS:
        raise Forbidden("Only an admin of the group may do that.", type="not_admin")


def change_role(members: Mapping[str, str], actor: str, other: str, role: Role) -> dict[str, Role]:
    """The roles that change when `actor` gives `other` a role; handing over makes the old owner an admin.

    Raises Forbidden (`not_admin`, `not_owner`), NotFound, or Conflict (`owner`) where the group would be without its owner.
    """
    check_manager(members, actor)
    if other not in members:
        raise NotFound("There is no such member.")
    if members[other] == role:
        return {}
    if members[other] == "owner":
        raise Conflict("Hand the group over first.", type="owner")
    steps_down = actor == other and role == "member"
    if not steps_down and members[actor] != "owner":
        raise Forbidden("Only the owner of the group may do that.", type="not_owner")
    return {other: "owner", actor: "admin"} if role == "owner" else {other: role}


def check_over(members: Mapping[str, str], actor: str, other: str) -> None:
    """Whether `actor` may remove or silence `other`: an admin stands above members, the owner above all others."""
    check_manager(members, actor)
    if other not in members:
        raise NotFound("There is no such member.")
    if members[other] == "owner" or (members[other] == "admin" and members[actor] != "owner"):
        raise Forbidden("Only the owner of the group may do that.", type="not_owner")


def successor(members: Mapping[str, str]) -> str | None:
    """Who becomes owner of a group that lost its owner: the admin who is there longest, else the member who is; None: nobody has to."""
    if not members or "owner" in members.values():
        return None
    return next((account for account, role in members.items() if role == "admin"), next(iter(members)))
