"""Under which key a conversation's bodies are sealed now. Pure: names and times only.

A scope lives for at most one hour, and ends earlier when no body is left under it; its name never comes again.
"""

from collections import OrderedDict
from dataclasses import dataclass

HOUR_MS = 3_600_000
# Conversations whose scope is remembered: a few hundred bytes each. One that is forgotten takes a fresh scope.
SCOPES_LIMIT = 50_000


@dataclass(slots=True)
class Scope:
    name: str
    hour: int  # hours since 1970
    stored: bool = False  # a transaction that names it was committed


class Scopes:
    def __init__(self, limit: int = SCOPES_LIMIT) -> None:
        self._limit = limit
        self._current: OrderedDict[str, Scope] = OrderedDict()

    def take(self, conversation_id: str, at_ms: int, new_id: str) -> Scope:
        """The scope for the next body; a fresh one (`stored` is False) named with `new_id` where none is current."""
        hour = at_ms // HOUR_MS
        scope = self._current.get(conversation_id)
        if scope is None or scope.hour != hour:
            scope = Scope(f"conversation:{conversation_id}:{hour}:{new_id}", hour)
            self._current[conversation_id] = scope
            while len(self._current) > self._limit:
                self._current.popitem(last=False)
        self._current.move_to_end(conversation_id)
        return scope

    def adopt(self, conversation_id: str, name: str | None) -> None:
        """What the conversation's row names; None when its last key was retired."""
        if name is None:
            self._current.pop(conversation_id, None)
            return
        hour = name.split(":")[2]
        self._current[conversation_id] = Scope(name, int(hour), stored=True)

    def drop(self, conversation_id: str, name: str | None = None) -> None:
        """Forget it (if it is `name`), so that the next body takes a fresh one."""
        scope = self._current.get(conversation_id)
        if scope is not None and name in (None, scope.name):
            del self._current[conversation_id]
