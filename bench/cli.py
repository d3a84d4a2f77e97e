"""`livecore bench …`: the commands. What a bench needs beyond the server itself is imported when one runs."""

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from bench.report import Column, Report
    from bench.screen import Screen

bench = typer.Typer(help="Measure a server on this machine: live progress, a table, JSON and a plot.", no_args_is_help=True)

# Runs are bounded in every direction: a load without an end is a mistake.
MEMBERS_LIMIT = 50_000
VIEWERS_LIMIT = 5_000
SECONDS_LIMIT = 600.0
RATE_LIMIT = 100_000.0
POINTS_LIMIT = 16
RESULTS = Path("bench/results")

JsonPath = Annotated[Path | None, typer.Option("--json", help="write the report there as JSON")]
PlotPath = Annotated[Path | None, typer.Option("--plot", help="draw the report there as PNG")]
Seconds = Annotated[float, typer.Option(min=0.2, max=SECONDS_LIMIT, help="how long each point is measured [s]")]
Url = Annotated[str, typer.Option(help="a server that already runs on this machine; empty starts a livecore of the bench's own")]
Pid = Annotated[int, typer.Option(min=0, help="with --url: the server's process, whose tree's CPU and memory are counted")]
DataDir = Annotated[Path | None, typer.Option(help="with --url to a livecore: its data directory, where codes of new accounts are found")]
Loads = Annotated[int, typer.Option(min=1, max=64, help="processes that put the load on")]
Pin = Annotated[bool, typer.Option(help="server and load on cores of their own, where there are two")]


def numbers(text: str, low: float, high: float, what: str) -> list[float]:
    """A comma-separated list, each within its bounds. Raises typer.BadParameter."""
    try:
        found = [float(part) for part in text.split(",") if part.strip()]
    except ValueError as exc:
        raise typer.BadParameter(f"{what}: numbers with commas between them") from exc
    if not found or len(found) > POINTS_LIMIT or not all(low <= number <= high for number in found):
        raise typer.BadParameter(f"{what}: 1 to {POINTS_LIMIT} numbers from {low:g} to {high:g}")
    return found


def _needed() -> None:
    try:
        importlib.import_module("matplotlib")
    except ImportError as exc:
        Console(stderr=True).print("[red]matplotlib is not installed.[/] The bench needs the extra: pip install 'livecore\\[bench]'")
        raise typer.Exit(2) from exc
    if not sys.platform.startswith("linux"):
        Console(stderr=True).print("[red]The bench reads CPU times from /proc, which only Linux has.[/]")
        raise typer.Exit(2)


def _measure(
    work: Callable[["Screen"], Awaitable["Report"]],
    columns: "list[Column]",
    json_path: Path | None,
    plot_path: Path | None,
    plot: dict[str, Any],
) -> None:
    """Run one bench, show its table, write what was asked for; what cannot be measured ends with one line and status 1."""
    from bench import plot as plotting
    from bench.load import LoadFailed
    from bench.loopback import NotLoopback
    from bench.screen import Screen

    console = Console(stderr=True)

    async def run() -> "Report":
        with Screen(console) as screen:
            return await work(screen)

    try:
        report = asyncio.run(run())
    except (LoadFailed, NotLoopback) as exc:
        console.print(f"[red]{exc}[/]", highlight=False)
        raise typer.Exit(1) from exc
    report.show(Console(), columns)
    if json_path is not None:
        report.write(json_path)
        console.print(f"[dim]Report: {json_path}[/]")
    if plot_path is not None:
        plotting.draw(report, plot_path, **plot)
        console.print(f"[dim]Plot: {plot_path}[/]")


