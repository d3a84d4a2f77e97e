"""What would be sent where no sender is configured: one JSON object a line in `outbox.jsonl` in the data directory."""

import os
from pathlib import Path

import orjson

NAME = "outbox.jsonl"


class Outbox:
    """Appends whole lines, so that several processes may share the file; only this user may read it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, channel: str, to: str, text: str, code: str | None) -> None:
        entry = {"channel": channel, "to": to, "text": text}
        if code is not None:
            entry["code"] = code
        # One write to a file opened for appending: lines of two processes do not mix.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, orjson.dumps(entry) + b"\n")
        finally:
            os.close(descriptor)
