"""What ffprobe and ffmpeg say of a file. Both come with Debian's ffmpeg; a machine without them tests the rest."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

# A few seconds of small pictures; a decoder that takes longer is led in circles.
LIMIT_S = 60


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(arguments[0]) is None:
        pytest.skip(f"no {arguments[0]}: apt-get install ffmpeg")
    return subprocess.run([*arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False)


def streams_of(path: Path) -> list[str]:
    """Codec names by stream; nothing may be said on the side."""
    probed = _run("ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path))
    assert (probed.returncode, probed.stderr) == (0, "")
    return [stream["codec_name"] for stream in json.loads(probed.stdout)["streams"]]


def complaints_of(path: Path) -> str:
    """What a full decode complains of; pictures keep their own times, two of which may lie close together where a layer changes."""
    times = ("-fps_mode", "passthrough", "-enc_time_base", "-1")
    decoded = _run("ffmpeg", "-v", "error", "-xerror", "-i", str(path), *times, "-f", "null", "-")
    return decoded.stderr + (f"status {decoded.returncode}" if decoded.returncode else "")