@bench.command("chat")
def chat_command(
    url: Url = "",
    pid: Pid = 0,
    data_dir: DataDir = None,
    scenario: Annotated[str, typer.Option(help="live (a live's room), direct (pairs, stored), plain (any Socket.IO server)")] = "live",
    members: Annotated[str, typer.Option(help="connections of each point, comma-separated; accounts, for direct")] = "100,1000",
    rate: Annotated[str, typer.Option(help="messages a second in all rooms together, comma-separated")] = "20",
    rooms: Annotated[int, typer.Option(min=1, max=10_000, help="rooms that the members are spread over (conversations, for direct)")] = 1,
    seconds: Seconds = 5.0,
    text_bytes: Annotated[int, typer.Option(min=30, max=10_000, help="size of a message's text [bytes]")] = 100,
    loads: Loads = 1,
    pin: Pin = True,
    join_event: Annotated[str, typer.Option(help="plain: what puts a socket into a room, with its name")] = "join",
    say_event: Annotated[str, typer.Option(help="plain: what sends {room, text} to a room")] = "say",
    path: Annotated[str, typer.Option(help="where Engine.IO answers")] = "/socket.io/",
    versus_node: Annotated[
        bool, typer.Option("--versus-node", help="by turns with livecore in pure Python and Node's Socket.IO server (`make bench-peers`)")
    ] = False,
    settle: Annotated[float, typer.Option(min=0, max=60, help="pause between the sign-ups and the first connection [s]")] = 6.0,
    distinct: Annotated[
        bool, typer.Option("--distinct", help="live: an account of its own for each connection, unknown to the server")
    ] = False,
    idle: Annotated[float, typer.Option(min=0, max=600, help="what the connections cost while they say nothing for so long [s]")] = 0.0,
    storm: Annotated[
        int, typer.Option(min=0, max=200, help="each rate twice: without and with so many people who sign in at once all the time")
    ] = 0,
    native: Annotated[str, typer.Option(help="auto or off: the native helper of a livecore that is started")] = "auto",
    json: JsonPath = None,
    plot: PlotPath = None,
) -> None:
    """Deliveries per server CPU-second, latency, memory a connection, connects."""
    _needed()
    from bench import chat

    if scenario not in ("live", "direct", "plain"):
        raise typer.BadParameter("scenario: live, direct or plain")
    if scenario == "plain" and not url:
        raise typer.BadParameter("scenario plain: --url names the server")
    if distinct and url:
        raise typer.BadParameter("--distinct puts accounts into the database of a livecore of its own")
    if storm and (scenario == "plain" or versus_node):
        raise typer.BadParameter("--storm signs in at a livecore alone")
    if native not in ("auto", "off"):
        raise typer.BadParameter("native: auto or off")
    if versus_node and (url or scenario != "live"):
        raise typer.BadParameter("--versus-node starts its servers itself, and measures rooms of lives")
    options = chat.ChatOptions(
        scenario=scenario,
        url=url,
        pid=pid,
        data_dir=data_dir,
        members=[int(count) for count in numbers(members, 2, MEMBERS_LIMIT, "members")],
        rates=numbers(rate, 0.1, RATE_LIMIT, "rate"),
        rooms=rooms,
        seconds=seconds,
        text_bytes=text_bytes,
        loads=loads,
        pin=pin,
        join_event=join_event,
        say_event=say_event,
        path=path,
        versus_node=versus_node,
        settle_s=settle,
        distinct=distinct,
        idle_s=idle,
        storm=storm,
        native=native,
    )
    _measure(lambda screen: chat.run(options, screen), chat.COLUMNS, json, plot, chat.PLOT)


