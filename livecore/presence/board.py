"""Who is here, from beats that age out: what a process that died left behind needs no cleaning. Pure."""

from dataclasses import dataclass, field

# A process says what it has this often; three silent turns and it is gone.
BEAT_EVERY_S = 20.0
BEAT_AGE_S = 3 * BEAT_EVERY_S


@dataclass(slots=True)
class Here:
    """One account. `beats`: node → (open connections, monotonic time of the last beat)."""

    beats: dict[str, tuple[int, float]] = field(default_factory=dict)
    status: str = "online"
    text: str | None = None


class Board:
    def __init__(self) -> None:
        self._here: dict[str, Here] = {}

    def beat(self, account_id: str, node: str, connections: int, now: float) -> bool:
        """Note how many connections a node has of an account; answers whether it came or went by that."""
        was = self.is_here(account_id, now)
        here = self._here.setdefault(account_id, Here())
        if connections > 0:
            here.beats[node] = (connections, now)
        else:
            here.beats.pop(node, None)
        now_here = self.is_here(account_id, now)
        if not now_here and here.status != "invisible":
            # A status other than invisible ends with the last connection.
            del self._here[account_id]
        return was != now_here

    def set_status(self, account_id: str, status: str, text: str | None) -> None:
        here = self._here.setdefault(account_id, Here())
        here.status, here.text = status, text

    def is_here(self, account_id: str, now: float) -> bool:
        here = self._here.get(account_id)
        return here is not None and any(now - at < BEAT_AGE_S for _, at in here.beats.values())

    def status(self, account_id: str, now: float) -> tuple[str, str | None]:
        """What others may see: "offline" also stands for who is invisible."""
        here = self._here.get(account_id)
        if here is None or here.status == "invisible" or not self.is_here(account_id, now):
            return "offline", None
        return here.status, here.text

    def connections(self, account_id: str, node: str) -> int:
        here = self._here.get(account_id)
        return here.beats.get(node, (0, 0.0))[0] if here is not None else 0

    def of_node(self, node: str) -> dict[str, int]:
        return {account: here.beats[node][0] for account, here in self._here.items() if node in here.beats}
