"""Files that grow: an upload begins while another's end takes the directories away that it was about to use."""

import threading
from pathlib import Path

from livecore.platform.growing import FileGrowing
from livecore.platform.storage import LocalStorage


async def test_a_file_begins_though_the_directories_above_it_are_taken_away_while_they_are_empty(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "objects")
    growing = FileGrowing(storage)
    is_over = threading.Event()

    def end_others() -> None:
        while not is_over.is_set():
            storage.prune(storage.place("uploads/of/many/gone"))

    others = threading.Thread(target=end_others)
    others.start()
    try:
        for number in range(100):
            async with growing.writing(f"uploads/of/many/{number}", 0) as writer:
                await writer.write(b"a film")
                await writer.flush()
            path = storage.place(f"uploads/of/many/{number}/data")
            assert path.read_bytes() == b"a film"
            path.unlink()
            storage.prune(path)
    finally:
        is_over.set()
        others.join()