@bench.command("live")
def live_command(
    whip: Annotated[str, typer.Option(help="another server's WHIP address on this machine; empty starts a livecore")] = "",
    whep: Annotated[str, typer.Option(help="with --whip: its WHEP address")] = "",
    token: Annotated[str, typer.Option(help="with --whip: the bearer token of both, if they ask for one")] = "",
    pid: Pid = 0,
    viewers: Annotated[str, typer.Option(help="viewers of each point, comma-separated")] = "10,50",
    codec: Annotated[str, typer.Option(help="vp8 (the default) or h264; with --layers svc: vp9 (the default) or av1")] = "",
    layers: Annotated[
        str, typer.Option(help="none; simulcast: a stream a size, each a third of the next; svc: sizes and rates in one stream")
    ] = "none",
    layer_count: Annotated[int, typer.Option(min=1, max=3, help="with --layers: how many sizes, up to 720p")] = 3,
    narrow: Annotated[
        float, typer.Option(min=0, max=1, help="the share of viewers with a narrow path, who lose what does not fit it")
    ] = 0.0,
    narrow_kbps: Annotated[float, typer.Option(min=50, max=100_000, help="what a narrow path carries [kb/s]")] = 1200.0,
    feedback: Annotated[bool, typer.Option(help="viewers offer transport-wide feedback, as browsers do")] = True,
    packets: Annotated[int, typer.Option(min=1, max=64, help="packets a picture, of the largest layer")] = 5,
    audio: Annotated[bool, typer.Option(help="Opus beside the pictures, 50 packets a second")] = True,
    rate: Annotated[float, typer.Option(min=1, max=120, help="pictures a second")] = 30.0,
    packet_bytes: Annotated[int, typer.Option(min=200, max=1200, help="size of a video packet, RTP header included [bytes]")] = 1200,
    seconds: Seconds = 5.0,
    native: Annotated[str, typer.Option(help="auto or off: the native helper of a livecore that is started")] = "auto",
    joins_at_once: Annotated[int, typer.Option(min=1, max=256, help="viewers that join at the same time")] = 4,
    joins: Annotated[int, typer.Option(min=0, max=VIEWERS_LIMIT, help="measure only so many joins, with next to nothing forwarded")] = 0,
    glass: Annotated[bool, typer.Option("--glass", help="two pages of Chromium: from glass to glass, and to the first picture")] = False,
    loads: Loads = 1,
    pin: Pin = True,
    json: JsonPath = None,
    plot: PlotPath = None,
) -> None:
    """Packets forwarded per media CPU-second, forwarding delay, loss, join time."""
    _needed()
    from bench import live, live_joins

    if layers not in live.LAYERS:
        raise typer.BadParameter("layers: none, simulcast or svc")
    if codec and codec not in live.CODECS[layers]:
        raise typer.BadParameter(f"codec: {' or '.join(live.CODECS[layers])} with --layers {layers}")
    if native not in ("auto", "off"):
        raise typer.BadParameter("native: auto or off")
    if bool(whip) != bool(whep):
        raise typer.BadParameter("--whip and --whep belong together")
    options = live.LiveOptions(
        whip=whip,
        whep=whep,
        token=token,
        pid=pid,
        viewers=[int(count) for count in numbers(viewers, 1, VIEWERS_LIMIT, "viewers")],
        codec=codec,
        layers=layers,
        layer_count=layer_count,
        narrow=narrow,
        narrow_kbps=narrow_kbps,
        feedback=feedback,
        packets_per_picture=packets,
        audio=audio,
        rate=rate,
        packet_bytes=packet_bytes,
        seconds=seconds,
        joins_at_once=joins_at_once,
        native=native,
        loads=loads,
        pin=pin,
    )
    if glass:
        try:
            from bench import live_glass
        except ImportError as exc:
            raise typer.BadParameter("--glass needs playwright: pip install 'livecore[dev]'") from exc
        _measure(lambda screen: live_glass.run(options, screen), live_glass.COLUMNS, json, plot, live_glass.PLOT)
        return
    if joins:
        _measure(lambda screen: live_joins.run(options, joins, screen), live_joins.COLUMNS, json, plot, live_joins.PLOT)
        return
    _measure(lambda screen: live.run(options, screen), live.COLUMNS, json, plot, live.PLOT)


@bench.command("peers")
def peers_command(
    viewers: Annotated[str, typer.Option(help="viewers of each point, comma-separated")] = "100",
    packets: Annotated[int, typer.Option(min=1, max=64, help="packets a picture")] = 5,
    audio: Annotated[bool, typer.Option(help="Opus beside the pictures, 50 packets a second")] = True,
    seconds: Seconds = 5.0,
    joins_at_once: Annotated[int, typer.Option(min=1, max=256, help="viewers that join at the same time")] = 4,
    pin: Pin = True,
    json: JsonPath = None,
    plot: PlotPath = None,
) -> None:
    """Live media: livecore, livecore in pure Python, and Janus, one after the other by the same tool."""
    _needed()
    from bench import live, live_peers

    options = live.LiveOptions(
        viewers=[int(count) for count in numbers(viewers, 1, VIEWERS_LIMIT, "viewers")],
        packets_per_picture=packets,
        audio=audio,
        seconds=seconds,
        joins_at_once=joins_at_once,
        pin=pin,
    )
    _measure(lambda screen: live_peers.run(options, screen), live.COLUMNS, json, plot, live.PLOT)


