"""The figures of a live, as its host reads them (`GET /api/v1/lives/{id}/stats`): what comes in, and what each viewer gets.

Rates are in bits a second, times in milliseconds, shares from 0 to 1; what is counted, is counted since its beginning. `drops`: packets, reports and
requests that were not acted on, by their names (`drops.Drop`).
"""

from typing_extensions import TypedDict

Counts = dict[str, int]


class CutFigures(TypedDict):
    """What a scalable stream can be cut down to."""

    rid: str
    bitrate_bps: int
    height: int | None
    watchers: int


class Wanted(TypedDict):
    """How many spatial and temporal layers of a stream anybody needs."""

    spatial: int
    temporal: int


class LayerFigures(TypedDict):
    """One stream of a publisher's: one of several sizes, or the only one (`rid` is then empty). `lost` is before repair, `given_up` is what is left."""

    rid: str
    alive: bool
    bitrate_bps: int
    packets: int
    bytes: int
    lost: int
    fraction_lost: float
    recovered: int
    given_up: int
    jitter_ms: float
    watchers: int
    height: int | None
    paused: bool
    wanted: Wanted | None
    cuts: list[CutFigures]
    counts: Counts


class TrackFigures(TypedDict):
    kind: str
    codec: str
    layers: list[LayerFigures]


class SubscriptionFigures(TypedDict):
    """Pictures or sound on their way to one viewer, with what the viewer last reported of them. `layer`: null: none now."""

    kind: str
    layer: str | None
    switches: int
    paused: bool
    packets: int
    bytes: int
    bitrate_bps: int
    resent: int
    fraction_lost: float
    jitter_ms: float
    round_trip_ms: float | None
    drops: Counts


class ViewerFigures(TypedDict):
    """`estimate_bps`: what the path is taken to carry. `feedback`: transport-wide messages heard. `roamed`: how often the address changed."""

    session_id: str
    state: str
    estimate_bps: int | None
    feedback: int
    pace_bps: float | None
    bytes_sent: int
    bitrate_bps: int
    roamed: int
    drops: Counts
    subscriptions: list[SubscriptionFigures]


class PublicationFigures(TypedDict):
    """`connected`: false while its publisher may come back. `level_dbov`: how loud it is, 0 at the most."""

    connected: bool
    account_id: str | None
    round_trip_ms: float | None
    level_dbov: float
    speaks: bool
    tracks: list[TrackFigures]
    drops: Counts
    transport_drops: Counts
    viewers: list[ViewerFigures]


class LiveFigures(TypedDict):
    publications: dict[str, PublicationFigures]
