"""More files that mean harm: what containers may carry beside a film, references to others, several formats at once, sizes that lie.

`another` is a file that every machine has and nobody may be shown. Each is (name, bytes); most of them are a good film otherwise.
"""

import io
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.library import media

FTYP = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
QUICKTIME = b"\0\0\0\x14ftypqt  \0\0\0\0qt  "
EBML = b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska"
PAGE = b"<!doctype html><script>document.title = 'MARMALADE-SCRIPT'</script>"


def box(kind: bytes, *inside: bytes) -> bytes:
    data = b"".join(inside)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def element(name: bytes, inside: bytes) -> bytes:
    """An EBML element with a size of eight bytes."""
    return name + (1 << 56 | len(inside)).to_bytes(8) + inside


def patched(whole: bytes, name: bytes, at: int, what: bytes) -> bytes:
    """`what` in place of what stands `at` bytes after the first `name`."""
    start = whole.index(name) + at
    return whole[:start] + what + whole[start + len(what) :]


def disguises(another: Path) -> Iterator[tuple[str, bytes]]:
    yield from carried(another)
    yield from referring(another)
    yield from polyglots(another)
    yield from lying_sizes()


# -- what a container carries beside picture and sound


def carried(another: Path) -> Iterator[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as directory:
        playlist, words = Path(directory) / "evil.m3u8", Path(directory) / "evil.srt"
        playlist.write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{another}\n#EXT-X-ENDLIST\n")
        words.write_text(f'1\n00:00:00,000 --> 00:00:01,000\n<font face="file://{another}"><img src="file://{another}"/>\n')
        attached = ("-attach", str(playlist), "-metadata:s:t", "mimetype=application/vnd.apple.mpegurl")
        yield "mkv with a playlist attached", media.made("film.mkv", *media.H264, *media.AAC, *attached, rate=5, size="96x54")
        titled = ("-i", str(words), "-map", "0:v", "-map", "1:a", "-map", "2:s")
        yield "mkv with subtitles", media.made("film.mkv", *titled, *media.H264, *media.AAC, "-c:s", "srt", rate=5, size="96x54")
        yield "mp4 with a text track", media.made("film.mp4", *titled, *media.H264, *media.AAC, "-c:s", "mov_text", rate=5, size="96x54")


# -- references to other files


def referring(another: Path) -> Iterator[tuple[str, bytes]]:
    address = f"file://{another}".encode() + b"\0"
    film = media.mp4(rate=5, size="96x54")
    yield "data by a path", with_reference(film, box(b"url ", bytes(4), address))
    yield "data by a network address", with_reference(film, box(b"url ", bytes(4), b"http://127.0.0.1:9/film.mp4\0"))
    yield "data by an alias", with_reference(film, box(b"alis", bytes(4), alias(another)))
    reference = box(b"rdrf", bytes(4), b"url ", struct.pack(">I", len(address)), address)
    yield "a reference movie", QUICKTIME + box(b"moov", box(b"rmra", box(b"rmda", reference)))
    text = f"ffconcat version 1.0\nfile '{another}'\n".encode()
    yield "ffconcat in a free box", box(b"free", text) + text
    yield "ffconcat with the mark of a transport stream", b"".join((b"\x47" + text).ljust(188, b"\n") for _ in range(8))
    yield "ffconcat in a matroska segment", EBML + element(b"\x18\x53\x80\x67", text)


def with_reference(whole: bytes, entry: bytes) -> bytes:
    """A film with its index at the end, whose first data reference is this one; the boxes around it grow along."""
    data, at, sizes, end = bytearray(whole), 0, list[int](), len(whole)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        while data[at + 4 : at + 8] != name:
            at += struct.unpack_from(">I", data, at)[0]
            assert at < end
        sizes.append(at)
        at += 8
    first = at + 8  # past version, flags and how many there are
    old = struct.unpack_from(">I", data, first)[0]
    data[first : first + old] = entry
    for place in sizes:
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + len(entry) - old)
    return bytes(data)


def alias(another: Path) -> bytes:
    """An alias record of old Macintosh files (QuickTime file format, data references): a volume, a name, the whole path."""
    name, path = another.name.encode(), str(another).encode()
    path += b"\0" * (len(path) % 2)
    return b"".join(
        (
            bytes(10),
            bytes([1]) + b"/".ljust(27, b"\0") + bytes(12),
            bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16),
            struct.pack(">HH", 1, 1) + bytes(16),
            struct.pack(">hH", 2, len(path)) + path,
            struct.pack(">hH", -1, 0),
        )
    )


