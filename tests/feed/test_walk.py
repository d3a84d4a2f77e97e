"""What a cursor holds."""

from hypothesis import given
from hypothesis import strategies as st

from livecore.cursors import CURSOR_LIMIT_CHARS
from livecore.feed.walk import KINDS, LIFTED_ITEMS, REASONS, WINDOW_ITEMS, Coming, Walk, from_values, to_values
from livecore.ids import new_id

ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
reasons = st.frozensets(st.sampled_from(REASONS)).map(lambda some: tuple(reason for reason in REASONS if reason in some))


@given(
    st.builds(
        Walk,
        st.integers(0, 1 << 50),
        st.none() | st.tuples(st.integers(0, 1 << 50), ids),
        st.integers(1, 1 << 50),
        st.lists(st.builds(Coming, st.sampled_from(KINDS), ids, reasons), max_size=20).map(tuple),
        st.frozensets(ids, max_size=10),
        st.booleans(),
    )
)
def test_a_walk_goes_through_a_cursor_and_comes_back(walk: Walk) -> None:
    assert from_values(to_values(walk)) == walk


def test_the_longest_walk_fits_into_an_address() -> None:
    waiting = tuple(Coming("video", new_id(), REASONS) for _ in range(WINDOW_ITEMS + LIFTED_ITEMS))
    packed = to_values(Walk(1 << 41, (1 << 41, new_id()), 1 << 41, waiting, frozenset(new_id() for _ in range(LIFTED_ITEMS)), True))
    # As base64, with the tag: servers and proxies take lines of 8 kB.
    assert (len(str(packed)) + 12) * 4 / 3 < min(CURSOR_LIMIT_CHARS, 7500)
