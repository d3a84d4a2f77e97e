"""A tus client of few lines, so that tests say each header themselves; real clients are in test_tus_clients.py."""

import base64
import io
from collections.abc import Mapping
from typing import Any

from tests.people import Person
from tests.serving import Answer
from tests.waiting import until

PART = "application/offset+octet-stream"


def metadata(**words: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in words.items())


async def tus(person: Person, method: str, path: str, data: bytes | None = None, **headers: str) -> Answer:
    """`Upload_Offset="0"` is the header `Upload-Offset`; a body gets tus's content type."""
    sent = {"Tus-Resumable": "1.0.0"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if data is not None:
        sent.setdefault("Content-Type", PART)
    return await person.call(method, path, data=None if data is None else io.BytesIO(data), headers=sent)


async def begin(person: Person, size: int, words: Mapping[str, str] | None = None, **headers: str) -> str:
    """Create an upload; answers its path."""
    said = metadata(**({"purpose": "video", "filename": "film.mp4"} | dict(words or {})))
    answer = await tus(person, "POST", "/uploads", Upload_Length=str(size), Upload_Metadata=said, **headers)
    assert answer.status == 201, answer
    return str(answer.headers["Location"])


async def offset(person: Person, path: str) -> int:
    answer = await tus(person, "HEAD", path)
    assert answer.status == 200, answer
    return int(answer.headers["Upload-Offset"])


def related(answer: Answer) -> str:
    link = answer.headers["Link"]
    address, _, relation = link.removeprefix("<").partition(">")
    assert relation == '; rel="related"', link
    return str(address)


async def send(person: Person, data: bytes, **words: str) -> str:
    """Upload whole; answers the resource's path."""
    path = await begin(person, len(data), words)
    answer = await tus(person, "PATCH", path, data, Upload_Offset="0")
    assert answer.status == 204, answer
    return related(answer)


async def settled(person: Person, path: str, status: str = "ready", patience_s: float = 60) -> dict[str, Any]:
    """The video once it has the status."""

    async def is_there() -> dict[str, Any] | None:
        answer = await person.get(path)
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json
        assert found["status"] in ("processing", status), found
        return found if found["status"] == status else None

    found = await until(is_there, f"{path} to be {status}", patience_s)
    assert found is not None
    return found


async def sent(person: Person, data: bytes, **words: str) -> dict[str, Any]:
    """Upload, and wait until it is ready."""
    return await settled(person, await send(person, data, **words))
