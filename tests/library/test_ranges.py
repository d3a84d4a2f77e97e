"""Ranges and preconditions of RFC 9110, decision by decision."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecore import errors
from livecore.rest.ranges import RANGES_LIMIT, NotModified, Pieces, Stored, Whole, decide, parse_ranges

SIZE = 1000
STORED = Stored(SIZE, "abc", 1_700_000_000_500)
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
LATER = "Tue, 14 Nov 2023 22:13:21 GMT"
EARLIER = "Tue, 14 Nov 2023 22:13:19 GMT"
FIRST_FIVE = Pieces(((0, 5),))


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        ("bytes=0-4", ((0, 5),)),
        ("bytes=5-9", ((5, 10),)),
        ("BYTES = 5-9", ((5, 10),)),
        ("bytes=995-", ((995, 1000),)),
        ("bytes=-3", ((997, 1000),)),
        ("bytes=-5000", ((0, 1000),)),
        ("bytes=990-5000", ((990, 1000),)),
        ("bytes=0-0, 500-501, -1", ((0, 1), (500, 502), (999, 1000))),
        ("bytes=500-501,0-0", ((500, 502), (0, 1))),
        ("bytes=0-10,5-20", ((0, 21),)),
        ("bytes=0-10,50-60", ((0, 61),)),
        ("bytes=0-10, 2000-2001", ((0, 11),)),
        ("bytes=,0-4,", ((0, 5),)),
        ("bytes=0-99,200-299,95-205", ((0, 300),)),
    ],
)
def test_ranges_inside(header: str, ranges: tuple[tuple[int, int], ...]) -> None:
    assert parse_ranges(header, SIZE) == ranges


@pytest.mark.parametrize(
    "header",
    [
        "items=0-4",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=0-4;5-6",
        "bytes=--5",
        "bytes=+1-2",
        "bytes=0-4,x",
        "bytes=" + "9" * 40 + "-",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 10 * (RANGES_LIMIT + 1), 10)),
    ],
)
def test_headers_that_are_ignored(header: str) -> None:
    assert parse_ranges(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=5000-6000,7000-"])
def test_ranges_past_the_end_are_not_satisfiable(header: str) -> None:
    with pytest.raises(errors.RangeUnsatisfiable) as refused:
        parse_ranges(header, SIZE)
    assert refused.value.headers["Content-Range"] == "bytes */1000"


def test_nothing_of_an_empty_object_can_be_asked_for() -> None:
    with pytest.raises(errors.RangeUnsatisfiable):
        parse_ranges("bytes=0-", 0)


@given(st.text(alphabet="bytes=0123456789-, x\t", max_size=40), st.integers(0, 2000))
def test_any_header_gives_ranges_inside_or_is_ignored(header: str, size: int) -> None:
    try:
        ranges = parse_ranges(header, size)
    except errors.RangeUnsatisfiable:
        return
    for start, end in ranges or ():
        assert 0 <= start < end <= size


@pytest.mark.parametrize(
    ("headers", "decision"),
    [
        ({}, Whole()),
        ({"Range": "bytes=0-4"}, FIRST_FIVE),
        ({"Range": "bytes=0-4", "If-Range": '"abc"'}, FIRST_FIVE),
        ({"Range": "bytes=0-4", "If-Range": '"old"'}, Whole()),
        ({"Range": "bytes=0-4", "If-Range": 'W/"abc"'}, Whole()),
        ({"Range": "bytes=0-4", "If-Range": DATE}, FIRST_FIVE),
        ({"Range": "bytes=0-4", "If-Range": LATER}, Whole()),
        ({"Range": "bytes=0-4", "If-Range": "nonsense"}, Whole()),
        # A stale If-Range makes even a range past the end a whole answer.
        ({"Range": "bytes=5000-", "If-Range": '"old"'}, Whole()),
        ({"If-None-Match": '"abc"'}, NotModified()),
        ({"If-None-Match": 'W/"abc"'}, NotModified()),
        ({"If-None-Match": '"x", "abc"'}, NotModified()),
        ({"If-None-Match": "*"}, NotModified()),
        ({"If-None-Match": '"x"'}, Whole()),
        ({"If-None-Match": '"abc"', "Range": "bytes=0-4"}, NotModified()),
        ({"If-None-Match": '"x"', "If-Modified-Since": LATER}, Whole()),
        ({"If-Modified-Since": DATE}, NotModified()),
        ({"If-Modified-Since": EARLIER}, Whole()),
        ({"If-Modified-Since": "nonsense"}, Whole()),
        ({"If-Match": '"abc"', "Range": "bytes=0-4"}, FIRST_FIVE),
        ({"If-Match": "*"}, Whole()),
        ({"If-Unmodified-Since": DATE}, Whole()),
        ({"If-Unmodified-Since": "nonsense"}, Whole()),
    ],
)
def test_preconditions(headers: dict[str, str], decision: object) -> None:
    assert decide("GET", headers, STORED) == decision


@pytest.mark.parametrize("headers", [{"If-Match": '"x"'}, {"If-Match": 'W/"abc"'}, {"If-Unmodified-Since": EARLIER}])
def test_preconditions_that_fail(headers: dict[str, str]) -> None:
    with pytest.raises(errors.StaleTag):
        decide("GET", headers | {"Range": "bytes=5000-"}, STORED)


def test_a_range_has_no_meaning_for_head() -> None:
    assert decide("HEAD", {"Range": "bytes=0-4"}, STORED) == Whole()
    assert decide("HEAD", {"If-None-Match": '"abc"'}, STORED) == NotModified()
