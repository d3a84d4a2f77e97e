"""The commands that measure live media: `livecore bench live | peers | hls`."""

from typing import Annotated

import typer

from bench.measured import Loads, Measurement, Native, Pid, Pin, Seconds, check_native, measured, numbers, with_chromium

VIEWERS_LIMIT = 5_000

Audio = Annotated[bool, typer.Option(help="Opus beside the pictures, 50 packets a second")]
JoinsAtOnce = Annotated[int, typer.Option(min=1, max=256, help="viewers that join at the same time")]


@measured("live")
def live_command(
    whip: Annotated[str, typer.Option(help="another server's WHIP address on this machine; empty starts a livecore")] = "",
    whep: Annotated[str, typer.Option(help="with --whip: its WHEP address")] = "",
    token: Annotated[str, typer.Option(help="with --whip: the bearer token of both, if they ask for one")] = "",
    watch_token: Annotated[str, typer.Option(help="with --whep: its bearer token, where it is another (a livecore's)")] = "",
    pid: Pid = 0,
    viewers: Annotated[str, typer.Option(help="viewers of each point, comma-separated")] = "10,50",
    codec: Annotated[
        str, typer.Option(help="vp8 (the default), h264, vp9 or av1; with --layers simulcast: vp8 or h264; svc: vp9 or av1")
    ] = "",
    layers: Annotated[
        str, typer.Option(help="none; simulcast: a stream a size, each a third of the next; svc: sizes and rates in one stream")
    ] = "none",
    layer_count: Annotated[int, typer.Option(min=1, max=3, help="with --layers: how many sizes, up to 720p")] = 3,
    narrow: Annotated[
        float, typer.Option(min=0, max=1, help="the share of viewers with a narrow path, who lose what does not fit it")
    ] = 0.0,
    narrow_kbps: Annotated[float, typer.Option(min=50, max=100_000, help="what a narrow path carries [kb/s]")] = 1200.0,
    feedback: Annotated[
        bool, typer.Option(help="viewers offer transport-wide feedback, as browsers do; without, the narrow tell REMB")
    ] = True,
    loss: Annotated[float, typer.Option(min=0, max=0.5, help="the share of packets lost on each viewer's way; viewers send NACKs")] = 0.0,
    packets: Annotated[int, typer.Option(min=1, max=64, help="packets a picture, of the largest layer")] = 5,
    audio: Audio = True,
    rate: Annotated[float, typer.Option(min=1, max=120, help="pictures a second")] = 30.0,
    packet_bytes: Annotated[int, typer.Option(min=200, max=1200, help="size of a video packet, RTP header included [bytes]")] = 1200,
    seconds: Seconds = 5.0,
    native: Native = "auto",
    joins_at_once: JoinsAtOnce = 4,
    joins: Annotated[int, typer.Option(min=0, max=VIEWERS_LIMIT, help="measure only so many joins, with next to nothing forwarded")] = 0,
    glass: Annotated[bool, typer.Option("--glass", help="two pages of Chromium: from glass to glass, and to the first picture")] = False,
    loads: Loads = 1,
    pin: Pin = True,
) -> Measurement:
    """Packets forwarded per media CPU-second, forwarding delay, loss, join time."""
    from bench import live, live_joins

    if layers not in live.LAYERS:
        raise typer.BadParameter("layers: none, simulcast or svc")
    if codec and codec not in live.CODECS[layers]:
        raise typer.BadParameter(f"codec: {' or '.join(live.CODECS[layers])} with --layers {layers}")
    check_native(native)
    if bool(whip) != bool(whep):
        raise typer.BadParameter("--whip and --whep belong together")
    options = live.LiveOptions(
        whip=whip,
        whep=whep,
        token=token,
        watch_token=watch_token,
        pid=pid,
        viewers=[int(count) for count in numbers(viewers, 1, VIEWERS_LIMIT, "viewers")],
        codec=codec,
        layers=layers,
        layer_count=layer_count,
        narrow=narrow,
        narrow_kbps=narrow_kbps,
        feedback=feedback,
        loss=loss,
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
        live_glass = with_chromium("bench.live_glass")
        return Measurement(lambda screen: live_glass.run(options, screen), live_glass)
    if joins:
        return Measurement(lambda screen: live_joins.run(options, joins, screen), live_joins)
    return Measurement(lambda screen: live.run(options, screen), live)


@measured("peers")
def peers_command(
    viewers: Annotated[str, typer.Option(help="viewers of each point, comma-separated")] = "100",
    packets: Annotated[int, typer.Option(min=1, max=64, help="packets a picture")] = 5,
    audio: Audio = True,
    seconds: Seconds = 5.0,
    joins_at_once: JoinsAtOnce = 4,
    pin: Pin = True,
) -> Measurement:
    """Live media: livecore, livecore in pure Python, and Janus, one after the other by the same tool."""
    from bench import live, live_peers

    options = live.LiveOptions(
        viewers=[int(count) for count in numbers(viewers, 1, VIEWERS_LIMIT, "viewers")],
        packets_per_picture=packets,
        audio=audio,
        seconds=seconds,
        joins_at_once=joins_at_once,
        pin=pin,
    )
    return Measurement(lambda screen: live_peers.run(options, screen), live)


@measured("hls")
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
) -> Measurement:
    """Viewers of low-latency HLS a core, and the delay behind the source."""
    if glass:
        hls_glass = with_chromium("bench.hls_glass")
        from bench.live import LiveOptions

        watched = LiveOptions(codec=codec, seconds=seconds, pin=pin)
        return Measurement(lambda screen: hls_glass.run(watched, screen), hls_glass)
    from bench import hls

    options = hls.HlsOptions(
        viewers=[int(count) for count in numbers(viewers, 1, VIEWERS_LIMIT, "viewers")],
        part_s=part_s,
        packets_per_picture=packets,
        seconds=seconds,
        loads=loads,
        pin=pin,
    )
    return Measurement(lambda screen: hls.run(options, screen), hls)
