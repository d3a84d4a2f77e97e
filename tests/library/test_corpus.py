"""The kept corpus: small files that mean harm, each uploaded to a server and made ready by it in every run.

`python -m tests.library.make_corpus` makes the files, by `hostile` and `disguises`.
"""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.library import media
from tests.library.sending import begin, related, sent, tus
from tests.people import Person
from tests.waiting import until

CORPUS = Path(__file__).parent / "corpus"
SIZE_LIMIT_BYTES = 25_000
PIXELS_LIMIT = 7680 * 4320
# What one of them may take on a busy machine; one that hangs takes for ever.
LIMIT_S = 90
# Of /etc/passwd, which many of them name, and of the page within a film.
NOT_SHOWN = (b"root:", b"MARMALADE-SCRIPT", b"/etc/passwd")


async def outcome(anna: Person, path: Path) -> str:
    """Upload it and wait for what becomes of it; whatever is shown of it is looked through."""
    data = path.read_bytes()
    assert len(data) <= SIZE_LIMIT_BYTES, path
    upload = await begin(anna, len(data))
    answer = await tus(anna, "PATCH", upload, data, Upload_Offset="0")
    if answer.status == 415:
        return "wrong media"
    assert answer.status == 204, (path, answer)
    address = related(answer)

    async def settled() -> dict[str, object] | None:
        found: dict[str, object] = (await anna.get(address)).json
        return found if found["status"] != "processing" else None

    found = await until(settled, f"{path.name} to be judged", LIMIT_S)
    assert found is not None
    if found["status"] == "failed":
        assert (found["failure"], found["file"], found["hls"]) == ("not_showable", None, None), path
        return "refused"
    assert int(str(found["width"])) * int(str(found["height"])) <= PIXELS_LIMIT, path
    for name in ("file", "hls", "poster", "preview", "sprites"):
        if found[name] is None:
            continue
        shown = await anna.server.call("GET", str(found[name]))
        assert (shown.status, shown.headers["X-Content-Type-Options"]) == (200, "nosniff"), (path, name)
        assert shown.headers["Content-Type"].partition("/")[0] in ("video", "audio", "image", "application", "text"), (path, name)
        assert "html" not in shown.headers["Content-Type"], (path, name)
        assert len(shown.body) < 20 << 20, (path, name)
        assert not any(words in shown.body for words in NOT_SHOWN), (path, name)
    return "shown"


async def test_each_of_the_corpus_is_refused_or_shown_small_and_carries_nothing_of_another_file(
    start_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = await start_server(transcodes=2, uploads_open=500)
    anna = await server.person("anna")
    files, slots = sorted(CORPUS.iterdir()), asyncio.Semaphore(4)
    assert len(files) >= 60

    async def one(path: Path) -> tuple[str, str]:
        async with slots:
            return path.name, await outcome(anna, path)

    outcomes = dict(await asyncio.gather(*map(one, files)))
    # What only wears a film's clothes is refused; a film that carries more than a film is shown without it.
    for name, became in outcomes.items():
        if any(
            word in name
            for word in ("hls", "ffconcat", "dash", "sdp", "svg", "drawings", "series-of-pictures", "document-in", "reference-movie")
        ):
            assert became in ("refused", "wrong media"), name
    for name in ("mkv-with-a-playlist-attached", "mkv-with-subtitles", "mp4-with-a-text-track", "a-film-that-is-a-page-too"):
        assert outcomes[name] == "shown", name
    assert set(Counter(outcomes.values())) >= {"refused", "shown"}
    assert "Traceback" not in caplog.text
    # Nobody else noticed.
    assert (await server.call("GET", "/readyz")).status == 200
    await sent(anna, media.faststart())
