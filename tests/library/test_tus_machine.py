"""Uploads as a state machine: whatever order of requests, kept bytes are the sent bytes, and offsets only say what is durable."""

import asyncio
import hashlib
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from livecore import errors
from livecore.config import Settings
from livecore.data import metadata as schema
from livecore.library import tus
from livecore.library.upload_rules import Finished, NewUpload
from livecore.library.uploads import Uploads
from livecore.platform.database import SqlDatabase, database_url
from livecore.platform.growing import PIECE_BYTES, PieceGrowing, make_growing
from livecore.platform.storage import make_storage
from livecore.ports import Principal
from tests.clocks import FakeClock

FILM = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 12
ANNA = Principal("a" * 32, "anna", "s" * 32, "d" * 32)


class Keeping:
    """A sink that keeps what it was given."""

    def __init__(self, growing: Any) -> None:
        self.growing = growing
        self.kept: list[bytes] = []

    def limit_bytes(self) -> int:
        return 1 << 20

    def check_head(self, head: bytes) -> None:
        if not head.startswith(FILM[:8]):
            raise errors.WrongMedia()

    async def check_new(self, me: Any, row: Any) -> None: ...

    async def finish(self, me: Any, row: Any, head: bytes, sources: Any) -> Finished:
        self.kept.append(b"".join([part for source in sources async for part in self.growing.stream(source)]))
        return Finished("/kept", None)

    async def record(self, conn: Any, row: Any, finished: Finished) -> None: ...


class Sent:
    """A request's body; `breaks` ends it with a lost connection."""

    def __init__(self, data: bytes, breaks: bool) -> None:
        self.data = data
        self.breaks = breaks

    async def chunks(self) -> Any:
        for at in range(0, len(self.data), 700):
            yield self.data[at : at + 700]
        if self.breaks:
            raise ConnectionResetError

    def interrupt(self) -> None: ...


