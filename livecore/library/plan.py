"""What a film needs until browsers play it, decided from what is inside. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What present browsers play as it came; in MP4 only eight bits of 4:2:0.
_MP4_PICTURE = frozenset({"h264", "vp9", "av1"})
_MP4_SOUND = frozenset({"aac", "mp3", "opus"})
_WEBM_PICTURE = frozenset({"vp8", "vp9", "av1"})
_WEBM_SOUND = frozenset({"opus", "vorbis"})
_PLAIN_PIXELS = frozenset({"yuv420p", "yuvj420p"})

# Shorter edge in pixels and kb/s at most; with the quality that the encoder aims for, most films take less.
LADDER = ((360, 800), (720, 2500), (1080, 5000))
SOUND_KBPS = 128


@dataclass(frozen=True)
class Rendition:
    """`side` is the shorter edge; 0 is the sound."""

    name: str
    side: int
    kbps: int


@dataclass(frozen=True)
class Plan:
    """`play`: "as_it_is", "repack" (MP4 with its index in front) or "ladder" (HLS alone plays it)."""

    play: str
    renditions: tuple[Rendition, ...] = ()


def plan(facts: Mapping[str, Any], *, always_ladder: bool) -> Plan:
    play = _play(facts)
    if play != "ladder" and not always_ladder:
        return Plan(play)
    return Plan(play, renditions(facts))


def _play(facts: Mapping[str, Any]) -> str:
    picture, sound = facts.get("video"), facts.get("audio")
    codecs = (picture["codec"] if picture else None, sound["codec"] if sound else None)
    if facts["container"] == "webm" and codecs[0] in {None, *_WEBM_PICTURE} and codecs[1] in {None, *_WEBM_SOUND}:
        return "as_it_is"
    is_plain = picture is None or (codecs[0] in _MP4_PICTURE and picture["pixels"] in _PLAIN_PIXELS)
    if is_plain and codecs[1] in {None, *_MP4_SOUND}:
        is_ready = facts["container"] == "mov" and facts["fast_start"] and not facts["tells_place"]
        return "as_it_is" if is_ready else "repack"
    return "ladder"


def renditions(facts: Mapping[str, Any]) -> tuple[Rendition, ...]:
    """The steps up to the film's own size, and one at least."""
    found = []
    if facts.get("video"):
        own = min(facts["width"], facts["height"])
        steps = [step for number, step in enumerate(LADDER) if number == 0 or LADDER[number - 1][0] < own]
        found = [Rendition(str(side), side, kbps) for side, kbps in steps]
    if facts.get("audio"):
        found.append(Rendition("sound", 0, SOUND_KBPS))
    return tuple(found)
