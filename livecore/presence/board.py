"""Who is here, on which devices, from beats that age out: what a process that died left behind needs no cleaning. Pure."""

from dataclasses import dataclass, field

# A process says what it has this often; three silent turns and it is gone.
BEAT_EVERY_S = 20.0
BEAT_AGE_S = 3 * BEAT_EVERY_S


@dataclass(slots=True)
class Here:
    """One account. `beats`: node → (the device of each open connection, monotonic time of the last beat)."""

    beats: dict[str, tuple[tuple[str, ...], float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What a beat brought. `person`: whether the account came or went by it; `devices`: those that did."""

    person: bool
    devices: frozenset[str]


class Board:
    def __init__(self) -> None:
        self._here: dict[str, Here] = {}

    def beat(self, account_id: str, node: str, connections: tuple[str, ...], now: float) -> Change:
        """Note the connections that a node has of an account, each by its device."""
        before = self.devices(account_id, now)
        here = self._here.setdefault(account_id, Here())
        if connections:
            here.beats[node] = (connections, now)
        else:
            here.beats.pop(node, None)
        return self._changed(account_id, before, now)

    def _changed(self, account_id: str, before: frozenset[str], now: float) -> Change:
        after = self.devices(account_id, now)
        if not after:
            del self._here[account_id]
        return Change(bool(before) != bool(after), before ^ after)

    def age(self, now: float) -> dict[str, Change]:
        """Forget beats that are too old; what went by that, by account."""
        changes: dict[str, Change] = {}
        for account_id, here in list(self._here.items()):
            old = [node for node, (_, at) in here.beats.items() if now - at >= BEAT_AGE_S]
            if old:
                before = frozenset(device for devices, _ in here.beats.values() for device in devices)
                for node in old:
                    del here.beats[node]
                changes[account_id] = self._changed(account_id, before, now)
        return changes

    def is_here(self, account_id: str, now: float) -> bool:
        here = self._here.get(account_id)
        return here is not None and any(now - at < BEAT_AGE_S for _, at in here.beats.values())

    def devices(self, account_id: str, now: float) -> frozenset[str]:
        """Those of the account that are here."""
        here = self._here.get(account_id)
        if here is None:
            return frozenset()
        return frozenset(device for devices, at in here.beats.values() if now - at < BEAT_AGE_S for device in devices)

    def connections(self, account_id: str, node: str) -> tuple[str, ...]:
        here = self._here.get(account_id)
        return here.beats.get(node, ((), 0.0))[0] if here is not None else ()

    def of_node(self, node: str) -> dict[str, tuple[str, ...]]:
        return {account: here.beats[node][0] for account, here in self._here.items() if node in here.beats}
