"""A person's own devices told apart, for that person alone: which is here now, and when each was here last."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog

from livecore import errors
from livecore.ports import Clock, Devices, Principal
from livecore.presence.board import Board

log = structlog.get_logger("presence")


class AccountOutlet(Protocol):
    """The sockets of this process; kept by signaling."""

    def local(self, accounts: list[str], event: str, data: Mapping[str, Any], *, skip: tuple[str, str] | None = None) -> None: ...


class OwnDevices:
    """`spawn` runs what tells; `tell_after_s()`: who comes back within it never left."""

    def __init__(
        self,
        board: Board,
        clock: Clock,
        devices: Devices,
        outlet: AccountOutlet,
        spawn: Callable[[Any], None],
        tell_after_s: Callable[[], float],
    ) -> None:
        self._board = board
        self._clock = clock
        self._devices = devices
        self._outlet = outlet
        self._spawn = spawn
        self._tell_after_s = tell_after_s
        self._due: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._gone: dict[str, int] = {}  # device → when it left: not yet written

    @property
    def has_gone(self) -> bool:
        """Whether there is something to write."""
        return bool(self._gone)

    def close(self) -> None:
        for timer in self._due.values():
            timer.cancel()

    def is_here(self, account_id: str, device_id: str) -> bool:
        return device_id in self._board.devices(account_id, self._clock.now())

    def here(self, account_id: str) -> frozenset[str]:
        """Ids of the devices that are here, on any process."""
        return self._board.devices(account_id, self._clock.now())

    async def list(self, me: Principal) -> list[dict[str, Any]]:
        here = self.here(me.account_id)
        return [
            self._shown(one.id, one.name, one.seen_ms, one.id in here) | {"current": one.id == me.device_id}
            for one in await self._devices.named(me.account_id)
        ]

    def _shown(self, device_id: str, name: str, seen_ms: int, is_here: bool) -> dict[str, Any]:
        return {"id": device_id, "name": name, "online": is_here, "last_seen": None if is_here else self._gone.get(device_id, seen_ms)}

    def changed(self, account_id: str, device_id: str) -> None:
        """It came or went: told to the person's others after a moment, if it still stands."""
        key, is_here = (account_id, device_id), self.is_here(account_id, device_id)
        if key not in self._due and self.here(account_id) - {device_id}:
            loop = asyncio.get_running_loop()
            self._due[key] = loop.call_later(self._tell_after_s(), self._tell_now, account_id, device_id, is_here)

    def _tell_now(self, account_id: str, device_id: str, is_here: bool) -> None:
        self._due.pop((account_id, device_id), None)
        if self.is_here(account_id, device_id) == is_here:
            self._spawn(self._tell(account_id, device_id, is_here))

    async def _tell(self, account_id: str, device_id: str, is_here: bool) -> None:
        try:
            named = {one.id: one for one in await self._devices.named(account_id)}
        except errors.Unavailable:
            log.warning("the store was away while a device came or went")
            return
        one = named.get(device_id)
        # One that signed out is no device any more.
        if one is not None:
            shown = self._shown(one.id, one.name, one.seen_ms, is_here)
            self._outlet.local([account_id], "presence:device", shown, skip=(account_id, device_id))

    def gone(self, device_id: str) -> None:
        """Its last connection here ended."""
        self._gone[device_id] = self._clock.at_ms()

    async def note_gone(self) -> None:
        """Write when they were last here, in one transaction."""
        gone = dict(self._gone)
        if not gone:
            return
        try:
            await self._devices.left(gone)
        except errors.Unavailable:
            log.warning("the store was away; times of leaving of devices were not noted", devices=len(gone))
        for device_id, at_ms in gone.items():
            if self._gone.get(device_id) == at_ms:
                del self._gone[device_id]
