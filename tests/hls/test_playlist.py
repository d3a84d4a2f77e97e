"""Playlists as RFC 8216bis has them, from a state that events make."""

import re

import pytest

from livecore.media.playlist import Facts, Stream, Variant, multivariant

PARTS = 10


def facts(window_s: float = 600.0) -> Facts:
    return Facts("live1", "pub1", 4, 0.224, window_s)


def stream(segments: int, parts: int = 3, window_s: float = 600.0) -> Stream:
    """So many whole segments of two seconds, and one being written with so many parts."""
    made = Stream(facts(window_s))
    made.apply(["init", 0, "avc1.42e01f,opus", 1280, 720, 700])
    for msn in range(segments + 1):
        made.apply(["seg", msn, 0, False, 1_700_000_000_000 + 2000 * msn])
        for index in range(PARTS if msn < segments else parts):
            made.apply(["part", 0.2, index == 0, 1000])
        if msn < segments:
            made.apply(["done"])
    return made


def test_a_playlist_says_how_it_can_be_asked_for() -> None:
    text = stream(2).playlist()
    assert text.startswith("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:4\n")
    assert "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.672,CAN-SKIP-UNTIL=24.0\n" in text
    assert "#EXT-X-PART-INF:PART-TARGET=0.224\n" in text
    assert "#EXT-X-MEDIA-SEQUENCE:0\n" in text
    assert '#EXT-X-MAP:URI="init0.mp4"\n' in text
    assert "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n" in text
    assert text.endswith('#EXT-X-PART:DURATION=0.20000,URI="p2.2.m4s"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p2.3.m4s"\n')
    assert text.count("INDEPENDENT=YES") == 3


def test_only_young_segments_list_their_parts() -> None:
    text = stream(20).playlist()
    with_parts = {int(msn) for msn in re.findall(r'URI="p(\d+)\.\d+\.m4s"', text)}
    # Three target durations of twelve seconds and the one that they begin in.
    assert min(with_parts) == 14
    assert len(re.findall(r"^s\d+\.m4s$", text, re.MULTILINE)) == 20


def test_a_delta_update_leaves_out_what_is_older_than_six_targets_and_no_more() -> None:
    whole, delta = stream(30).playlist(), stream(30).playlist(skip=True)
    (skipped,) = re.findall(r"#EXT-X-SKIP:SKIPPED-SEGMENTS=(\d+)", delta)
    assert int(skipped) == 18
    assert "s18.m4s" in delta
    assert "s17.m4s" not in delta
    # What is left says the same in both, word for word.
    assert whole.endswith(delta[delta.index("#EXTINF") :])
    assert "EXT-X-SKIP" not in stream(5).playlist(skip=True)


def test_a_window_moves_and_discontinuities_that_left_it_are_counted() -> None:
    made = stream(2, parts=0, window_s=10.0)
    made.apply(["done"])
    gone = []
    for msn in range(3, 12):
        if msn == 5:
            made.apply(["init", 1, "avc1.42e01f,opus", 640, 360, 700])
        made.apply(["seg", msn, 1 if msn >= 5 else 0, msn == 5, 1_700_000_000_000])
        for _ in range(PARTS):
            made.apply(["part", 0.2, False, 1000])
        gone += made.apply(["done"])
    text = made.playlist()
    assert [segment.msn for segment in gone] == [0, 1, 2, 3, 4, 5, 6]
    assert "#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n" in text
    assert "#EXT-X-DISCONTINUITY\n" not in text
    assert text.count("#EXT-X-MAP") == 1
    assert 'URI="init1.mp4"' in text
    assert list(made.inits) == [1]


def test_a_discontinuity_a_gap_and_the_end_are_said() -> None:
    made = stream(1)
    made.apply(["gap"])
    made.apply(["init", 1, "vp09.00.31.08,opus", 640, 360, 700])
    made.apply(["seg", 2, 1, True, 1_700_000_000_000])
    made.apply(["part", 0.2, True, 10])
    made.apply(["done"])
    made.apply(["end"])
    tail = made.playlist().splitlines()[-10:]
    assert tail[-1] == "#EXT-X-ENDLIST"
    assert "#EXT-X-GAP" in tail
    assert tail[tail.index("#EXT-X-DISCONTINUITY") + 1] == '#EXT-X-MAP:URI="init1.mp4"'
    assert "PRELOAD-HINT" not in made.playlist()


def test_what_is_there_is_known_by_segment_and_part() -> None:
    made = stream(3, parts=2)
    assert made.has(2, None)
    assert not made.has(3, None)
    assert made.has(3, 1)
    assert not made.has(3, 2)
    # A part behind the end of a whole segment means the first of the next (6.2.5.2).
    assert made.has(2, 99)
    made.apply(["done"])
    assert made.hint == (4, 0)
    assert made.has(3, 1)
    assert not made.has(3, 2)
    assert not made.has(4, 0)
    made.apply(["seg", 4, 0, False, 0])
    made.apply(["part", 0.2, True, 10])
    assert made.has(3, 2)


@pytest.mark.parametrize("window_s", [10.0, 600.0])
def test_a_snapshot_leads_to_the_same_playlist(window_s: float) -> None:
    made = stream(30, window_s=window_s)
    again = Stream(made.facts)
    again.discontinuities_gone = made.discontinuities_gone
    for event in made.snapshot():
        again.apply(event)
    assert again.playlist() == made.playlist()
    assert again.playlist(skip=True) == made.playlist(skip=True)


@pytest.mark.parametrize("event", [[], ["what"], ["seg"], ["part", "x", 1, 1], ["seg", "one", 0, 0, 0]])
def test_what_is_no_event_is_refused(event: list[object]) -> None:
    with pytest.raises((ValueError, IndexError, TypeError)):
        stream(1).apply(event)


def test_a_multivariant_playlist_names_codecs_size_and_rate() -> None:
    text = multivariant([Variant("a/media.m3u8", "avc1.42e01f,opus", 1280, 720, 1_500_000)])
    assert '#EXT-X-STREAM-INF:BANDWIDTH=1500000,CODECS="avc1.42e01f,opus",RESOLUTION=1280x720\na/media.m3u8\n' in text
