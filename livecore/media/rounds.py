"""What is looked after a few times a second: viewers' layers and probes, key frames that are awaited, layers nobody watches, who speaks."""

from collections.abc import Callable, Iterable, Mapping

from livecore.media.control import LayersWanted, SpeakerChanged, WorkerEvent
from livecore.media.pressure import Pressure
from livecore.media.published import Published
from livecore.media.sessions import ViewerSession
from livecore.media.speaker import ActiveSpeaker

VIEWER_TICK_S = 0.2


class Rounds:
    def __init__(self, pressure: Pressure, emit: Callable[[WorkerEvent], None]) -> None:
        self._pressure = pressure
        self._emit = emit
        self._speakers: dict[str, ActiveSpeaker] = {}  # of lives with several publications
        self._due = self._ticked_at = 0.0
        self._probing: set[ViewerSession] = set()  # with a bandwidth probe under way

    def on_tick(self, published: Iterable[Published], by_live: Mapping[str, Mapping[str, Published]], now: float) -> bool:
        """Every 20 ms or so. True when a round was made."""
        if self._probing:
            self._probing = {viewer for viewer in self._probing if viewer.on_probe(now - self._ticked_at, now)}
        self._ticked_at = now
        if now < self._due:
            return False
        self._due = now + VIEWER_TICK_S
        for one in published:
            publication = one.publication
            publication.ask_for_keys(now)
            # Where there is nothing to choose, only those are looked after whose path is known to be narrow.
            layered = publication.layered
            for viewer in list(one.viewers.values()):
                if (layered or viewer.starving) and viewer.on_tick(now, self._pressure.shed):
                    self._probing.add(viewer)
            self._tell_demand(one, now)
        self._tell_speakers(by_live, now)
        return True

    def _tell_demand(self, published: Published, now: float) -> None:
        publication, video = published.publication, published.publication.tracks.get("video")
        wanted = video.demand.on_tick(video.layers, now) if video is not None else None
        if wanted is not None:
            account_id = published.session.account_id if published.session is not None else None
            told = LayersWanted(publication.live_id, publication.publication_id, account_id, wanted.rids, wanted.scalability())
            self._emit(told)

    def _tell_speakers(self, by_live: Mapping[str, Mapping[str, Published]], now: float) -> None:
        for live_id, of_live in by_live.items():
            speaker = self._speakers.get(live_id)
            if speaker is None:
                if len(of_live) < 2:
                    continue
                speaker = self._speakers[live_id] = ActiveSpeaker()
            levels = {one: of_live[one].publication.loudness.dbov(now) for one in of_live if of_live[one].connected}
            if speaker.on_tick(levels, now):
                self._emit(SpeakerChanged(live_id, speaker.current))

    def speaker(self, live_id: str) -> str | None:
        """Which publication speaks, where there are several."""
        return self._speakers[live_id].current if live_id in self._speakers else None

    def forget_viewer(self, viewer: ViewerSession) -> None:
        self._probing.discard(viewer)

    def forget_live(self, live_id: str) -> None:
        self._speakers.pop(live_id, None)