# -- two formats in one file


def polyglots(another: Path) -> Iterator[tuple[str, bytes]]:
    film, packed = media.mp4(rate=5, size="96x54"), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.html", PAGE)
    yield "a film that is a page too", film + box(b"free", PAGE)
    yield "a film that is an archive too", film + packed.getvalue()
    yield "a document in a film's clothes", FTYP + box(b"free", b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript>>>>") + PAGE
    yield "a page with a film's mark", b"<!--ftypmp42-->" + PAGE
    yield "drawings in a film's clothes", FTYP + f'<svg xmlns="http://www.w3.org/2000/svg"><image href="file://{another}"/></svg>'.encode()
    pictures = b"".join(b"\x89PNG\r\n\x1a\n" + bytes([number]) * 40 for number in range(5))
    yield "a series of pictures in a film's clothes", FTYP + pictures
    yield "a series of pictures by a pattern", FTYP + b"%03d.png\n" + f"{another.parent}/%d".encode()


# -- sizes that lie


def lying_sizes() -> Iterator[tuple[str, bytes]]:
    film = media.faststart(rate=5, size="96x54")
    yield "a box of negative size", FTYP + struct.pack(">I4sQ", 1, b"moov", 1 << 63) + film[24:]
    yield "a box smaller than its head", FTYP + struct.pack(">I4s", 7, b"moov") + film[24:]
    yield "samples of negative size", patched(film, b"stsz", 8, struct.pack(">iI", -1, 5))
    yield "negative offsets of chunks", patched(film, b"stco", 12, struct.pack(">i", -8) * 2)
    yield "an edit of negative length", patched(film, b"elst", 12, struct.pack(">ii", -(1 << 31), -(1 << 31)))
    yield "edits without an end", patched(film, b"elst", 8, b"\x7f\xff\xff\xff")
    yield "a frame before time began", patched(film, b"mdhd", 16, struct.pack(">Ii", 0, -1))
    yield "tracks without an end", FTYP + box(b"moov", *[box(b"trak", box(b"tkhd", bytes(84)))] * 120)
    depth = b"".join(box_open(b"udta", 8 * (2000 - level)) for level in range(2000))
    yield "2,000 boxes within boxes", FTYP + box(b"moov", depth)
    packed = zlib.compress(bytes(64 << 20), 9)
    yield (
        "an index packed to nothing",
        QUICKTIME + box(b"moov", box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", struct.pack(">I", 0xFFFFFFF0), packed[:12_000]))),
    )
    nested = b""
    for _ in range(600):
        nested = element(b"\x67\xc8", nested)
    yield "tags within tags", EBML + element(b"\x18\x53\x80\x67", element(b"\x12\x54\xc3\x67", element(b"\x73\x73", nested)))
    yield (
        "an element of size minus one",
        EBML + b"\x18\x53\x80\x67" + b"\x01" + b"\xff" * 6 + b"\xfe" + media.webm(rate=5, size="96x54")[60:],
    )
    yield "an avi of negative size", patched(media.avi(rate=5, size="96x54"), b"movi", -4, struct.pack("<i", -2))
    webm = media.webm(rate=5, size="96x54")
    yield "16,383 squared within its stream", patched(webm, b"\x9d\x01\x2a", 3, struct.pack("<HH", 0x3FFF, 0x3FFF))
    yield "a stream of nothing but its mark", b"\x47" * 188 * 60


def box_open(kind: bytes, size: int) -> bytes:
    return struct.pack(">I4s", size, kind)


def truncations() -> Iterator[tuple[str, bytes]]:
    """Good films, each cut within its head, its index and its media."""
    for kind, make in {"mp4": media.mp4, "webm": media.webm, "avi": media.avi, "ts": media.ts}.items():
        whole = make(rate=5, size="96x54")
        # What is left of an AVI is transcoded, which takes a second each.
        for share in (0.05, 0.6) if kind == "avi" else (0.05, 0.5, 0.98):
            yield f"{kind} cut at {int(100 * share)}", whole[: max(1024, int(share * len(whole)))]
