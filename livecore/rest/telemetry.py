"""What clients report: use, faults, speed, facts of their device; and the experiments that they are in."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field, StringConstraints

from livecore import errors
from livecore.cursors import decode_cursor, encode_cursor
from livecore.insight.telemetry import Event, Kind
from livecore.rest.api import Body, Call, Model, Page, Params, Reply, Routes

routes = Routes("telemetry")

# A batch of a client that was offline for a while; a larger one comes in several.
BATCH_LIMIT = 100
BODY_LIMIT_BYTES = 256 * 1024
# One report with its stack.
EVENT_LIMIT_BYTES = 16 * 1024

EventId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
EventName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.:/-]{0,63}$")]
# Until the year 2100: what a clock may say.
UnixMs = Annotated[int, Field(ge=0, le=4_102_444_800_000, strict=True)]


def _small(value: dict[str, Any]) -> dict[str, Any]:
    try:
        size_bytes = len(orjson.dumps(value))
    except TypeError as exc:
        raise ValueError("is nested too deeply") from exc
    if size_bytes > EVENT_LIMIT_BYTES:
        raise ValueError(f"has more than {EVENT_LIMIT_BYTES} bytes")
    return value


Data = Annotated[dict[str, Any], Field(max_length=50), AfterValidator(_small)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Identifier = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$")]


class DeviceFactsGiven(Body):
    """The eleven facts of the privacy policy. Each may be left out or null: then it is withheld, and what was given before goes."""

    hardware_model: Line | None = None
    os_version: Line | None = None
    memory_mb: Annotated[int, Field(ge=1, le=16_777_216, strict=True)] | None = None
    advertising_id: Identifier | None = None
    app_id: Identifier | None = Field(default=None, description="A unique identifier of this installation.")
    apps_installed: Annotated[list[Line], Field(max_length=200)] | None = None
    device_id: Identifier | None = Field(default=None, description="A unique identifier of the device.")
    browser: Line | None = None
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,5}$")] | None = None
    battery: Annotated[float, Field(ge=0, le=1)] | None = Field(default=None, description="0 to 1.")
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}$")] | None = None


class TelemetryEvent(Body):
    """`id` is the client's own: the same again is counted once. `at` is Unix milliseconds by the client's clock."""

    id: EventId
    kind: Kind
    name: EventName
    at: UnixMs
    data: Data = {}


class TelemetryBatch(Body):
    """`device` takes the place of what this device told before."""

    events: Annotated[list[TelemetryEvent], Field(max_length=BATCH_LIMIT)] = []
    device: DeviceFactsGiven | None = None


class DiagnosticReport(Body):
    """A report of one of the four kinds; `name` says what it is about (`feed`, `GET /api/v1/feed`, `start`)."""

    id: EventId
    name: EventName = "report"
    at: UnixMs
    message: Annotated[str, Field(max_length=2000)] = ""
    stack: Annotated[str, Field(max_length=8000)] = ""
    data: Data = {}


class DiagnosticBatch(Body):
    reports: Annotated[list[DiagnosticReport], Field(min_length=1, max_length=BATCH_LIMIT)]


class Accepted(Model):
    """`repeated`: were there already; `dropped`: not written, since your settings say so."""

    accepted: int
    repeated: int
    dropped: int


class DeviceFactsKept(Model):
    device: str
    current: bool
    facts: DeviceFactsGiven
    changed_at: int


class ExperimentsView(Model):
    """Experiment → the variant that you see; empty under restriction."""

    experiments: dict[str, str]


class GroupsQuery(Params):
    kind: Kind | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: str | None = None


class ReportGroup(Model):
    """Reports with one signature. `sample` is the newest, scrubbed; null once its time is over."""

    signature: str
    kind: str
    name: str
    events: int
    first_at: int
    last_at: int
    sample: dict[str, Any] | None


class UsageQuery(Params):
    kind: Kind = "usage"
    days: Annotated[int, Field(ge=1, le=400)] = 30


class UsageRow(Model):
    day: str
    name: str
    events: int


async def _take(call: Call, events: list[Event]) -> Reply:
    # Who declined the policy is to us as somebody without an account.
    account_id = call.principal.account_id if call.principal is not None and not call.principal.declined else None
    taken = await call.app.insight.telemetry.take(account_id, events)
    return Reply(Accepted(accepted=taken.accepted, repeated=taken.repeated, dropped=taken.dropped), status=202)


@routes.post("/api/v1/telemetry", body=TelemetryBatch, body_limit_bytes=BODY_LIMIT_BYTES, ok=(202, Accepted), rate="telemetry_per_account")
async def telemetry(call: Call, body: TelemetryBatch) -> Reply:
    """Report use, speed and faults in a batch, and facts of this device.

    Secrets, phone numbers and mail addresses are taken out before anything is kept. Under restriction, or where the settings
    `usage_data` and `diagnostics` are off, the events are counted as `dropped` and nothing is written.
    """
    if body.device is not None:
        await call.app.insight.device_facts.put(call.me.account_id, call.me.device_id, body.device.model_dump())
    return await _take(call, [Event(event.id, event.kind, event.name, event.at, event.data) for event in body.events])


@routes.post(
    "/api/v1/telemetry/events", body=TelemetryBatch, body_limit_bytes=BODY_LIMIT_BYTES, ok=(202, Accepted), rate="telemetry_per_account"
)
async def telemetry_events(call: Call, body: TelemetryBatch) -> Reply:
    """The same as `POST /api/v1/telemetry`."""
    reply = await telemetry(call, body)
    assert isinstance(reply, Reply)
    return reply


async def _diagnose(call: Call, kind: Kind, body: DiagnosticBatch) -> Reply:
    if call.principal is None:
        await call.app.limiter.hit("diagnostic_per_address", call.subscriber)
    events = [
        Event(report.id, kind, report.name, report.at, {"message": report.message, "stack": report.stack} | report.data)
        for report in body.reports
    ]
    return await _take(call, events)


def _diagnostics(kind: Literal["log", "crash", "website", "performance"], words: str) -> None:
    async def diagnose(call: Call, body: DiagnosticBatch) -> Reply:
        return await _diagnose(call, kind, body)

    diagnose.__name__ = f"diagnose_{kind}"
    diagnose.__doc__ = (
        f"Report {words}.\n\nAlso without an account: then only the group that a report belongs to is kept, and not whose it was."
    )
    routes.post(
        f"/api/v1/diagnostics/{kind}",
        auth="optional",
        body=DiagnosticBatch,
        body_limit_bytes=BODY_LIMIT_BYTES,
        ok=(202, Accepted),
    )(diagnose)


_diagnostics("log", "lines of a client's log")
_diagnostics("crash", "crashes")
_diagnostics("website", "faults of a page (scripts, content policy, network)")
_diagnostics("performance", "how fast something was")


@routes.get("/api/v1/me/device-facts", ok=(200, Page[DeviceFactsKept]))
async def list_device_facts(call: Call) -> Reply:
    """What your devices told of themselves, as it is kept."""
    found = await call.app.insight.device_facts.of(call.me.account_id)
    items = [
        DeviceFactsKept(
            device=one.device_id,
            current=one.device_id == call.me.device_id,
            facts=DeviceFactsGiven.model_validate(one.facts),
            changed_at=one.changed_ms,
        )
        for one in found
    ]
    return Reply(Page[DeviceFactsKept](items=items))


@routes.put("/api/v1/me/device-facts", body=DeviceFactsGiven, ok=(204, None), rate="telemetry_per_account")
async def put_device_facts(call: Call, body: DeviceFactsGiven) -> Reply:
    """Tell facts of this device; they take the place of what it told before. 403 `restricted` where your settings say so."""
    if not await call.app.insight.device_facts.put(call.me.account_id, call.me.device_id, body.model_dump()):
        raise errors.Forbidden("Your settings say that this is not kept.", type="restricted")
    return Reply(status=204)


@routes.delete("/api/v1/me/device-facts", ok=(204, None))
async def delete_device_facts(call: Call) -> Reply:
    """Delete what all of your devices told of themselves."""
    await call.app.insight.device_facts.forget(call.me.account_id)
    return Reply(status=204)


@routes.delete("/api/v1/me/device-facts/advertising-id", ok=(204, None))
async def delete_advertising_id(call: Call) -> Reply:
    """Delete the advertising id of all of your devices; the other facts stay."""
    await call.app.insight.device_facts.forget_advertising_id(call.me.account_id)
    return Reply(status=204)


@routes.get("/api/v1/me/experiments", ok=(200, ExperimentsView))
async def experiments(call: Call) -> Reply:
    """Which variant of each experiment you see: always the same, in your export, none under restriction."""
    return Reply(ExperimentsView(experiments=await call.app.insight.experiments.of(call.me.account_id)))


# -- staff


@routes.get("/api/v1/admin/diagnostics", auth="staff:support|moderator|admin", params=GroupsQuery, ok=(200, Page[ReportGroup]))
async def report_groups(call: Call) -> Reply:
    """Faults that clients reported, grouped by signature, the latest first."""
    query: GroupsQuery = call.params
    before = None
    if query.cursor is not None:
        at_ms, key = decode_cursor(call.app.keys, "report-groups", query.cursor)
        before = (int(at_ms), str(key))
    found = await call.app.insight.telemetry.groups(query.kind, before, query.limit + 1)
    items = [
        ReportGroup(
            signature=group.signature,
            kind=group.kind,
            name=group.name,
            events=group.events,
            first_at=group.first_ms,
            last_at=group.last_ms,
            sample=dict(group.sample) if group.sample is not None else None,
        )
        for group in found[: query.limit]
    ]
    last = items[-1] if len(found) > query.limit else None
    more = encode_cursor(call.app.keys, "report-groups", [last.last_at, last.signature]) if last else None
    return Reply(Page[ReportGroup](items=items, next_cursor=more))


@routes.get("/api/v1/admin/usage", auth="staff:support|moderator|admin", params=UsageQuery, ok=(200, Page[UsageRow]))
async def usage(call: Call) -> Reply:
    """How often something was used or reported, by day; sums without ids."""
    rows = await call.app.insight.telemetry.daily(call.params.kind, call.params.days)
    return Reply(Page[UsageRow](items=[UsageRow(day=day, name=name, events=count) for day, name, count in rows]))
