"""What a viewer costs in memory beside its keys."""

import gc
import tracemalloc

from tests.media.virtual import VirtualPlane

# The forwarding path: what is kept of each viewer of sound and picture.
MODULES = ("subscription", "forward", "rewrite", "resend", "pacer", "audience", "senders", "starvation", "wire")
LIMIT_BYTES = 4096
VIEWERS = 40


def test_forwarding_state_of_a_viewer_stays_below_four_kilobytes() -> None:
    plane = VirtualPlane()
    plane.publish()
    plane.subscribe()
    filters = [tracemalloc.Filter(True, f"*/livecore/media/{name}.py") for name in MODULES]
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.take_snapshot().filter_traces(filters)
        viewers = [plane.subscribe() for _ in range(VIEWERS)]
        gc.collect()
        after = tracemalloc.take_snapshot().filter_traces(filters)
    finally:
        tracemalloc.stop()
    grown = sum(one.size_diff for one in after.compare_to(before, "filename"))
    assert grown / len(viewers) < LIMIT_BYTES
