"""Make one rendition of a film as CMAF: `{"source", "target", "nice", "name", "side"?, "kbps"}`.

With `side` (of the shorter edge, in pixels) the picture as H.264, without it the sound as AAC. Writes `NAME.m3u8`, a media
playlist of byte ranges (RFC 8216), and `NAME.m4s`, which holds all its segments.
"""

from pathlib import Path
from typing import Any

import av

from livecore.library.work.opening import duration_of, film_of, opened, turned
from livecore.library.work.sandbox import Unreadable, run, told

CPU_LIMIT_S = 6 * 3600
OUTPUT_LIMIT_BYTES = 1 << 40
SEGMENT_S = 4
# A key frame at least this often, so that renditions change and seeking lands near.
KEY_S = 2.0
RATE_LIMIT = 60
SOUND_RATE = 48_000


def _output(target: Path, name: str) -> Any:
    options = {
        "hls_time": str(SEGMENT_S),
        "hls_playlist_type": "vod",
        "hls_segment_type": "fmp4",
        "hls_flags": "single_file+independent_segments",
        "hls_segment_filename": str(target / f"{name}.m4s"),
    }
    return av.open(str(target / f"{name}.m3u8"), "w", format="hls", options=options)


def _graph(stream: Any, frame: Any, width: int, height: int) -> Any:
    """Upright, scaled, in the pixels that every player has."""
    graph = av.filter.Graph()
    last = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=stream.time_base)
    quarter = turned(frame)
    steps = [("transpose", "dir=cclock")] * (1 if quarter == 1 else 0) + [("transpose", "dir=clock")] * ({2: 2, 3: 1}.get(quarter, 0))
    steps += [("scale", f"{width}:{height}"), ("setsar", "1"), ("format", "yuv420p")]
    for name, arguments in steps:
        following = graph.add(name, arguments)
        last.link_to(following)
        last = following
    sink = graph.add("buffersink")
    last.link_to(sink)
    graph.configure()
    return graph


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """Even width and height whose shorter edge is `side`, or that of the source where it is smaller."""
    factor = min(1.0, side / min(width, height))
    return max(2, round(width * factor / 2) * 2), max(2, round(height * factor / 2) * 2)


def picture(order: dict[str, Any]) -> dict[str, Any]:
    with opened(Path(order["source"])) as container, _output(Path(order["target"]), order["name"]) as out:
        stream = film_of(container)
        if stream is None:
            raise Unreadable("no picture")
        duration_s, shown, last_key = duration_of(container), 0.0, -KEY_S
        rate = min(RATE_LIMIT, round(float(stream.average_rate or 30)) or 30)
        coder: Any = None
        graph, form, last_pts = None, None, -1
        for frame in container.decode(stream):
            if frame.pts is None or frame.pts <= last_pts:
                continue
            last_pts = frame.pts
            if coder is None:
                upright = (frame.height, frame.width) if turned(frame) % 2 else (frame.width, frame.height)
                width, height = fitted(*upright, order["side"])
                coder = out.add_stream("libx264", rate=rate)
                coder.width, coder.height, coder.pix_fmt, coder.time_base = width, height, "yuv420p", stream.time_base
                coder.codec_context.thread_count = order.get("threads", 1)
                kbps = order["kbps"]
                coder.options = {
                    "preset": "veryfast",
                    "crf": "23",
                    "maxrate": f"{kbps}k",
                    "bufsize": f"{2 * kbps}k",
                    "profile": "high",
                    "forced-idr": "1",
                    "sc_threshold": "0",
                    "g": str(int(rate * KEY_S * 2)),
                }
            # A film may change its size on the way.
            if form != (frame.width, frame.height, frame.format.name):
                form = (frame.width, frame.height, frame.format.name)
                graph = _graph(stream, frame, width, height)
            assert graph is not None
            graph.push(frame)
            made = graph.pull()
            moment = float(made.pts * made.time_base) if made.pts is not None else 0.0
            made.pict_type = 0
            if moment - last_key >= KEY_S:
                last_key, made.pict_type = moment, 1
            out.mux(coder.encode(made))
            if duration_s and moment / duration_s > shown + 0.02:
                shown = moment / duration_s
                told(shown)
        if coder is None:
            raise Unreadable("no picture")
        out.mux(coder.encode(None))
        return {"width": width, "height": height, "rate": rate, "codec": avc_name(bytes(coder.codec_context.extradata or b""))}


def avc_name(extradata: bytes) -> str:
    """RFC 6381's word for a stream: profile, constraints and level stand after the first byte of its SPS."""
    start = extradata.find(b"\x00\x00\x01\x67") + 4
    return f"avc1.{extradata[start : start + 3].hex()}" if start >= 4 else "avc1.64001f"


def sound(order: dict[str, Any]) -> dict[str, Any]:
    with opened(Path(order["source"])) as container, _output(Path(order["target"]), order["name"]) as out:
        if not container.streams.audio:
            raise Unreadable("no sound")
        stream = container.streams.audio[0]
        duration_s, shown = duration_of(container), 0.0
        coder = out.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        coder.bit_rate = order["kbps"] * 1000
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_RATE)
        for frame in container.decode(stream):
            for part in resampler.resample(frame):
                out.mux(coder.encode(part))
            if duration_s and frame.time and frame.time / duration_s > shown + 0.05:
                shown = frame.time / duration_s
                told(shown)
        for part in resampler.resample(None):
            out.mux(coder.encode(part))
        out.mux(coder.encode(None))
    return {"codec": "mp4a.40.2"}


def rendition(order: dict[str, Any]) -> dict[str, Any]:
    return picture(order) if order.get("side") else sound(order)


if __name__ == "__main__":
    run(rendition, output_bytes=OUTPUT_LIMIT_BYTES, cpu_s=CPU_LIMIT_S)
