"""`livecore bench …`: the commands. What a bench needs beyond the server itself is imported when one runs."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli_live import hls_command, live_command
from bench.measured import (
    SECONDS_LIMIT,
    DataDir,
    Loads,
    Measurement,
    Native,
    Pid,
    Pin,
    Seconds,
    Url,
    bench,
    check_native,
    measured,
    numbers,
)

__all__ = ["bench"]

MEMBERS_LIMIT = 50_000
RATE_LIMIT = 100_000.0
RESULTS = Path("bench/results")


@measured("chat")
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
    native: Native = "auto",
) -> Measurement:
    """Deliveries per server CPU-second, latency, memory a connection, connects."""
    from bench import chat

    if scenario not in ("live", "direct", "plain"):
        raise typer.BadParameter("scenario: live, direct or plain")
    if scenario == "plain" and not url:
        raise typer.BadParameter("scenario plain: --url names the server")
    if distinct and url:
        raise typer.BadParameter("--distinct puts accounts into the database of a livecore of its own")
    if storm and (scenario == "plain" or versus_node):
        raise typer.BadParameter("--storm signs in at a livecore alone")
    check_native(native)
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
    return Measurement(lambda screen: chat.run(options, screen), chat)


@measured("record")
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
    beside_seconds: Annotated[
        float,
        typer.Option(min=0, max=SECONDS_LIMIT, help="how long ffmpeg, Chromium and the recorder record by turns, vp8 and h264; 0: not [s]"),
    ] = 0.0,
    beside_turns: Annotated[int, typer.Option(min=1, max=20, help="with --beside-seconds: turns of each")] = 3,
) -> Measurement:
    """CPU-milliseconds a recorded second, to a file and to segments, beside ffmpeg and Chromium's MediaRecorder."""
    from bench import record

    chosen = [codec.strip() for codec in codecs.split(",") if codec.strip()]
    if not chosen or not set(chosen) <= set(record.CODECS):
        raise typer.BadParameter(f"codecs: of {', '.join(record.CODECS)}")
    options = record.RecordOptions(chosen, seconds, aiortc_seconds, process_seconds, process_lives, beside_seconds, beside_turns)
    return Measurement(lambda screen: record.run(options, screen), record)


@measured("store")
def store_command(
    database: Annotated[str, typer.Option(help="postgresql://… of an empty database; empty is SQLite in a temporary directory")] = "",
    database_pid: Annotated[int, typer.Option(min=0, help="with --database: the database server's process, to count its CPU")] = 0,
    conversations: Annotated[int, typer.Option(min=1, max=10_000, help="conversations that the messages are spread over")] = 100,
    at_once: Annotated[str, typer.Option(help="messages that wait for their answer at the same time, comma-separated")] = "1,100",
    seconds: Seconds = 3.0,
    text_bytes: Annotated[int, typer.Option(min=1, max=10_000, help="size of a message's text [bytes]")] = 100,
    receipts: Annotated[bool, typer.Option(help="confirm each message, so that its body is deleted and its key destroyed")] = True,
    pin: Pin = True,
) -> Measurement:
    """Messages accepted a second, durably; milliseconds and CPU of one."""
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
    return Measurement(lambda screen: store.run(options, screen), store)


@measured("rest")
def rest_command(
    posts: Annotated[str, typer.Option(help="posts stored, comma-separated")] = "10000,100000,1000000",
    database: Annotated[str, typer.Option(help="sqlite, postgresql or both (a throwaway server is started)")] = "both",
    requests: Annotated[int, typer.Option(min=20, max=100_000, help="requests of each point")] = 400,
    pin: Pin = True,
) -> Measurement:
    """CPU of a request: feed, search, sign-in, contacts; and whether it grows with what is stored."""
    from bench import rest

    if database not in ("sqlite", "postgresql", "both"):
        raise typer.BadParameter("database: sqlite, postgresql or both")
    options = rest.RestOptions(
        posts=[int(count) for count in numbers(posts, 100, 10_000_000, "posts")],
        databases=("sqlite", "postgresql") if database == "both" else (database,),
        requests=requests,
        pin=pin,
    )
    return Measurement(lambda screen: rest.run(options, screen), rest)


@measured("upload")
def upload_command(
    mib: Annotated[str, typer.Option(help="sizes of a file [MiB], comma-separated")] = "64,256",
    at_once: Annotated[int, typer.Option(min=1, max=64, help="files that are sent at the same time")] = 1,
    part_mib: Annotated[int, typer.Option(min=0, max=10_240, help="size of one request [MiB]; 0 sends a file in one")] = 0,
    checksum: Annotated[bool, typer.Option(help="each request with a checksum")] = False,
    versus_nginx: Annotated[bool, typer.Option("--versus-nginx", help="by turns with nginx, which takes the bytes by PUT")] = False,
    pin: Pin = True,
) -> Measurement:
    """Throughput of uploads, CPU and memory of the server while large files come in."""
    from bench import upload

    sizes = [int(size) for size in numbers(mib, 1, 16_000, "mib")]
    options = upload.UploadOptions(mib=sizes, at_once=at_once, part_mib=part_mib, checksum=checksum, nginx=versus_nginx, pin=pin)
    return Measurement(lambda screen: upload.run(options, screen), upload)


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
    record_command(
        codecs="vp8,h264",
        seconds=4,
        aiortc_seconds=0,
        process_seconds=0,
        beside_seconds=0,
        json=out / "record.json",
        plot=out / "record.png",
    )
    hls_command(seconds=seconds, viewers="50,200", pin=pin, json=out / "hls.json", plot=out / "hls.png")
    store_command(seconds=seconds, pin=pin, json=out / "store.json", plot=out / "store.png")
    upload_command(pin=pin, json=out / "upload.json", plot=out / "upload.png")
    rest_command(posts="10000,100000", pin=pin, json=out / "rest.json", plot=out / "rest.png")