@bench.command("record")
def record_command(
    codecs: Annotated[str, typer.Option(help="vp8, h264, vp9, av1, comma-separated")] = "vp8,h264,vp9,av1",
    seconds: Annotated[float, typer.Option(min=2, max=SECONDS_LIMIT, help="how much is recorded of each [s]")] = 20.0,
    aiortc_seconds: Annotated[
        float, typer.Option(min=0, max=60, help="how much aiortc's MediaRecorder records; 0 leaves it out [s]")
    ] = 2.0,
    process_seconds: Annotated[
        float, typer.Option(min=0, max=SECONDS_LIMIT, help="how much the recorder process records over its socket; 0 leaves it out [s]")
    ] = 0.0,
    process_lives: Annotated[int, typer.Option(min=1, max=50, help="with --process-seconds: lives in each recorder")] = 1,
    json: JsonPath = None,
    plot: PlotPath = None,
) -> None:
    """CPU-milliseconds a recorded second, to a file and to segments."""
    _needed()
    from bench import record

    chosen = [codec.strip() for codec in codecs.split(",") if codec.strip()]
    if not chosen or not set(chosen) <= set(record.CODECS):
        raise typer.BadParameter(f"codecs: of {', '.join(record.CODECS)}")
    options = record.RecordOptions(chosen, seconds, aiortc_seconds, process_seconds, process_lives)
    _measure(lambda screen: record.run(options, screen), record.COLUMNS, json, plot, record.PLOT)


@bench.command("store")
def store_command(
    database: Annotated[str, typer.Option(help="postgresql://… of an empty database; empty is SQLite in a temporary directory")] = "",
    database_pid: Annotated[int, typer.Option(min=0, help="with --database: the database server's process, to count its CPU")] = 0,
    conversations: Annotated[int, typer.Option(min=1, max=10_000, help="conversations that the messages are spread over")] = 100,
    at_once: Annotated[str, typer.Option(help="messages that wait for their answer at the same time, comma-separated")] = "1,100",
    seconds: Seconds = 3.0,
    text_bytes: Annotated[int, typer.Option(min=1, max=10_000, help="size of a message's text [bytes]")] = 100,
    receipts: Annotated[bool, typer.Option(help="confirm each message, so that its body is deleted and its key destroyed")] = True,
    pin: Pin = True,
    json: JsonPath = None,
    plot: PlotPath = None,
) -> None:
    """Messages accepted a second, durably; milliseconds and CPU of one."""
    _needed()
    from bench import loopback, store

    if database:
        try:
            loopback.check_url(database)
        except loopback.NotLoopback as exc:
            raise typer.BadParameter(str(exc)) from exc
    options = store.StoreOptions(
        database_url=database,
        database_pid=database_pid,
        conversations=conversations,
        at_once=[int(count) for count in numbers(at_once, 1, 10_000, "at-once")],
        seconds=seconds,
        text_bytes=text_bytes,
        receipts=receipts,
        pin=pin,
    )
    _measure(lambda screen: store.run(options, screen), store.COLUMNS, json, plot, store.PLOT)


@bench.command("rest")
def rest_command(
    posts: Annotated[str, typer.Option(help="posts stored, comma-separated")] = "10000,100000,1000000",
    database: Annotated[str, typer.Option(help="sqlite, postgresql or both (a throwaway server is started)")] = "both",
    requests: Annotated[int, typer.Option(min=20, max=100_000, help="requests of each point")] = 400,
    pin: Pin = True,
    json: JsonPath = None,
    plot: PlotPath = None,
) -> None:
    """CPU of a request: feed, search, sign-in, contacts; and whether it grows with what is stored."""
    _needed()
    from bench import rest

    if database not in ("sqlite", "postgresql", "both"):
        raise typer.BadParameter("database: sqlite, postgresql or both")
    options = rest.RestOptions(
        posts=[int(count) for count in numbers(posts, 100, 10_000_000, "posts")],
        databases=("sqlite", "postgresql") if database == "both" else (database,),
        requests=requests,
        pin=pin,
    )
    _measure(lambda screen: rest.run(options, screen), rest.COLUMNS, json, plot, rest.PLOT)


