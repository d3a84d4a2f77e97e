"""Put a film whose codecs fit into an MP4 with its index in front, without decoding: `{"source", "target", "nice"}`.

Only picture and sound go over: where a phone was, what it is called and what else stood beside them stays behind.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from livecore.library.work.opening import duration_of, film_of, opened
from livecore.library.work.sandbox import Unreadable, run, told

CPU_LIMIT_S = 1800
OUTPUT_LIMIT_BYTES = 1 << 40


def repack(order: dict[str, Any]) -> dict[str, Any]:
    target = Path(order["target"]) / "play.mp4"
    with opened(Path(order["source"])) as container, av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        duration_s, shown = duration_of(container), 0.0
        film = film_of(container)
        streams = [stream for stream in (film, *container.streams.audio[:1]) if stream is not None]
        into = {stream.index: out.add_stream_from_template(stream) for stream in streams}
        # A transport stream's clock began before it: a film begins at nothing, or players wait.
        begin_s = max(Fraction(container.start_time or 0, av.time_base), Fraction(0))
        begin = {stream.index: round(begin_s / stream.time_base) for stream in streams}
        for packet in container.demux(*streams):
            if packet.dts is None:
                continue
            packet.dts -= begin[packet.stream.index]
            if packet.pts is not None:
                packet.pts -= begin[packet.stream.index]
            moment = float(packet.dts * packet.time_base)
            packet.stream = into[packet.stream.index]
            out.mux(packet)
            if duration_s and moment / duration_s > shown + 0.05:
                shown = moment / duration_s
                told(shown)
    if not target.stat().st_size:
        raise Unreadable("nothing to repack")
    return {}


if __name__ == "__main__":
    run(repack, output_bytes=OUTPUT_LIMIT_BYTES, cpu_s=CPU_LIMIT_S)
