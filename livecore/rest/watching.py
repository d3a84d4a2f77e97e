"""Watching: what a player reports, and what a creator sees of it."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from livecore.rest.api import Body, Call, Model, Reply, Routes

routes = Routes("watching")


class Counters(Model):
    views: int
    likes: int
    comments: int
    shares: int


class ViewNew(Body):
    """A heartbeat: sent every ten seconds or so, and when the viewer leaves."""

    seconds: float = Field(ge=0, le=86_400, description="Watched since the last report of this viewer.")
    position_s: float | None = Field(default=None, ge=0, le=86_400 * 2, description="Where in the video it ended.")
    source: Literal["feed", "profile", "search", "chat", "link", "other"] = Field(default="other", description="Whence the viewer came.")


class Insights(Model):
    """Numbers of groups of people only: null, or together under `other`, where they would tell of somebody."""

    views: int
    likes: int
    comments: int
    shares: int
    duration_s: float
    viewers: int | None
    watched_s: float | None
    average_watched_s: float | None
    retention: list[float] | None = Field(description="How much of each of 20 equal parts a viewer watched on average, 0 to 1.")
    sources: dict[str, int] = Field(description="Views by the page that they came from.")


def counters(row: Mapping[str, Any]) -> Counters:
    return Counters(views=row["views"], likes=row["likes"], comments=row["comments"], shares=row["shares"])


@routes.post("/api/v1/videos/{id}/views", body=ViewNew, ok=(201, Counters), errors=(451,), rate="view_per_account", idempotent=True)
async def view(call: Call, body: ViewNew) -> Reply:
    """Tell that a part was watched. Nobody watches faster than the clock, longer than the video, or two videos at once: what is over
    that is not counted."""
    row = await call.app.views.report(call.me, call.path["id"], body.seconds, body.position_s, body.source)
    return Reply(counters(row), status=201)


@routes.get("/api/v1/videos/{id}/insights", ok=(200, Insights), errors=(403,))
async def insights(call: Call) -> Reply:
    """How a video does, for its owner: views, watch time, the curve of who stays, and whence they came."""
    found = await call.app.views.insights(call.me, call.path["id"])
    watched_s = None if found.watched_ms is None else round(found.watched_ms / 1000, 1)
    return Reply(
        Insights(
            views=found.views,
            likes=found.likes,
            comments=found.comments,
            shares=found.shares,
            duration_s=found.length_ms / 1000,
            viewers=found.viewers,
            watched_s=watched_s,
            average_watched_s=None if watched_s is None or not found.viewers else round(watched_s / found.viewers, 1),
            retention=None if found.retention is None else list(found.retention),
            sources=dict(found.sources),
        )
    )
