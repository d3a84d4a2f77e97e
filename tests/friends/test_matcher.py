"""The pairing of strangers: what always holds, who goes first, and what a wait loosens."""

from hypothesis import given
from hypothesis import strategies as st

from livecore.people.matcher import INTEREST_MS, LANGUAGE_MS, RECENT_MS, Seeker, fits, next_change_ms, pairs

NOW_MS = 1_000_000
NAMES = [f"p{number}" for number in range(12)]
WORDS = st.frozensets(st.sampled_from(["chess", "music", "hiking"]), max_size=3)
TONGUES = st.frozensets(st.sampled_from(["de", "en", "fr"]), max_size=2)


def seeker(name: str, waited_ms: int = 0, **fields: object) -> Seeker:
    values = {"account_id": name, "ticket": f"t-{name}", "mode": "chat", "since_ms": NOW_MS - waited_ms} | fields
    return Seeker(**values)  # type: ignore[arg-type]  # fields by name


@st.composite
def crowds(draw: st.DrawFn) -> list[Seeker]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return [
        seeker(
            name,
            draw(st.integers(0, 40_000)),
            mode=draw(st.sampled_from(["chat", "video"])),
            interests=draw(WORDS),
            languages=draw(TONGUES),
            recent=draw(st.frozensets(st.sampled_from(NAMES), max_size=2)),
        )
        for name in names
    ]


REFUSED = st.sets(st.frozensets(st.sampled_from(NAMES), min_size=2, max_size=2), max_size=10)


@given(crowds(), REFUSED)
def test_each_meets_one_other_of_the_same_mode_who_fits_and_is_not_refused(crowd: list[Seeker], refused: set[frozenset[str]]) -> None:
    found = pairs(crowd, NOW_MS, refused)
    met = [person.account_id for pair in found for person in pair]
    assert len(met) == len(set(met))
    for one, other in found:
        assert one.account_id != other.account_id
        assert one.mode == other.mode
        assert fits(one, other, NOW_MS)
        assert frozenset((one.account_id, other.account_id)) not in refused


@given(crowds(), REFUSED)
def test_nobody_is_left_who_fits_somebody_who_is_left(crowd: list[Seeker], refused: set[frozenset[str]]) -> None:
    met = {person.account_id for pair in pairs(crowd, NOW_MS, refused) for person in pair}
    left = [one for one in crowd if one.account_id not in met]
    for one in left:
        for other in left:
            assert not fits(one, other, NOW_MS) or frozenset((one.account_id, other.account_id)) in refused


@given(crowds(), REFUSED)
def test_the_order_in_which_they_stand_in_the_list_does_not_matter(crowd: list[Seeker], refused: set[frozenset[str]]) -> None:
    assert pairs(crowd, NOW_MS, refused) == pairs(crowd[::-1], NOW_MS, refused)


@given(crowds())
def test_who_waited_longest_meets_somebody_if_anybody_fits(crowd: list[Seeker]) -> None:
    if not crowd:
        return
    oldest = min(crowd, key=lambda one: (one.since_ms, one.ticket))
    met = {person.account_id for pair in pairs(crowd, NOW_MS) for person in pair}
    assert (oldest.account_id in met) == any(fits(oldest, other, NOW_MS) for other in crowd)


@given(crowds())
def test_waiting_only_ever_makes_more_fit_and_the_next_change_is_told(crowd: list[Seeker]) -> None:
    change_ms = next_change_ms(crowd, NOW_MS)
    until_ms = change_ms if change_ms is not None else NOW_MS + 10 * RECENT_MS
    for one in crowd:
        for other in crowd:
            before = fits(one, other, NOW_MS)
            # Nothing changes before the time that was told.
            assert fits(one, other, until_ms - 1) == before
            assert fits(one, other, until_ms) or not before


@given(crowds())
def test_in_the_end_everybody_of_a_mode_meets_but_one(crowd: list[Seeker]) -> None:
    found = pairs(crowd, NOW_MS + 10 * RECENT_MS)
    for mode in ("chat", "video"):
        assert len([pair for pair in found if pair[0].mode == mode]) == sum(one.mode == mode for one in crowd) // 2


def test_what_fits_loosens_with_the_wait_of_the_longer_one() -> None:
    fresh = seeker("ben", interests=frozenset({"music"}), languages=frozenset({"fr"}), recent=frozenset({"anna"}))
    steps = {}
    for waited_ms in (0, INTEREST_MS, LANGUAGE_MS, RECENT_MS):
        same = seeker("anna", waited_ms, interests=frozenset({"music"}), languages=frozenset({"fr"}))
        tongue = seeker("cara", waited_ms, interests=frozenset({"chess"}), languages=frozenset({"fr"}))
        nothing = seeker("dora", waited_ms, interests=frozenset({"chess"}), languages=frozenset({"de"}))
        steps[waited_ms] = tuple(fits(one, fresh, NOW_MS) for one in (same, tongue, nothing))
    assert steps == {
        0: (False, False, False),
        INTEREST_MS: (False, True, False),
        LANGUAGE_MS: (False, True, True),
        RECENT_MS: (True, True, True),
    }


def test_of_those_who_fit_the_closest_is_taken() -> None:
    anna = seeker("anna", 900, interests=frozenset({"chess", "music"}), languages=frozenset({"de"}))
    ben = seeker("ben", 500, interests=frozenset({"chess"}), languages=frozenset({"de"}))
    cara = seeker("cara", 100, interests=frozenset({"chess", "music"}), languages=frozenset({"de"}))
    assert pairs([anna, ben, cara], NOW_MS) == [(anna, cara)]
