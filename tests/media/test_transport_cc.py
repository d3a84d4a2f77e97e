"""Transport-wide feedback tells what arrived and when, and leaves no number out."""

from hypothesis import given
from hypothesis import strategies as st

from livecore.media import rtcp
from livecore.media.twcc import PACKETS_LIMIT, TransportFeedbackBuilder


def told(builder: TransportFeedbackBuilder) -> rtcp.TransportFeedback | None:
    data = builder.build(1, 2)
    if data is None:
        return None
    messages, malformed = rtcp.parse(data)
    assert malformed == 0
    assert isinstance(messages[0], rtcp.TransportFeedback)
    return messages[0]


@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0, 0.3)), min_size=1, max_size=150), st.integers(0, 65_535))
def test_feedback_says_what_arrived_and_when(steps: list[tuple[int, float]], start: int) -> None:
    builder = TransportFeedbackBuilder()
    number, at, arrivals = start, 100.0, {}
    for step, wait in steps:
        arrivals[number] = at
        builder.add(number & 0xFFFF, at)
        number, at = number + step, at + wait
    heard: dict[int, float] = {}
    expected = start
    while (feedback := told(builder)) is not None:
        assert feedback.base == expected & 0xFFFF
        for offset, arrival_us in enumerate(feedback.arrivals):
            if arrival_us is not None:
                heard[expected + offset] = arrival_us / 1e6
        expected += len(feedback.arrivals)
    assert heard.keys() == arrivals.keys()
    for key, value in arrivals.items():
        assert abs(heard[key] - value) < 0.0003


def test_messages_follow_each_other_without_a_hole() -> None:
    builder = TransportFeedbackBuilder()
    for number in (10, 11, 14):
        builder.add(number, 1.0)
    first = told(builder)
    builder.add(12, 1.1)  # told as lost already
    builder.add(16, 1.2)
    second = told(builder)
    assert first
    assert second
    assert (first.base, [a is not None for a in first.arrivals]) == (10, [True, True, False, False, True])
    assert (second.base, [a is not None for a in second.arrivals]) == (15, [False, True])
    assert (first.serial, second.serial) == (0, 1)
    assert told(builder) is None


def test_one_message_stays_small_and_the_rest_follows() -> None:
    builder = TransportFeedbackBuilder()
    for number in range(PACKETS_LIMIT + 50):
        builder.add(number, 1.0 + number / 1000)
    first, second = told(builder), told(builder)
    assert first
    assert second
    assert (len(first.arrivals), len(second.arrivals)) == (PACKETS_LIMIT, 50)


def test_jump_of_the_sender_does_not_list_thousands_as_lost() -> None:
    builder = TransportFeedbackBuilder()
    builder.add(1, 1.0)
    assert told(builder)
    builder.add(20_000, 2.0)
    feedback = told(builder)
    assert feedback
    assert feedback.base == 20_000


def test_numbers_and_reference_time_wrap() -> None:
    builder = TransportFeedbackBuilder()
    at = 0.064 * (1 << 24) - 0.01
    for number in range(65_530, 65_545):
        builder.add(number & 0xFFFF, at)
        at += 0.005
    feedback = told(builder)
    assert feedback
    assert feedback.base == 65_530
    assert all(a is not None for a in feedback.arrivals)
