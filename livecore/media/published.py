"""A publication with those who send and watch it, as the worker knows it."""

from livecore.media.control import PublicationUp
from livecore.media.publication import Publication
from livecore.media.sessions import PublisherSession, ViewerSession


class Published:
    """`away_since`: None while its publisher is connected (or was never yet)."""

    def __init__(self, publication: Publication) -> None:
        self.publication = publication
        self.session: PublisherSession | None = None
        self.viewers: dict[str, ViewerSession] = {}
        self.away_since: float | None = None
        self.away_session = ""  # the id of the session that was lost last
        self.connected = False

    def up(self) -> PublicationUp:
        publication = self.publication
        video = publication.tracks.get("video")
        codec = video.codec.name if video else None
        return PublicationUp(publication.live_id, publication.publication_id, codec, "audio" in publication.tracks)