@bench.command("hls")
def hls_command(
    viewers: Annotated[str, typer.Option(help="players of each point, comma-separated")] = "100,500",
    part_s: Annotated[float, typer.Option(min=0.1, max=1, help="length of a part [s]")] = 0.2,
    packets: Annotated[
        int, typer.Option(min=1, max=64, help="packets a picture; five of 1,200 bytes, 30 times a second, are 1.4 Mb/s")
    ] = 5,
    seconds: Seconds = 5.0,
    glass: Annotated[bool, typer.Option("--glass", help="two pages of Chromium: from glass to glass, with hls.js")] = False,
    codec: Annotated[str, typer.Option(help="with --glass: h264, vp9 or av1")] = "h264",
    loads: Loads = 1,
    pin: Pin = True,
    json: JsonPath = None,
    plot: PlotPath = None,
) -> None:
    """Viewers of low-latency HLS a core, and the delay behind the source."""
    _needed()
    if glass:
        try:
            from bench import hls_glass
        except ImportError as exc:
            raise typer.BadParameter("--glass needs playwright: pip install 'livecore[dev]'") from exc
        from bench.live import LiveOptions

        watched = LiveOptions(codec=codec, seconds=seconds, pin=pin)
        _measure(lambda screen: hls_glass.run(watched, screen), hls_glass.COLUMNS, json, plot, hls_glass.PLOT)
        return
    from bench import hls

    options = hls.HlsOptions(
        viewers=[int(count) for count in numbers(viewers, 1, VIEWERS_LIMIT, "viewers")],
        part_s=part_s,
        packets_per_picture=packets,
        seconds=seconds,
        loads=loads,
        pin=pin,
    )
    _measure(lambda screen: hls.run(options, screen), hls.COLUMNS, json, plot, hls.PLOT)


@bench.command("upload")
def upload_command(
    mib: Annotated[str, typer.Option(help="sizes of a file [MiB], comma-separated")] = "64,256",
    at_once: Annotated[int, typer.Option(min=1, max=64, help="files that are sent at the same time")] = 1,
    part_mib: Annotated[int, typer.Option(min=0, max=10_240, help="size of one request [MiB]; 0 sends a file in one")] = 0,
    checksum: Annotated[bool, typer.Option(help="each request with a checksum")] = False,
    versus_nginx: Annotated[bool, typer.Option("--versus-nginx", help="by turns with nginx, which takes the bytes by PUT")] = False,
    pin: Pin = True,
    json: JsonPath = None,
    plot: PlotPath = None,
) -> None:
    """Throughput of uploads, CPU and memory of the server while large files come in."""
    _needed()
    from bench import upload

    sizes = [int(size) for size in numbers(mib, 1, 16_000, "mib")]
    options = upload.UploadOptions(mib=sizes, at_once=at_once, part_mib=part_mib, checksum=checksum, nginx=versus_nginx, pin=pin)
    _measure(lambda screen: upload.run(options, screen), upload.COLUMNS, json, plot, upload.PLOT)


@bench.command("all")
def all_command(
    seconds: Seconds = 2.0,
    out: Annotated[Path, typer.Option(help="directory for the reports (JSON) and plots (PNG)")] = RESULTS,
    pin: Pin = True,
) -> None:
    """Short versions of each, one after the other."""
    chat_command(seconds=seconds, members="50,500", pin=pin, json=out / "chat.json", plot=out / "chat.png")
    chat_command(seconds=seconds, scenario="direct", members="10", rate="100", pin=pin, json=out / "direct.json", plot=out / "direct.png")
    live_command(seconds=seconds, viewers="10,50", pin=pin, json=out / "live.json", plot=out / "live.png")
    record_command(codecs="vp8,h264", seconds=4, aiortc_seconds=0, process_seconds=0, json=out / "record.json", plot=out / "record.png")
    hls_command(seconds=seconds, viewers="50,200", pin=pin, json=out / "hls.json", plot=out / "hls.png")
    store_command(seconds=seconds, pin=pin, json=out / "store.json", plot=out / "store.png")
    upload_command(pin=pin, json=out / "upload.json", plot=out / "upload.png")
    rest_command(posts="10000,100000", pin=pin, json=out / "rest.json", plot=out / "rest.png")
