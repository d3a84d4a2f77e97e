"""When video is paused, and when it is tried again."""

import itertools

from livecore.media.starvation import PATIENCE, RETRY_LIMIT_S, Starvation

STARVED_S, RETRY_S = PATIENCE.starved_s, PATIENCE.retry_s


def run(starvation: Starvation, estimate_bps: int | None, start: float, seconds: float, thinnest_bps: int = 100_000) -> list[float]:
    """The times at which video was sent, in steps of 0.2 s."""
    times = [start + step * 0.2 for step in range(round(seconds / 0.2))]
    return [now for now in times if starvation.on_tick(thinnest_bps, estimate_bps, now)]


def test_path_that_carries_the_thinnest_layer_is_never_paused() -> None:
    assert len(run(Starvation(), 95_000, 0.0, 60.0)) == 300
    assert len(run(Starvation(), None, 0.0, 60.0)) == 300
    assert len(run(Starvation(), 10_000, 0.0, 60.0, thinnest_bps=0)) == 300


def test_starved_path_is_paused_after_a_while_and_tried_again() -> None:
    starvation = Starvation()
    sent = run(starvation, 50_000, 0.0, STARVED_S + RETRY_S + 1)
    assert max(now for now in sent if now < STARVED_S + 1) < STARVED_S
    assert min(now for now in sent if now > STARVED_S + 1) >= STARVED_S + RETRY_S - 0.2


def test_passing_dip_pauses_nothing() -> None:
    starvation = Starvation()
    run(starvation, 50_000, 0.0, STARVED_S - 1)
    run(starvation, 200_000, STARVED_S, 1)
    run(starvation, 50_000, STARVED_S + 1, STARVED_S - 1)
    assert not starvation.paused


def test_publisher_that_is_away_is_waited_for() -> None:
    starvation = Starvation()
    run(starvation, 50_000, 0.0, STARVED_S + 1)
    assert not run(starvation, 50_000, STARVED_S + 1, RETRY_S + 5, thinnest_bps=0)
    assert run(starvation, 200_000, 100.0, 1.0)


def test_time_in_vain_goes_on_over_a_try_and_ends_with_one_that_carries() -> None:
    def hopeless_at(carries: bool) -> float | None:
        starvation = Starvation()
        run(starvation, 50_000, 0.0, STARVED_S + 0.5)
        for step in range(round(30 / 0.2)):
            now = STARVED_S + 0.5 + step * 0.2
            estimate_bps = 200_000 if carries else 50_000
            if not starvation.on_tick(100_000, estimate_bps, now) and starvation.is_hopeless(0.7, now):
                return now
        return None

    assert hopeless_at(carries=True) is None
    in_vain = hopeless_at(carries=False)
    assert in_vain is not None
    # The first pause is too short for it, and the try in between is not cut.
    assert RETRY_S + 2 * STARVED_S <= in_vain < RETRY_S + 2 * STARVED_S + 1


def test_sound_that_arrives_is_no_lost_cause() -> None:
    starvation = Starvation()
    run(starvation, 50_000, 0.0, STARVED_S + 0.5)
    assert not any(starvation.is_hopeless(0.7, STARVED_S + now) for now in range(12))
    assert not starvation.is_hopeless(0.3, STARVED_S + 12.5)
    assert not starvation.is_hopeless(0.7, STARVED_S + 13.5)


def test_each_try_in_vain_doubles_the_wait_up_to_a_limit() -> None:
    starvation = Starvation()
    sent = run(starvation, 50_000, 0.0, 1000.0)
    tries = [b for a, b in zip([-9.0, *sent], sent, strict=False) if b - a > 1]
    waits = [b - a for a, b in itertools.pairwise(tries)]
    assert all(b > a - 0.3 for a, b in itertools.pairwise(waits))  # times come in steps of 0.2 s
    assert waits[-1] < RETRY_LIMIT_S + STARVED_S + 1
    assert len(tries) < 25
