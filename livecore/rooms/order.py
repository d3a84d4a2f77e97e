"""The one order of a conversation: which draft gets which number. Pure: rows in, rows out.

The caller holds the conversations' rows locked (PostgreSQL) or is the only writer (SQLite), so the numbers given
here are the ones that stand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from livecore.rooms.items import Again, Draft, Head, Item, Sent


@dataclass(slots=True)
class Plan:
    outcomes: list[Sent | Again | None] = field(default_factory=list)
    new: list[tuple[int, Item]] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)  # those that moved
    fresh_scopes: dict[str, str] = field(default_factory=dict)  # scope → conversation


def plan(drafts: Sequence[Draft], heads: Mapping[str, Head], known: Mapping[tuple[str, str], Sent], at_ms: int) -> Plan:
    """Give numbers in the order of arrival.

    `known` holds what was sent before under (account, client_key). A draft is turned back with "version" when the members
    changed since its rules were checked, with "scope" when its key is no longer the conversation's: it may be destroyed.
    """
    out = Plan()
    seen: dict[tuple[str, str], Sent] = dict(known)
    for index, draft in enumerate(drafts):
        head = out.heads.get(draft.conversation_id) or heads.get(draft.conversation_id)
        if head is None:
            out.outcomes.append(None)
            continue
        if draft.client_key is not None:
            before = seen.get((draft.account_id, draft.client_key))
            if before is not None:
                out.outcomes.append(before)
                continue
        if draft.version != head.version:
            out.outcomes.append("version")
            continue
        if draft.scope != head.scope and not draft.fresh:
            out.outcomes.append("scope")
            continue
        seq = head.seq + 1
        sent = Sent(draft.conversation_id, draft.id, seq, at_ms)
        if draft.client_key is not None:
            seen[(draft.account_id, draft.client_key)] = sent
        if draft.fresh:
            out.fresh_scopes[draft.scope] = draft.conversation_id
        out.heads[draft.conversation_id] = Head(seq, head.version, draft.scope, head.epoch)
        out.outcomes.append(sent)
        out.new.append(
            (
                index,
                Item(
                    draft.conversation_id,
                    head.epoch,
                    seq,
                    draft.kind,
                    draft.id,
                    draft.account_id,
                    draft.device_id,
                    draft.client_key,
                    draft.target_id,
                    at_ms,
                    draft.content,
                    draft.withheld,
                    draft.version,
                ),
            )
        )
    return out
