"""A real Chromium, and visitors who use the demo in it as people do."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.visitor import DESKTOP, Size, Visitor
from tests.processes import Program, Standing

CHROMIUM = Path(os.environ.get("LIVECORE_CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# As long as `tests.waiting` waits: machines are busy with other tests.
expect.set_options(timeout=20_000)

NewVisitor = Callable[..., Awaitable[Visitor]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    one = Standing(tmp_path_factory.mktemp("standing") / "data", transcode_nice=0)
    one.launch()
    yield one
    one.end()


@pytest.fixture
async def shared(standing: Standing) -> AsyncIterator[Program]:
    """The one server of all tests that neither set, stop nor fill one: to start it costs more than most of them. Names are each test's own."""
    await standing.start()
    yield standing
    await standing.stop()


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        yield browser
        await browser.close()


@pytest.fixture
async def visitor(chromium: Browser) -> AsyncIterator[NewVisitor]:
    """Open a browser profile of one's own: `anna = await visitor(serving, "anna", size=PHONE)`.

    At the end, whatever its console or the page's policy complained about fails the test.
    """
    open_now: list[Visitor] = []

    async def new(serving: Program, username: str = "", *, size: Size = DESKTOP, dark: bool = False) -> Visitor:
        one = await Visitor.open(chromium, serving, username or f"visitor{len(open_now)}", len(open_now), size=size, dark=dark)
        open_now.append(one)
        return one

    yield new
    for one in open_now:
        await one.close()
    complaints = {one.username: one.complaints for one in open_now if one.complaints}
    assert not complaints, complaints
