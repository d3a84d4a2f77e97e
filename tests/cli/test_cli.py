"""The command line and the settings behind it."""

import ssl
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from livecore import config
from livecore.config import Settings
from livecore.errors import ConfigError
from livecore.platform.tls import ensure_certificate, server_context
from tests.conftest import StartProgram


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "livecore", *arguments],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "HOME": str(cwd)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_config_lists_every_setting_with_its_source(tmp_path: Path) -> None:
    (tmp_path / "livecore.toml").write_text('operator_name = "Example Ltd"\n')
    shown = run("config", "--port", "9999", cwd=tmp_path, LIVECORE_DEVICES_PER_ACCOUNT="3", LIVECORE_SMTP_URL="smtp://u:secretword@h")
    assert shown.returncode == 0, shown.stderr
    for name in Settings.model_fields:
        assert name[:20] in shown.stdout, name
    for line, source in (("port", "flag"), ("devices_per_account", "environment"), ("operator_name", "file"), ("host", "default")):
        row = next(row for row in shown.stdout.splitlines() if row.strip(" │┃").startswith(line))
        assert source in row, row
    assert "secretword" not in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "seventy"), "port"),
        (("--port", "70000"), "port"),
        (("--processes", "2"), "PostgreSQL"),
        (("--argon2-memory-kib", "8"), "argon2_memory_kib"),
        (("--tls", "nowhere"), "tls"),
    ],
)
def test_a_setting_that_cannot_work_is_named(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    refused = run("serve", *arguments, cwd=tmp_path, LIVECORE_MEDIA_PORT="0")
    assert refused.returncode in (1, 2), refused
    assert said in refused.stderr + refused.stdout
    assert "Traceback" not in refused.stderr + refused.stdout


def test_an_unknown_setting_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "livecore.toml").write_text('colour = "red"\n')
    refused = run("config", cwd=tmp_path)
    assert refused.returncode == 2
    assert "colour" in refused.stderr


def test_flags_win_over_environment_and_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own.toml"
    file.write_text("port = 1111\nprocesses = 1\ngroup_limit = 7\n")
    monkeypatch.setenv("LIVECORE_CONFIG", str(file))
    assert config.load().port == 1111
    monkeypatch.setenv("LIVECORE_PORT", "2222")
    assert config.load().port == 2222
    assert config.load(port=3333).port == 3333
    assert config.load().group_limit == 7


def test_a_broken_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own.toml"
    file.write_text("port = = 1")
    monkeypatch.setenv("LIVECORE_CONFIG", str(file))
    with pytest.raises(ConfigError, match=r"own\.toml"):
        config.load()


def test_a_certificate_is_made_once_and_names_this_machine(tmp_path: Path) -> None:
    certificate, key = ensure_certificate(tmp_path)
    first = certificate.read_bytes()
    assert ensure_certificate(tmp_path)[0].read_bytes() == first
    assert key.stat().st_mode & 0o077 == 0
    assert isinstance(server_context("auto", tmp_path), ssl.SSLContext)
    assert server_context("off", tmp_path) is None


async def test_tls_auto_serves_over_https(program: StartProgram) -> None:
    server = await program(tls="auto")
    trusting = ssl.create_default_context(cafile=str(server.data_dir / "tls" / "certificate.pem"))
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/healthz", ssl=trusting) as answer:
        assert answer.status == 200
    assert server.url.startswith("https://")
