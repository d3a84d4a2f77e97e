"""A video or a recording of a voice without what its file says beside it (place, device, names):
`{"source", "target", "name", "nice", "container", "output_bytes"}`.

Pictures and sound are copied as they are; container metadata, chapters, attachments and data streams are left out. It makes the
file of that name in the target and finds `{"width", "height", "duration_ms"}`; width 0 is sound alone.
"""

from pathlib import Path
from typing import Any

import av

from livecore.library.work.sandbox import Unreadable, run

# Copying packets costs some milliseconds a megabyte; more is a bomb.
CPU_LIMIT_S = 20
# Where the order names no other.
OUTPUT_LIMIT_BYTES = 1 << 30
# The longest side of what a phone records.
SIDE_LIMIT = 7680
# What a message may carry, whatever a header promises.
DURATION_LIMIT_MS = 6 * 3600 * 1000

DEMUXERS = {"mp4": "mov,mp4,m4a,3gp,3g2,mj2", "webm": "matroska,webm", "ogg": "ogg"}
VIDEO_CODECS = frozenset(("h264", "hevc", "vp8", "vp9", "av1"))
AUDIO_CODECS = frozenset(("aac", "opus", "vorbis", "mp3"))


def remux(source: Path, target: Path, kind: str) -> dict[str, int]:
    """Copy one stream of each kind. Raises Unreadable."""
    options = {"protocol_whitelist": "file", "format_whitelist": DEMUXERS[kind], "probesize": "5000000", "max_streams": "8"}
    try:
        with av.open(str(source), "r", options=options) as coming:
            streams = [*coming.streams.video[:1], *coming.streams.audio[:1]]
            wanted = [one for one in streams if one.codec_context.codec.canonical_name in VIDEO_CODECS | AUDIO_CODECS]
            if not wanted or len(wanted) != len(streams):
                raise Unreadable("no stream that browsers play")
            made = {"movflags": "+faststart"} if kind == "mp4" else {}
            with av.open(str(target), "w", format=kind, options=made) as going:
                return _copy(coming, going, wanted)
    except (av.error.FFmpegError, ValueError) as torn:
        raise Unreadable(type(torn).__name__) from torn


def _copy(coming: Any, going: Any, streams: list[Any]) -> dict[str, int]:
    copies = {}
    for stream in streams:
        copy = going.add_stream_from_template(stream)
        copy.metadata.clear()
        copies[stream.index] = copy
    end_ms = 0
    for packet in coming.demux(streams):
        # The last packet of each stream is empty and says that it is over.
        if packet.dts is None or packet.pts is None:
            continue
        end_ms = max(end_ms, int((packet.pts + (packet.duration or 0)) * packet.time_base * 1000))
        packet.stream = copies[packet.stream.index]
        going.mux(packet)
    if not end_ms or end_ms > DURATION_LIMIT_MS:
        raise Unreadable("no length")
    picture = next((stream.codec_context for stream in streams if stream.type == "video"), None)
    width, height = (picture.width, picture.height) if picture is not None else (0, 0)
    if max(width, height) > SIDE_LIMIT or (picture is not None and not width):
        raise Unreadable("too large")
    return {"width": width, "height": height, "duration_ms": end_ms}


def work(order: dict[str, Any]) -> dict[str, int]:
    return remux(Path(order["source"]), Path(order["target"]) / order["name"], order["container"])


if __name__ == "__main__":
    run(work, output_bytes=OUTPUT_LIMIT_BYTES, cpu_s=CPU_LIMIT_S)
