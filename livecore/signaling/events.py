"""The table of client events: name, model of the data, model of the answer, handler. One declaration gives the gateway
its checks and AsyncAPI its truth."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from livecore.ports import Principal
from livecore.signaling.registry import Connection

if TYPE_CHECKING:
    from livecore.signaling.gateway import Services


class Turn(Protocol):
    def set(self) -> None:
        """Let the connection's next event begin; again is no harm."""


@dataclass(frozen=True, slots=True)
class Call:
    """One event, admitted. `principal` is as it stands now, `connection.principal` as it was at the connect.

    `turn` may be passed on as soon as the event has its place in a line of its own: the connection's next one is then taken
    before this one is answered.
    """

    services: "Services"
    connection: Connection
    principal: Principal
    turn: "Turn"


Handler = Callable[[Call, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class ClientEvent:
    name: str
    model: type[BaseModel]
    answer: type[BaseModel]
    handler: Handler
    rate: str | None
    summary: str


class Events:
    def __init__(self) -> None:
        self.all: dict[str, ClientEvent] = {}

    def on(
        self,
        name: str,
        model: type[BaseModel],
        answer: type[BaseModel],
        *,
        rate: str | None = "read_per_account",
    ) -> Callable[[Handler], Handler]:
        """Declare a handler. `rate` is a rule of `config.RATES`, counted per account; None where the service counts itself."""

        def declare(handler: Handler) -> Handler:
            summary = (handler.__doc__ or name).strip().partition("\n")[0].rstrip(".")
            self.all[name] = ClientEvent(name, model, answer, handler, rate, summary)
            return handler

        return declare
