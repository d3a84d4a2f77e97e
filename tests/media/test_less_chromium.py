"""Layers of a scalable stream that nobody watches, between real Chromium pages: no longer encoded, and back when somebody wants them."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from livecore.media.control import LayersWanted, PublicationUp
from tests.media.test_chromium import page, playing, stage
from tests.media.test_chromium import pytestmark as browser
from tests.waiting import until

WIDE, SMALL = 960, 240


pytestmark = [*browser, pytest.mark.deep]


@pytest.mark.parametrize(("codec", "share"), [("vp9", 0.35), ("av1", 0.7)])
async def test_upper_layers_of_a_scalable_publisher_stop_and_return_without_a_freeze(tmp_path: Path, codec: str, share: float) -> None:
    """The publisher is the demo's own module, told as `live:layers` tells the host's page; a newcomer wants what nobody wanted before."""
    async with stage(tmp_path) as (media, browser, address):
        publisher, viewer, newcomer = [await page(browser, address) for _ in range(3)]
        await publisher.evaluate("(codec) => publishAsDemo('live', { codec, width: 960, height: 540 })", codec)
        await until(lambda: media.of(PublicationUp), "the publication")
        obeyed = 0

        async def sent() -> dict[str, Any]:
            """What the page sends, after it has done what it was told."""
            nonlocal obeyed
            told = media.of(LayersWanted)
            if len(told) > obeyed:
                obeyed = len(told)
                wanted = {"rids": told[-1].rids, "scalability": told[-1].scalability}
                await publisher.evaluate("(wanted) => want(wanted)", wanted)
            found: dict[str, Any] = (await publisher.evaluate("stats()"))["layers"][""]
            return found

        async def octets_a_picture() -> float:
            before = await sent()

            async def forty() -> dict[str, Any]:
                now = await sent()
                return now if now["frames"] >= before["frames"] + 40 else {}

            after = await until(forty, "forty pictures", patience_s=45)
            return float((after["bytes"] - before["bytes"]) / (after["frames"] - before["frames"]))

        async def shows(one: Any, width: int) -> bool:
            await sent()
            return bool((await one.evaluate("stats()")).get("video", {}).get("width") == width)

        async def publisher_sends_the_smallest() -> bool:
            return bool((await sent())["width"] == SMALL)

        async def cuts() -> bool:
            (of,) = (await media.plane.stats("live"))["publications"].values()
            video = next(t for t in of["tracks"] if t["kind"] == "video")
            return "S0T2" in {cut["rid"] for cut in video["layers"][0]["cuts"]}

        await until(cuts, "three sizes in one stream", patience_s=45)
        assert (await viewer.evaluate("watch('live', null, 0, { descriptor: true })"))["status"] == 201
        await until(partial(shows, viewer, WIDE), "the largest size", patience_s=45)
        all_layers = await octets_a_picture()
        (watching,) = (await media.plane.stats("live"))["publications"]["main"]["viewers"]
        await media.plane.prefer_layer(watching["session_id"], "S0T2")
        await until(publisher_sends_the_smallest, "the publisher to send the smallest alone", patience_s=45)
        assert media.of(LayersWanted)[-1].scalability == [{"rid": "", "spatial": 1, "temporal": 3}]
        one_layer = await octets_a_picture()
        assert one_layer < share * all_layers, "that is what it is for"
        assert await shows(viewer, SMALL)

        joined = await newcomer.evaluate("watch('live', null, 0, { descriptor: true })")
        assert joined["status"] == 201, "and has a picture"
        await until(partial(shows, newcomer, WIDE), "the largest size for who wants it", patience_s=45)
        assert media.of(LayersWanted)[-1].scalability == []
        assert one_layer < share * await octets_a_picture()
        assert await shows(viewer, SMALL)
        for one in (viewer, newcomer):
            before = (await one.evaluate("stats()"))["video"]["frames"]
            video = (await playing(one, before + 15))["video"]
            assert video["freezes"] <= 1, "a busy machine's encoder may stand still for once"
            assert video["plis"] <= 1, "nothing was missed"
