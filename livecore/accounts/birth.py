"""Age, for a service that is for adults. Pure: the day of today is an argument."""

from datetime import UTC, date, datetime

ADULT_YEARS = 18
# The oldest person on record lived 122 years; a greater age is a slip of the finger.
OLDEST_YEARS = 130


def day_of(at_ms: int) -> date:
    """The calendar day in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()


def age_on(born: date, today: date) -> int:
    """Whole years. Whoever was born on 29 February grows a year older on 1 March of a common year, never early."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def is_adult(born: date, today: date) -> bool:
    return age_on(born, today) >= ADULT_YEARS


def is_plausible(born: date, today: date) -> bool:
    return born <= today and age_on(born, today) <= OLDEST_YEARS
