"""What may become of a call. Pure.

ringing ──accept──▶ active ──hang up, lost──▶ ended
   └──decline, cancel, missed, busy──────────▶ ended
"""

from dataclasses import dataclass
from typing import Literal

from livecore import errors

State = Literal["ringing", "active", "ended"]
Reason = Literal["hung_up", "declined", "busy", "missed", "cancelled", "lost", "left"]


@dataclass(frozen=True)
class Facts:
    """A call as its row says. `silent`: the callee is not to learn of it."""

    id: str
    caller_id: str
    callee_id: str
    state: State
    silent: bool

    def other(self, account_id: str) -> str:
        return self.callee_id if account_id == self.caller_id else self.caller_id


def check_accept(call: Facts, account_id: str) -> None:
    """Raises NotFound for who is not called, Conflict (`call_over`, `call_answered`) when it is too late."""
    if account_id != call.callee_id or call.silent:
        raise errors.NotFound("There is no such call.")
    if call.state == "active":
        raise errors.Conflict("That call was answered already.", type="call_answered")
    if call.state == "ended":
        raise errors.Conflict("That call is over.", type="call_over")


def reason_of_end(call: Facts, account_id: str) -> Reason:
    """Why a call is over that this person ends. Raises NotFound for who is not in it."""
    if account_id not in (call.caller_id, call.callee_id) or (account_id == call.callee_id and call.silent):
        raise errors.NotFound("There is no such call.")
    if call.state == "active":
        return "hung_up"
    return "cancelled" if account_id == call.caller_id else "declined"
