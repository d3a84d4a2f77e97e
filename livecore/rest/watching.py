"""Watching: what a player reports of videos, posts and lives, and what their creator sees of it."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from livecore.ports import ViewedKind
from livecore.rest.api import Body, Call, Model, Reply, Routes
from livecore.viewing.views import Insights as Found

routes = Routes("watching")


class Counters(Model):
    views: int
    likes: int
    comments: int
    shares: int


class LiveCounters(Model):
    views: int
    shares: int


class Heartbeat(Body):
    """Sent every ten seconds or so, and when the viewer leaves."""

    seconds: float = Field(ge=0, le=86_400, description="Watched since the last report of this viewer.")
    source: Literal["feed", "profile", "search", "chat", "link", "other"] = Field(default="other", description="Whence the viewer came.")


class ViewNew(Heartbeat):
    position_s: float | None = Field(default=None, ge=0, le=86_400 * 2, description="Where in the video it ended.")


class Watched(Model):
    """Numbers of groups of people only: null, or together under `other`, where they would tell of somebody."""

    views: int
    shares: int
    viewers: int | None
    watched_s: float | None
    average_watched_s: float | None
    sources: dict[str, int] = Field(description="Views by the page that they came from.")


class PostInsights(Watched):
    """Nobody's time on a post counts for more than its text takes to be read and its pictures to be seen: `reading_s`."""

    likes: int
    comments: int
    reading_s: float


class LiveInsights(Watched):
    """Of a live that runs, so far."""

    duration_s: float
    peak_viewers: int
    retention: list[float] | None = Field(description="How much of each of 20 equal parts a viewer watched on average, 0 to 1.")
    audience: list[float] | None = Field(description="How many watched on average in each minute.")


class Insights(Watched):
    likes: int
    comments: int
    duration_s: float
    retention: list[float] | None = Field(description="How much of each of 20 equal parts a viewer watched on average, 0 to 1.")


def counters(row: Mapping[str, Any]) -> Counters:
    return Counters(views=row["views"], likes=row["likes"], comments=row["comments"], shares=row["shares"])


def _watched(found: Found, shares: int) -> dict[str, Any]:
    watched_s = None if found.watched_ms is None else round(found.watched_ms / 1000, 1)
    return {
        "views": found.views,
        "shares": shares,
        "viewers": found.viewers,
        "watched_s": watched_s,
        "average_watched_s": None if watched_s is None or not found.viewers else round(watched_s / found.viewers, 1),
        "sources": dict(found.sources),
    }


async def _note(call: Call, kind: ViewedKind, body: Heartbeat, position_s: float | None = None) -> None:
    await call.app.views.report(call.me, kind, call.path["id"], body.seconds, position_s, body.source)


@routes.post("/api/v1/videos/{id}/views", body=ViewNew, ok=(201, Counters), errors=(451,), rate="view_per_account", idempotent=True)
async def view(call: Call, body: ViewNew) -> Reply:
    """Tell that a part was watched. Nobody watches faster than the clock, longer than the video, or two things at once: what is over
    that is not counted."""
    await _note(call, "video", body, body.position_s)
    return Reply(counters(await call.app.videos.row(call.path["id"])), status=201)


@routes.post("/api/v1/posts/{id}/views", body=Heartbeat, ok=(201, Counters), errors=(451,), rate="view_per_account", idempotent=True)
async def view_post(call: Call, body: Heartbeat) -> Reply:
    """Tell that a post was read and its pictures were looked at: counted as for videos, up to what that takes."""
    await _note(call, "post", body)
    return Reply(counters(await call.app.posts.get(call.me.account_id, call.path["id"])), status=201)


@routes.post(
    "/api/v1/lives/{id}/views", body=Heartbeat, ok=(201, LiveCounters), errors=(409, 410), rate="view_per_account", idempotent=True
)
async def view_live(call: Call, body: Heartbeat) -> Reply:
    """Tell that a live was watched, by whatever protocol, while it runs: counted as for videos, up to how long it has been on the air. 409
    before it began, 410 once it is over."""
    await _note(call, "live", body)
    row = await call.app.lives.to_watch(call.me.account_id, call.path["id"])
    return Reply(LiveCounters(views=row["views"], shares=await _shares(call)), status=201)


async def _shares(call: Call) -> int:
    return int((await call.app.shares.counts("live", [call.path["id"]])).get(call.path["id"], 0))


def _curve(values: tuple[float, ...] | None) -> list[float] | None:
    return None if values is None else list(values)


@routes.get("/api/v1/videos/{id}/insights", ok=(200, Insights), errors=(403,))
async def insights(call: Call) -> Reply:
    """How a video does, for its owner: views, watch time, the curve of who stays, and whence they came."""
    found = await call.app.views.insights(call.me, "video", call.path["id"])
    row = await call.app.videos.row(call.path["id"])
    more = {"likes": row["likes"], "comments": row["comments"], "duration_s": found.length_ms / 1000, "retention": _curve(found.retention)}
    return Reply(Insights(**_watched(found, row["shares"]), **more))


@routes.get("/api/v1/posts/{id}/insights", ok=(200, PostInsights), errors=(403, 451))
async def insights_of_post(call: Call) -> Reply:
    """How a post does, for its author: views, how long it was looked at, and whence they came."""
    found = await call.app.views.insights(call.me, "post", call.path["id"])
    row = await call.app.posts.get(call.me.account_id, call.path["id"])
    more = {"likes": row["likes"], "comments": row["comments"], "reading_s": round(found.length_ms / 1000, 1)}
    return Reply(PostInsights(**_watched(found, row["shares"]), **more))


@routes.get("/api/v1/lives/{id}/insights", ok=(200, LiveInsights), errors=(403,))
async def insights_of_live(call: Call) -> Reply:
    """How a live does or did, for its host: views, watch time, who stayed, how many watched in each minute, and whence they came."""
    found = await call.app.views.insights(call.me, "live", call.path["id"])
    row = await call.app.lives.get(call.me, call.path["id"])
    more = {
        "duration_s": found.length_ms / 1000,
        "peak_viewers": row["peak_viewers"],
        "retention": _curve(found.retention),
        "audience": _curve(found.audience),
    }
    return Reply(LiveInsights(**_watched(found, await _shares(call)), **more))
