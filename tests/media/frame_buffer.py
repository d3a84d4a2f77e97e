"""What a decoder does with dependency descriptors, as Chromium does: in order, by frame number, each frame after those it is built on."""

from collections.abc import Iterable

from bench.scalable_source import Dependencies
from livecore.media.codecs import dependency
from tests.media.scalable_camera import Got


def decode(got: Iterable[Got], dependencies: Dependencies) -> list[tuple[int, int, int]]:
    """Asserts that every packet belongs to a frame, and every frame can be decoded. Returns (picture, spatial, active targets) of each."""
    structure: dependency.Structure | None = None
    frames: set[int] = set()
    last = 0  # the frame's number, widened
    last_wire: int | None = None
    active = 0
    open_frame: int | None = None  # the number on the wire of a frame whose last packet has not come
    shown: list[tuple[int, int, int]] = []
    for one in got:
        assert one.dependency is not None, one.number
        first = dependency.read(one.dependency, structure)
        if first.structure is not None:
            assert first.begins
            structure, active = first.structure, (1 << len(first.structure.targets)) - 1
        assert structure is not None, "a key frame comes first"
        assert structure.find(first.template_id) is not None, "the template is known"
        active = first.active if first.active is not None else active
        assert active
        if open_frame is None:
            assert first.begins, one.number
            last += 1 if last_wire is None else (first.frame - last_wire) % 65536
            assert last_wire is None or 0 < (first.frame - last_wire) % 65536 < 32768, "frame numbers ascend"
            last_wire = first.frame
            layer = dependencies.layers()[(first.template_id - structure.first) % 64]
            assert layer[:2] == (one.spatial, one.temporal)
            needed = {last - apart for apart in dependencies.differences(layer[0], layer[1], key=layer[2])}
            assert needed <= frames, (one.picture, one.spatial, one.temporal)
            # Not more is sent than the mask says, and so much at least.
            within = [target for index, target in enumerate(structure.targets) if active >> index & 1]
            assert any(one.spatial <= s and one.temporal <= t for s, t in within), (one.picture, layer, within)
            shown.append((one.picture, one.spatial, active))
        else:
            assert not first.begins
            assert first.frame == open_frame
        open_frame = None if first.ends else first.frame
        if first.ends:
            frames.add(last)
    assert open_frame is None
    return shown
