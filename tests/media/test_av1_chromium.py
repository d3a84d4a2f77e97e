"""Spatial layers of AV1 between real Chromium pages: shown, left out and taken back for one viewer without a freeze."""

from pathlib import Path
from typing import Any

import pytest

from tests.media.test_chromium import on_air, page, playing, stage
from tests.media.test_chromium import pytestmark as pytestmark
from tests.waiting import until


async def decoded(viewer: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await viewer.evaluate("stats()")).get("video", {})
    return found


@pytest.mark.parametrize(
    ("mode", "width", "height", "sizes"),
    [
        ("L2T2", 640, 360, {"S0T1": 320}),
        pytest.param("L3T3_KEY", 960, 540, {"S0T2": 240, "S1T2": 480}, marks=pytest.mark.deep),
        pytest.param("L3T3", 960, 540, {"S0T2": 240, "S1T2": 480}, marks=pytest.mark.deep),
    ],
)
async def test_spatial_layers_of_av1_go_down_and_up_without_a_freeze(
    tmp_path: Path, mode: str, width: int, height: int, sizes: dict[str, int]
) -> None:
    """Beside it a viewer without the dependency descriptor, as browsers are by default: it sees the lowest size."""
    async with stage(tmp_path) as (media, browser, address):
        publisher, viewer, plain = [await page(browser, address) for _ in range(3)]
        assert await on_air(media, publisher, "live", codec="av1", scalabilityMode=mode, width=width, height=height) == "av1"

        async def published() -> dict[str, Any]:
            found: dict[str, Any] = (await media.plane.stats("live"))["publications"]["main"]
            return found

        async def cuts() -> bool:
            video = next(t for t in (await published())["tracks"] if t["kind"] == "video")
            return set(sizes) <= {cut["rid"] for cut in video["layers"][0].get("cuts", ())}

        await until(cuts, "the layers to be seen", patience_s=45)
        result = await viewer.evaluate("watch('live', null, 0, { descriptor: true })")
        assert "dependency-descriptor" in result["answer"]
        (watching,) = (await published())["viewers"]
        await playing(viewer, 15, 45)
        for rid, wide in (*sizes.items(), (None, width)):
            await media.plane.prefer_layer(watching["session_id"], rid)

            async def shows(wide: int = wide) -> bool:
                return bool((await decoded(viewer)).get("width") == wide)

            await until(shows, f"{wide} pixels", patience_s=45)
            await playing(viewer, (await decoded(viewer))["frames"] + 15, 45)
        assert (await decoded(viewer))["freezes"] <= 1, "a busy machine's encoder may stand still for once"
        assert (await decoded(viewer))["plis"] <= 1, "nothing was missed"
        result = await plain.evaluate("watch('live')")
        assert "dependency-descriptor" not in result["answer"]
        await playing(plain, 15, 45)
        assert (await decoded(plain))["width"] == min(sizes.values())


@pytest.mark.deep
async def test_spatial_av1_goes_on_under_loss_and_when_its_publisher_comes_back(tmp_path: Path) -> None:
    """What is sent again carries the descriptor too, and another connection's frame numbers go on where the first ended."""
    async with stage(tmp_path) as (media, browser, address):
        publisher, viewer = await page(browser, address), await page(browser, address)
        options: dict[str, Any] = {"codec": "av1", "scalabilityMode": "L2T2", "width": 640, "height": 360}
        assert await on_air(media, publisher, "live", **options) == "av1"
        result = await viewer.evaluate("watch('live', 0.05, 0, { descriptor: true })")
        assert "dependency-descriptor" in result["answer"]
        before = (await playing(viewer, 15, 45))["video"]["frames"]
        video = (await playing(viewer, before + 150, 60))["video"]
        assert video["resent"] > 3
        assert video["plis"] <= 3, "what was lost came again; how many pictures are shown meanwhile is for virtual time to say"
        await publisher.evaluate("close_()")
        await publisher.reload()
        assert await on_air(media, publisher, "live", **options) == "av1"
        stats = await playing(viewer, video["frames"] + 60, 60)
        assert stats["state"] == "connected"
