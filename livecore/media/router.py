"""The worker's publications and sessions: who publishes what, who watches it, and what happens when one of them goes."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable

from livecore.media import forward, negotiate, sdp
from livecore.media.control import (
    Answer,
    BadOffer,
    Full,
    NoCommonCodec,
    NoPublisher,
    NoSuchSession,
    PatchAnswer,
    PublicationDown,
    PublicationUp,
    SessionClosed,
    StaleTag,
    ViewerChanged,
    WorkerEvent,
)
from livecore.media.drops import Counters
from livecore.media.layers import Wish
from livecore.media.opening import Doorway, read_offer
from livecore.media.pacer import Pacer, Sender
from livecore.media.pressure import AgeLimit, Pressure
from livecore.media.publication import Publication
from livecore.media.published import Published
from livecore.media.recordings import Recordings
from livecore.media.rounds import Rounds
from livecore.media.sessions import PublisherSession, Session, ViewerSession, new_ssrcs
from livecore.media.settings import WorkerSettings
from livecore.media.source import Outbox
from livecore.media.starvation import Patience
from livecore.media.subscription import Subscription
from livecore.media.tap import ToRecorder

# A frame's packets leave a browser within a few milliseconds of each other; a viewer's jitter buffer is larger than this wait.
HOLD_S = 0.003
# Below this the calls saved are worth less than the wait.
HOLD_WATCHERS = 50
# A viewer that asks while the publisher is connecting or away: soon enough to feel immediate, rare enough not to be a load.
RETRY_AFTER_S = 2


class Router:
    """Raises the errors of `control`; emits its events."""

    def __init__(
        self,
        settings: WorkerSettings,
        doorway: Doorway,
        emit: Callable[[WorkerEvent], None],
        to_recorder: ToRecorder,
        rng: random.Random,
        sender: Sender,
    ) -> None:
        self._settings = settings
        self._doorway = doorway
        self._emit = emit
        self._rng = rng
        self._sender = sender
        self.age_limit = AgeLimit(settings.late_s)
        self.pacer = Pacer(sender, settings.backlog_limit, self.age_limit)
        self.outbox = Outbox(self.pacer)
        self._patience = Patience(settings.starved_s, settings.retry_s, settings.hopeless_s)
        self.past: Counters = Counter()  # what was counted for sessions, publications and recordings that have ended
        self.published: dict[tuple[str, str], Published] = {}
        self.pressure = Pressure()
        self.rounds = Rounds(self.pressure, emit)
        self.recordings = Recordings(to_recorder, emit, rng, settings.segments, settings.recording_message_s)
        self.sessions: dict[str, Session] = {}
        self._by_live: dict[str, dict[str, Published]] = defaultdict(dict)

    # -- requests

    def publish(self, live_id: str, publication_id: str, offer_sdp: str, prefer: str, account_id: str | None, now: float) -> Answer:
        """Answer a publisher. The same publication id again takes over from the connection before."""
        offer = read_offer(offer_sdp)
        key = live_id, publication_id
        existing = self.published.get(key)
        self._check_room(new_publication=existing is None)
        resumed = None
        if existing is not None and existing.viewers:
            resumed = {kind: track.codec.format() for kind, track in existing.publication.tracks.items()}
        try:
            sections = negotiate.answer_publisher(offer, prefer, self._settings.start_bitrate_kbps, resumed)
        except negotiate.NoCommonCodec as exc:
            raise NoCommonCodec(str(exc)) from exc
        if existing is None:
            publication = Publication(live_id, publication_id, self.outbox, self._rng)
            existing = self.published[key] = self._by_live[live_id][publication_id] = Published(publication)
        # A second connection under the same id replaces the first only once it is connected (`_publisher_connected`).
        session = PublisherSession(
            self._doorway.new_id(), existing.publication, account_id, sections, self._session_closed, self._publisher_connected
        )
        return self._open(session, offer, sections, now)

    def subscribe(
        self, live_id: str, publication_id: str, offer_sdp: str, account_id: str | None, now: float, max_height: int | None = None
    ) -> Answer:
        """Answer a viewer. `max_height`: no higher picture than so many pixels, where there is a choice."""
        published = self.published.get((live_id, publication_id))
        if published is None or not published.connected:
            raise NoPublisher("nothing is published here yet", RETRY_AFTER_S)
        offer = read_offer(offer_sdp)
        self._check_room(new_publication=False)
        publication = published.publication
        formats = {kind: track.codec.format() for kind, track in publication.tracks.items()}
        layered = publication.may_be_layered
        try:
            sections = negotiate.answer_viewer(offer, formats, live_id, new_ssrcs(self._rng), layered)
        except negotiate.NoCommonCodec as exc:
            raise NoCommonCodec(str(exc)) from exc
        session = ViewerSession(self._doorway.new_id(), publication, account_id, self._session_closed, self._viewer_changed)
        session.wish = Wish(max_height=max_height)
        answer = self._open(session, offer, sections, now)
        if any("transport-cc" in section.feedback for section in sections):
            session.transport.estimator = self._sender.estimator()
        for section in sections:
            if section.codec is not None:
                track = publication.tracks[section.offered.kind]
                session.subscribe(Subscription(track, section, session.transport, self.pacer, self._rng, self._patience))
        published.viewers[session.session_id] = session
        return answer

    def patch(self, session_id: str, fragment_sdp: str, etag: str | None) -> PatchAnswer:
        """A trickled candidate changes nothing for a lite agent; new credentials restart ICE (RFC 9725 section 4.3)."""
        session = self.sessions.get(session_id)
        if session is None:
            raise NoSuchSession("no such session")
        try:
            fragment = sdp.parse_fragment(fragment_sdp)
        except sdp.SdpError as exc:
            raise BadOffer(str(exc)) from exc
        if etag not in (None, "*", session.etag):
            raise StaleTag("the session has changed since")
        if etag != "*" or not fragment.ufrag or fragment.ufrag == session.remote_ufrag:
            return PatchAnswer(204, None, session.etag)
        return self._doorway.restart(session, fragment)

    def close_session(self, session_id: str, reason: str, now: float) -> None:
        """A publisher's closing ends its publication: it does not come back."""
        session = self.sessions.get(session_id)
        if session is None:
            # A browser that leaves closes its connection and deletes its session: the first may be heard first.
            away = next((p for p in self.published.values() if p.away_session == session_id and p.away_since is not None), None)
            if away is None:
                raise NoSuchSession("no such session")
            self._end(away, reason, now)
            return
        if isinstance(session, PublisherSession):
            published = self._published(session)
            if published is not None and published.session in (None, session):
                self._end(published, reason, now)
                return
        session.transport.close(reason, now)

    def prefer_layer(self, session_id: str, rid: str | None, max_height: int | None = None) -> None:
        """What a viewer asks for from now on: no better layer than `rid`, none higher than `max_height` pixels."""
        self.viewer(session_id).wish = Wish(rid, max_height)

    def viewer(self, session_id: str) -> ViewerSession:
        """Raises NoSuchSession, also for a publisher's."""
        session = self.sessions.get(session_id)
        if not isinstance(session, ViewerSession):
            raise NoSuchSession("no such session")
        return session

    def end_live(self, live_id: str, now: float, reason: str = "ended") -> None:
        for published in list(self._by_live.get(live_id, {}).values()):
            self._end(published, reason, now)

    def cut(self, account_id: str, live_id: str | None, reason: str, now: float) -> int:
        """Close what this person watches, in one live or everywhere. Returns how many sessions that were."""
        cut = [
            session
            for session in self.sessions.values()
            if isinstance(session, ViewerSession) and session.account_id == account_id and live_id in (None, session.publication.live_id)
        ]
        for session in cut:
            session.transport.close(reason, now)
        return len(cut)

    def watchers(self, live_id: str) -> list[str]:
        """The accounts that watch a live through this worker; whoever watches without one is not in it."""
        watching = (one for one in self.sessions.values() if isinstance(one, ViewerSession) and one.publication.live_id == live_id)
        return sorted({one.account_id for one in watching if one.account_id is not None})

    def close(self, reason: str, now: float) -> None:
        """Everything ends (the worker drains)."""
        for live_id in list(self._by_live):
            self.end_live(live_id, now, reason)

    def start_recording(self, live_id: str, publication_id: str, recording_id: str, outputs: list[str], now: float) -> None:
        """Copy the best layer of a publication to the recorder, now or as soon as its publisher is connected; what it makes of it: `outputs`."""
        published = self.published.get((live_id, publication_id))
        if published is None:
            raise NoPublisher("nothing is published here yet", RETRY_AFTER_S)
        self.recordings.start(recording_id, published.publication, outputs, published.connected, now)

    # -- what happens

    def flush(self, now: float) -> float | None:
        """Forward what the last drain of the socket brought.

        A frame that many watch is held for a moment until its last packet is there: its packets then leave for each viewer
        in one call instead of several. Returns when to flush again for that, or for what is paced; None when nothing waits.
        """
        held_until = None
        for layer in self.outbox.take():
            pending = layer.pending
            if not pending:  # its packets went out when viewers changed between cuts of it
                continue
            if (
                len(layer.watchers) >= HOLD_WATCHERS
                and not pending[-1].marker
                and layer.framed
                and now < layer.pending_since + HOLD_S
                and len(pending) * len(layer.watchers) < self._settings.backlog_limit
            ):
                self.outbox.keep(layer)
                held_until = min(held_until or layer.pending_since + HOLD_S, layer.pending_since + HOLD_S)
                continue
            forward.flush(layer, self.pacer, now)
        paced_until = self.pacer.run(now)
        return min((at for at in (held_until, paced_until) if at is not None), default=None)

    def backlog(self) -> int:
        """Packets received and not forwarded yet, each counted once per viewer."""
        return self.outbox.cost + self.pacer.waiting

    def on_tick(self, now: float) -> None:
        self.recordings.flush(now)
        for published in list(self.published.values()):
            published.publication.on_tick(now)
            if published.away_since is not None and now - published.away_since > self._settings.resume_s:
                self._end(published, "gone", now)
        if self.rounds.on_tick(self.published.values(), self._by_live, now):
            self.recordings.on_tick(now)

    def _viewer_changed(self, session: ViewerSession, state: str, now: float) -> None:
        publication = session.publication
        self._emit(ViewerChanged(publication.live_id, publication.publication_id, session.account_id, state))

    def _publisher_connected(self, session: PublisherSession, now: float) -> None:
        published = self._published(session)
        if published is None:
            session.transport.close("ended", now)
            return
        before, publication = published.session, published.publication
        published.session, published.away_since, published.connected = session, None, True
        formats = {kind: track.codec.format() for kind, track in publication.tracks.items()}
        publication.accept(session.sections)
        publication.feedback = session.transport
        self._resume(published, formats, now)
        if before is not None and before is not session:
            before.transport.close("replaced", now)
        for track, layer in publication.layers():
            if track.kind == "video" and (layer.waiters or layer.key_frames.due):
                publication.request_key(layer, now)
        self._emit(published.up())

    def _resume(self, published: Published, formats: dict[str, tuple[str, ...]], now: float) -> None:
        """Viewers and recordings go over to the new streams; those that cannot decode them are closed."""
        publication = published.publication
        for viewer in list(published.viewers.values()):
            if all(
                (track := publication.tracks.get(s.track.kind)) is s.track and track.codec.format() == formats[track.kind]
                for s in viewer.subscriptions
            ):
                viewer.resume(now)
            else:
                viewer.transport.close("codec_changed", now)
        self.recordings.on_publisher(publication, now)

    def _session_closed(self, session: Session, reason: str, now: float) -> None:
        if self.sessions.pop(session.session_id, None) is not None:
            self.past.update(session.drops())
        self._doorway.shut(session)
        published = self._published(session)
        if isinstance(session, ViewerSession):
            self.rounds.forget_viewer(session)
            for subscription in session.subscriptions:
                subscription.leave()
            if published is not None:
                published.viewers.pop(session.session_id, None)
        elif published is not None and published.session is session:
            # Lost, or closed by the browser (a reload looks like this): it may come back.
            published.session, published.connected = None, False
            published.away_since, published.away_session = now, session.session_id
            published.publication.feedback = None
            self._emit(PublicationDown(published.publication.live_id, published.publication.publication_id, "away"))
        elif published is not None and published.session is None and published.away_since is None and not self._has_session(published):
            # It never connected, and nobody else has under this id.
            self._end(published, reason, now)
        publication = session.publication
        self._emit(
            SessionClosed(session.session_id, session.kind, reason, publication.live_id, publication.publication_id, session.account_id)
        )

    def _end(self, published: Published, reason: str, now: float) -> None:
        publication = published.publication
        if self.published.pop((publication.live_id, publication.publication_id), None) is None:
            return
        of_live = self._by_live[publication.live_id]
        of_live.pop(publication.publication_id, None)
        if not of_live:
            del self._by_live[publication.live_id]
            self.rounds.forget_live(publication.live_id)
        publication.feedback = None
        self.past.update(publication.totals())
        for session in [s for s in self.sessions.values() if s.publication is publication]:
            session.transport.close(reason, now)
        self.recordings.end(publication, reason)
        self._emit(PublicationDown(publication.live_id, publication.publication_id, reason))

    # -- parts

    def _published(self, session: Session) -> Published | None:
        key = session.publication.live_id, session.publication.publication_id
        published = self.published.get(key)
        return published if published is not None and published.publication is session.publication else None

    def _has_session(self, published: Published) -> bool:
        return any(session.publication is published.publication for session in self.sessions.values())

    def _open(self, session: Session, offer: sdp.Offer, sections: list[sdp.AnswerSection], now: float) -> Answer:
        answer = self._doorway.open(session, offer, sections, now)
        self.sessions[session.session_id] = session
        return answer

    def _check_room(self, *, new_publication: bool) -> None:
        if len(self.sessions) >= self._settings.session_limit:
            raise Full("this worker has as many sessions as it may")
        if new_publication and len(self.published) >= self._settings.publication_limit:
            raise Full("this worker has as many publications as it may")

    def ups(self) -> list[PublicationUp]:
        """What is published now, for a main process that has just connected."""
        return [published.up() for published in self.published.values() if published.connected]

    def totals(self) -> Counters:
        """Everything that was counted since the worker's start, by name."""
        totals = Counter(self.past)
        for session in self.sessions.values():
            totals.update(session.drops())
        for published in self.published.values():
            totals.update(published.publication.totals())
        return totals + self.recordings.totals()

    def live_ids(self) -> list[str]:
        return list(self._by_live)
