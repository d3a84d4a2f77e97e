"""What a client of media is handed: TURN servers, a right to watch one live, and the address of its media session."""

from typing import Protocol

from livecore import errors
from livecore.config import Settings
from livecore.links import Grant
from livecore.lives.ice_servers import link_values
from livecore.ports import Clock, Keys

WATCH_PREFIX = "watch_"


class Links(Protocol):
    """`livecore.links.MediaLinks`."""

    def sign(self, scope: str, account_id: str, *, lifetime_s: int | None = None) -> str: ...

    def read(self, token: str) -> Grant: ...


class MediaRights:
    def __init__(self, links: Links, keys: Keys, clock: Clock, settings: Settings) -> None:
        self._links = links
        self._keys = keys
        self._clock = clock
        self._settings = settings

    def ice_servers(self, who: str) -> list[str]:
        """`Link` values for a client; the TURN server learns no more of it than a keyed word."""
        settings = self._settings
        servers = [server.strip() for server in settings.ice_servers.split(",") if server.strip()]
        if not servers:
            return []
        word = self._keys.blind("turn", who).hex()[:16]
        return link_values(servers, settings.turn_secret, word, self._clock.at_ms() // 1000, settings.turn_credential_s)

    def watch_token(self, live_id: str, account_id: str) -> str:
        """A right to watch one live and nothing else, for a player that is not to have the account's own token."""
        return WATCH_PREFIX + self._links.sign(f"watch/{live_id}", account_id, lifetime_s=self._settings.watch_token_s)

    def watch_grant(self, token: str, live_id: str | None) -> str:
        """Whose watch token this is (for this live; None: for any). Raises Unauthorised."""
        try:
            grant = self._links.read(token.removeprefix(WATCH_PREFIX))
        except errors.Gone as exc:
            raise errors.Unauthorised("This token has expired.", type="token_expired") from exc
        except errors.Forbidden as exc:
            raise errors.Unauthorised("This token watches nothing.") from exc
        place, _, live = grant.scope.partition("/")
        if place != "watch" or live_id not in (None, live):
            raise errors.Unauthorised("This token does not watch here.")
        return grant.account_id

    def sign_session(self, session_id: str, who: str) -> str:
        return self._links.sign(f"media/{session_id}", who, lifetime_s=self._settings.turn_credential_s * 2)

    def session(self, signed: str) -> tuple[str, str]:
        """(session id, who may change it) of a media session's address. Raises Forbidden or Gone."""
        grant = self._links.read(signed)
        place, _, session_id = grant.scope.partition("/")
        if place != "media":
            raise errors.Forbidden("This is no media session.", type="bad_link")
        return session_id, grant.account_id