class TusMachine(RuleBasedStateMachine):
    remote = False

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.model: dict[str, dict[str, Any]] = {}
        self.joined: list[tuple[str, bytes]] = []

    @initialize()
    def begin(self) -> None:
        self.loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        root = Path(self.directory.name)
        self.db = SqlDatabase(database_url("", root))
        async with self.db.write() as conn:
            await conn.run_sync(schema.create_all)
        self.storage = make_storage("", root)
        self.clock = FakeClock()
        self._open()

    def _open(self) -> None:
        """A process that knows nothing but what is on the disk."""
        growing = PieceGrowing(self.storage) if self.remote else make_growing(self.storage)
        self.sink = Keeping(growing)
        self.settings = Settings(upload_limit_bytes=1 << 20, uploads_open=1000)
        self.uploads = Uploads(
            self.db, self.clock, self.storage, growing, self.settings, dict.fromkeys(("video", "image", "avatar"), self.sink)
        )

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.loop.run_until_complete(self.db.close())
        self.loop.close()
        self.directory.cleanup()

    def done(self, work: Any) -> Any:
        """The answer, or the refusal."""
        try:
            return self.loop.run_until_complete(work)
        except errors.Problem as refused:
            return refused

    @rule(length=st.integers(1, len(FILM)), partial=st.booleans(), deferred=st.booleans())
    def create(self, length: int, partial: bool, deferred: bool) -> None:
        new = NewUpload(None if deferred else length, "", {}, tus.Concat("partial" if partial else ""))
        row = self.done(self.uploads.create(ANNA, new))
        known = None if deferred else length
        self.model[row["id"]] = {"at": 0, "length": known, "whole": length, "partial": partial, "state": "open"}

    def _one(self, pick: int) -> tuple[str, dict[str, Any]]:
        upload_id = sorted(self.model)[pick % len(self.model)]
        return upload_id, self.model[upload_id]

    @precondition(lambda self: self.model)
    @rule(
        pick=st.integers(0, 50),
        size=st.integers(0, 2000),
        shift=st.sampled_from([0, 0, 0, 0, 1, -1]),
        sum_is=st.sampled_from([None, None, True, False]),
        breaks=st.booleans(),
        tells=st.booleans(),
    )
    def append(self, pick: int, size: int, shift: int, sum_is: bool | None, breaks: bool, tells: bool) -> None:
        upload_id, model = self._one(pick)
        offset = max(0, model["at"] + shift)
        data = FILM[model["at"] : min(model["at"] + size, model["whole"])]
        checksum = None if sum_is is None else tus.Checksum("sha256", hashlib.sha256(data if sum_is else data + b"x").digest())
        length = model["whole"] if model["length"] is None and tells else None
        answer = self.done(self._append(upload_id, offset, length, checksum, Sent(data, breaks)))
        if model["state"] == "gone":
            assert isinstance(answer, errors.NotFound)
        elif model["state"] == "joined":
            assert isinstance(answer, errors.Conflict | dict)
        elif offset != model["at"]:
            assert isinstance(answer, errors.Conflict)
        else:
            if length is not None:
                model["length"] = length
            if breaks and model["state"] == "open":
                model["at"] += 0 if checksum else len(data)
            elif sum_is is False and model["state"] == "open":
                assert isinstance(answer, errors.ChecksumMismatch)
            elif model["state"] == "open":
                model["at"] += len(data)
                assert answer["received_bytes"] == model["at"]
                if model["at"] == model["length"] and not model["partial"]:
                    if model["at"] < 8:
                        # Too short to be anything.
                        model["state"] = "gone"
                    else:
                        assert self.sink.kept[-1] == FILM[: model["length"]]
                        model["state"] = "done"

    async def _append(self, *arguments: Any) -> Any:
        upload_id, offset, length, checksum, body = arguments
        try:
            return await self.uploads.append(ANNA, upload_id, offset, length, None, checksum, body)
        except OSError:
            return None
        except errors.WrongMedia:
            return {"received_bytes": self.model[upload_id]["at"] + len(body.data)}

    @precondition(lambda self: self.model)
    @rule(picks=st.lists(st.integers(0, 50), min_size=1, max_size=3))
    def join(self, picks: list[int]) -> None:
        ids = list(dict.fromkeys(self._one(pick)[0] for pick in picks))
        parts = [self.model[one] for one in ids]
        answer = self.done(self.uploads.create(ANNA, NewUpload(None, "", {}, tus.Concat("final", tuple(ids)))))
        if any(part["state"] == "gone" for part in parts):
            assert isinstance(answer, errors.NotFound)
        elif not all(part["partial"] and part["state"] == "open" and part["at"] == part["length"] for part in parts):
            assert isinstance(answer, errors.Conflict)
        else:
            whole = b"".join(FILM[: part["length"]] for part in parts)
            if len(parts[0:1]) and parts[0]["length"] >= 8:
                assert self.sink.kept[-1] == whole
                for part in parts:
                    part["state"] = "joined"
            else:
                assert isinstance(answer, errors.WrongMedia) or self.sink.kept[-1] == whole
                for part in parts:
                    part["state"] = "gone" if isinstance(answer, errors.WrongMedia) else "joined"

    @precondition(lambda self: self.model)
    @rule(pick=st.integers(0, 50))
    def terminate(self, pick: int) -> None:
        upload_id, model = self._one(pick)
        if model["state"] == "joined":
            return
        answer = self.done(self.uploads.terminate(ANNA, upload_id))
        assert isinstance(answer, errors.NotFound) == (model["state"] == "gone")
        model["state"] = "gone"

    @precondition(lambda self: len(self.model) > 2)
    @rule()
    def be_left_alone(self) -> None:
        """Longer than an upload waits: nothing of any is left, neither record nor byte."""
        self.clock.advance(self.settings.upload_idle_s + 1)
        self.done(self.uploads.expire())
        for model in self.model.values():
            model["state"] = "gone"
        assert self.done(self._stored()) == []

    async def _stored(self) -> list[str]:
        return [item.key async for item in self.storage.list("uploads")]

    @rule()
    def die(self) -> None:
        self._open()

    @invariant()
    def heads_tell_the_truth(self) -> None:
        for upload_id, model in self.model.items():
            answer = self.done(self.uploads.state(ANNA, upload_id))
            if model["state"] == "gone":
                assert isinstance(answer, errors.NotFound)
            else:
                assert answer[0]["received_bytes"] == model["at"]


class RemoteTusMachine(TusMachine):
    """The same where each piece is an object of its own."""

    remote = True


assert len(FILM) < PIECE_BYTES
# A machine's example is some fifteen requests: fewer of them, and more in the deep profile.
_FEW = settings(
    max_examples=max(12, settings.default.max_examples // 20),
    stateful_step_count=15,
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
TestFiles = TusMachine.TestCase
TestFiles.settings = _FEW
TestPieces = RemoteTusMachine.TestCase
TestPieces.settings = _FEW
