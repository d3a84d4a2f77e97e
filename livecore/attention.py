"""Whether somebody is told of what another person did: the one place that asks, whatever it is that they would be told."""

from livecore.ports import Directory, Neighbours, Relations


class Attention:
    def __init__(self, relations: Relations, directory: Directory, neighbours: Neighbours) -> None:
        self._relations = relations
        self._directory = directory
        self._neighbours = neighbours

    async def wants(self, account_id: str, actor_id: str, switch: str) -> bool:
        """Nobody hears of themselves, of who is blocked either way, of whom they muted, of what their setting `switch` turns off, or of
        anything once they left. Ask before the transaction that tells."""
        return (
            account_id != actor_id
            and await self._directory.is_active(account_id)
            and bool(await self._directory.setting(account_id, switch))
            and not (await self._relations.between(account_id, actor_id)).blocked
            and actor_id not in await self._neighbours.muted_by(account_id)
        )
