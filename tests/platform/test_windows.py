"""Moving windows in virtual time."""

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecore.platform.windows import SLICES, Windows


def test_a_full_window_says_when_it_opens() -> None:
    windows = Windows()
    assert [windows.hit("k", 3, 60, 1, now) for now in (0.0, 10.0, 20.0)] == [0.0, 0.0, 0.0]
    wait_s = windows.hit("k", 3, 60, 1, 30.0)
    assert 30.0 <= wait_s <= 30.0 + 60 / SLICES
    assert windows.hit("k", 3, 60, 1, 30.0 + wait_s - 0.01) > 0
    assert windows.hit("k", 3, 60, 1, 30.0 + wait_s) == 0.0


def test_a_larger_cost_waits_for_more_to_leave() -> None:
    windows = Windows()
    for now in (0.0, 10.0, 20.0):
        windows.hit("k", 3, 60, 1, now)
    assert windows.hit("k", 3, 60, 2, 30.0) == pytest.approx(40.0 + 60 / SLICES)
    assert windows.hit("k", 3, 60, 4, 30.0) == 60


def test_keys_do_not_touch_each_other() -> None:
    windows = Windows()
    assert windows.hit("a", 1, 60, 1, 0.0) == 0.0
    assert windows.hit("b", 1, 60, 1, 0.0) == 0.0
    assert windows.left("a", 1, 60, 1.0) == 0
    assert windows.left("c", 1, 60, 1.0) == 1


def test_a_key_costs_the_same_memory_however_often_it_is_hit() -> None:
    windows = Windows()
    for number in range(50_000):
        windows.hit("k", 10**9, 60, 1, number * 0.01)
    assert len(windows._windows["k"].steps) <= SLICES + 2


def test_the_key_not_hit_for_longest_is_forgotten_first() -> None:
    windows = Windows(keys_limit=3)
    for key in "abc":
        windows.hit(key, 5, 60, 1, 0.0)
    windows.hit("a", 5, 60, 1, 1.0)
    windows.hit("d", 5, 60, 1, 2.0)
    assert len(windows) == 3
    assert [windows.left(key, 5, 60, 2.0) for key in "abcd"] == [3, 5, 4, 4]


@given(seed=st.integers(0, 2**32), count=st.integers(1, 30), window_s=st.floats(0.5, 100))
def test_no_window_ever_holds_more_than_the_limit(seed: int, count: int, window_s: float) -> None:
    """Against the definition: of what was let pass, no stretch of one window holds more than `count`; and after a wait it passes."""
    chance = random.Random(seed)
    windows, passed, now = Windows(), deque[float](), 0.0
    for _ in range(300):
        now += chance.expovariate(2 * count / window_s)
        wait_s = windows.hit("k", count, window_s, 1, now)
        if wait_s == 0.0:
            passed.append(now)
        elif chance.random() < 0.2:
            now += wait_s + 1e-6
            assert windows.hit("k", count, window_s, 1, now) == 0.0
            passed.append(now)
    times = list(passed)
    for first, last in zip(times, times[count:], strict=False):
        assert last - first >= window_s
