"""A checker of histories: what was accepted, and what each device got, against the promises of a conversation."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Accepted:
    """A send that was acknowledged. `device` sent it."""

    conversation: str
    seq: int
    id: str
    client_id: str
    device: str


@dataclass
class Log:
    """What one device was given, in the order in which it kept it: (conversation, seq, id, client id)."""

    device: str
    conversations: frozenset[str]
    kept: list[tuple[str, int, str, str]] = field(default_factory=list)


def faults(accepted: list[Accepted], attempted: set[str], logs: list[Log]) -> list[str]:
    """Every loss, doubling, disorder or invention; empty when the promises held.

    `attempted` are the client ids of all sends, also of those whose answer never came: these may have been accepted.
    """
    found = []
    by_place: dict[tuple[str, int], str] = {}
    by_client: dict[str, Accepted] = {}
    for one in accepted:
        before = by_client.setdefault(one.client_id, one)
        if before != one:
            found.append(f"{one.client_id} was answered {before} and {one}")
        if by_place.setdefault((one.conversation, one.seq), one.id) != one.id:
            found.append(f"two messages have number {one.seq} of {one.conversation}")
    for log in logs:
        last: dict[str, int] = {}
        seen: set[str] = set()
        for conversation, seq, id, client_id in log.kept:
            where = f"{log.device} in {conversation[-4:]}"
            if seq <= last.get(conversation, 0):
                found.append(f"{where}: {seq} after {last[conversation]}")
            last[conversation] = seq
            if id in seen:
                found.append(f"{where}: {id} twice")
            seen.add(id)
            if by_place.setdefault((conversation, seq), id) != id:
                found.append(f"{where}: another message at {seq}")
            if client_id not in attempted:
                found.append(f"{where}: {client_id} was never sent")
        found += [
            f"{log.device} in {one.conversation[-4:]}: {one.seq} ({one.client_id}) is lost"
            for one in accepted
            if one.conversation in log.conversations and one.device != log.device and one.id not in seen
        ]
    return found
