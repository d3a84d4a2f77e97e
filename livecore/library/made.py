"""What was made of a film so far, as it stands in `video.made`: each step is noted when it is done, so that a job that was killed goes
on with the next one.

    {"look": {…}, "sound": {…}, "play": {"key", "size_bytes", "sha256", "media_type"}, "renditions": {"720": {…}, "sound": {…}}}
"""

from collections.abc import Mapping
from typing import Any

import orjson

Made = dict[str, Any]


def read(row: Mapping[str, Any]) -> Made:
    return dict(orjson.loads(row["made"])) if row["made"] else {}


def written(made: Made) -> str:
    return orjson.dumps(made).decode()


def rendition_files(name: str) -> tuple[str, str]:
    return f"{name}.m3u8", f"{name}.m4s"


def master(made: Made, duration_s: float) -> str | None:
    """The multivariant playlist (RFC 8216, 4.3.4), None when there are no renditions."""
    renditions: dict[str, Any] = made.get("renditions", {})
    pictures = sorted(((name, one) for name, one in renditions.items() if name != "sound"), key=lambda pair: int(pair[0]))
    sound = renditions.get("sound")
    if not renditions:
        return None
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if sound and pictures:
        lines.append('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="sound.m3u8"')
    sound_bps = _mean_bps(sound, duration_s) if sound else 0
    for name, one in pictures or [("sound", sound)]:
        mean = _mean_bps(one, duration_s) + (sound_bps if pictures else 0)
        codecs = [one["codec"]] + ([sound["codec"]] if sound and pictures else [])
        words = [f"BANDWIDTH={max(mean, one['kbps'] * 1000)}", f"AVERAGE-BANDWIDTH={mean}", f'CODECS="{",".join(codecs)}"']
        if pictures:
            words += [f"RESOLUTION={one['width']}x{one['height']}", f"FRAME-RATE={one['rate']:.3f}"]
        if sound and pictures:
            words.append('AUDIO="sound"')
        lines += [f"#EXT-X-STREAM-INF:{','.join(words)}", f"{name}.m3u8"]
    return "\n".join(lines) + "\n"


def _mean_bps(one: Mapping[str, Any], duration_s: float) -> int:
    return max(1, round(int(one["size_bytes"]) * 8 / max(duration_s, 0.1)))


def sprites_vtt(made: Made, address: str) -> str | None:
    """WebVTT whose cues are tiles of the sheet at `address` (`#xywh=`, Media Fragments), None when there is no sheet."""
    sheet = made.get("look", {}).get("sprites")
    if not sheet:
        return None
    lines = ["WEBVTT", ""]
    for number in range(sheet["tiles"]):
        row, column = divmod(number, sheet["columns"])
        place = f"{column * sheet['width']},{row * sheet['height']},{sheet['width']},{sheet['height']}"
        start, end = number * sheet["every_s"], (number + 1) * sheet["every_s"]
        lines += [f"{_moment(start)} --> {_moment(end)}", f"{address}#xywh={place}", ""]
    return "\n".join(lines)


def _moment(second: float) -> str:
    whole = round(second * 1000)
    return f"{whole // 3_600_000:02d}:{whole // 60_000 % 60:02d}:{whole // 1000 % 60:02d}.{whole % 1000:03d}"
