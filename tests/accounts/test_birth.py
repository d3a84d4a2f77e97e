from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from livecore.accounts.birth import ADULT_YEARS, age_on, day_of, is_adult, is_plausible

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@given(DAYS, st.integers(0, 60_000))
def test_an_age_never_falls_and_grows_by_one_at_most(born: date, days: int) -> None:
    today = born + timedelta(days)
    assert age_on(born, today + timedelta(1)) - age_on(born, today) in (0, 1)


@given(DAYS)
def test_one_is_of_age_on_the_birthday_and_not_a_day_before(born: date) -> None:
    month, day = (3, 1) if (born.month, born.day) == (2, 29) else (born.month, born.day)
    birthday = date(born.year + ADULT_YEARS, month, day)
    if (born.month, born.day) == (2, 29) and birthday.year % 4 == 0 and (birthday.year % 100 != 0 or birthday.year % 400 == 0):
        birthday = date(birthday.year, 2, 29)
    assert is_adult(born, birthday)
    assert not is_adult(born, birthday - timedelta(1))


def test_born_on_29_february_is_of_age_on_1_march_of_a_common_year() -> None:
    born = date(2008, 2, 29)
    assert not is_adult(born, date(2026, 2, 28))
    assert is_adult(born, date(2026, 3, 1))


def test_a_birthday_in_the_future_or_long_ago_is_not_plausible() -> None:
    today = date(2026, 1, 1)
    assert not is_plausible(date(2026, 1, 2), today)
    assert not is_plausible(date(1894, 12, 31), today)
    assert is_plausible(date(1910, 1, 1), today)


def test_the_day_is_utc() -> None:
    assert day_of(0) == date(1970, 1, 1)
    assert day_of(86_399_999) == date(1970, 1, 1)
    assert day_of(86_400_000) == date(1970, 1, 2)
