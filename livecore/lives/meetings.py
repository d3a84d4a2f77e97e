"""A live of two people who meet: both publish, both watch, nobody else sees it, nothing is recorded."""

from sqlalchemy import insert

from livecore.ids import new_id
from livecore.lives import rules
from livecore.lives.service import Lives
from livecore.lives.tables import live, live_publication
from livecore.ports import Clock, Database, PrivateLive

TITLE = "Meeting"


class PrivateLives:
    """Keeps the promise of `ports.PrivateLives`."""

    def __init__(self, db: Database, clock: Clock, lives: Lives) -> None:
        self._db = db
        self._clock = clock
        self._lives = lives

    async def meet(self, one: str, other: str) -> PrivateLive:
        live_id, now_ms = new_id(), self._clock.at_ms()
        given = {account_id: (new_id(), rules.new_publish_token()) for account_id in (one, other)}
        async with self._db.write() as conn:
            await conn.execute(
                insert(live).values(
                    id=live_id,
                    owner_id=one,
                    title=TITLE,
                    # For nobody but those who publish in it.
                    visibility="nobody",
                    record=False,
                    keep_replay=False,
                    prefer="h264",
                    slow_mode_s=0,
                    state="waiting",
                    created_ms=now_ms,
                    peak_viewers=0,
                    version=1,
                )
            )
            await conn.execute(
                insert(live_publication),
                [
                    {
                        "id": publication_id,
                        "live_id": live_id,
                        "account_id": account_id,
                        "kind": "host" if account_id == one else "guest",
                        "token_hash": token.hash,
                        "created_ms": now_ms,
                    }
                    for account_id, (publication_id, token) in given.items()
                ],
            )
        theirs = {one: given[other][0], other: given[one][0]}
        told = {
            account_id: {
                "id": live_id,
                "publication": publication_id,
                "peer_publication": theirs[account_id],
                "whip": f"/whip/{live_id}",
                "whep": f"/whep/{live_id}?publication={theirs[account_id]}",
                "token": token.secret,
            }
            for account_id, (publication_id, token) in given.items()
        }
        return PrivateLive(live_id, told)

    async def end(self, live_id: str, reason: str) -> None:
        await self._lives.end(live_id, reason)
