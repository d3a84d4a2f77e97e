"""Nobody else of the machine reads what lies in the data directory."""

from pathlib import Path

from tests.conftest import StartProgram, StartServer


def modes(directory: Path) -> dict[str, int]:
    found = [directory, *directory.iterdir()]
    return {path.name: path.stat().st_mode & 0o777 for path in found}


async def test_the_data_directory_of_a_serving_program_is_closed(program: StartProgram) -> None:
    serving = await program()
    await serving.person("anna")
    found = modes(serving.data_dir)
    assert {"keys.sqlite", "livecore.sqlite", "livecore.sqlite-wal", "livecore.sqlite-shm", "outbox.jsonl"} <= found.keys()
    assert found.pop(serving.data_dir.name) == 0o700
    # What is made later at its top lies below a closed directory.
    assert {name: oct(mode) for name, mode in found.items() if ".sqlite" in name or name == "outbox.jsonl" if mode != 0o600} == {}


async def test_an_installation_that_was_open_is_closed_at_its_start(start_server: StartServer, tmp_path: Path) -> None:
    directory = tmp_path / "old"
    first = await start_server(data_dir=directory)
    await first.person("anna")
    await first.stop()
    (directory / "objects").mkdir(exist_ok=True)
    for path in (directory, *directory.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    again = await start_server(data_dir=directory)
    found = modes(directory)
    assert found.pop("old") == 0o700
    assert {name for name, mode in found.items() if mode & 0o077} == set()
    await again.stop()


async def test_a_front_server_of_the_same_group_reaches_the_objects_alone(start_server: StartServer, tmp_path: Path) -> None:
    await start_server(data_dir=tmp_path / "shared", send_files="x-accel")
    found = modes(tmp_path / "shared")
    assert (found.pop("shared"), found.pop("objects")) == (0o710, 0o750)
    assert {name for name, mode in found.items() if mode & 0o077} == set()
