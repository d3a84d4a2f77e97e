"""Files that mean harm, made by rule from good ones and by hand; each is (name, bytes)."""

import io
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from tests.library import media

GOOD = {"mp4": media.faststart, "webm": media.webm, "mkv": media.mkv, "avi": media.avi, "ts": media.ts}


def naming_another(secret: Path) -> Iterator[tuple[str, bytes]]:
    """Files that ask for another to be read: as they are, and within a film's clothes."""
    texts = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{secret}\n#EXT-X-ENDLIST\n",
        "hls-file": f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "hls-concat": f"#EXTM3U\n#EXTINF:1,\nconcat:{secret}|{secret}\n#EXT-X-ENDLIST\n",
        "ffconcat": f"ffconcat version 1.0\nfile {secret}\n",
        "dash": f'<?xml version="1.0"?><MPD><Period><BaseURL>file://{secret}</BaseURL></Period></MPD>',
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "m3u": f"{secret}\n",
        "subtitles": "1\n00:00:00,000 --> 00:00:01,000\nhello\n",
        "svg": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="file://{secret}"/></svg>',
        "picture": "P3 1 1 255 1 2 3\n",
        "empty": "",
    }
    for name, text in texts.items():
        yield name, text.encode()
        yield f"{name} behind an ftyp", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + text.encode()
        yield f"{name} behind EBML", b"\x1a\x45\xdf\xa3" + text.encode()
        yield f"{name} in an avi", b"RIFF\xff\xff\0\0AVI " + text.encode()
    yield "mov with a reference", reference_movie(secret)


def reference_movie(secret: Path) -> bytes:
    """A QuickTime film whose media lie in another file (`dref` with an alias and a URL)."""
    whole = bytearray(media.faststart())
    at = whole.find(b"url ")
    address = f"file://{secret}".encode() + b"\0"
    # Not self-contained any more: flags 0, and an address in place of what follows.
    whole[at + 4 : at + 8] = b"\0\0\0\0"
    whole[at + 8 : at + 8 + len(address)] = address
    return bytes(whole)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Headers that promise more than any machine has."""
    film = media.faststart()
    at = film.find(b"avc1") + 28
    yield "65,535 squared", film[:at] + struct.pack(">HH", 65535, 65535) + film[at + 4 :]
    size = film.find(b"stsz")
    yield "four thousand million frames", film[: size + 12] + b"\xff\xff\xff\xff" + film[size + 16 :]
    times = film.find(b"stts")
    yield "a frame for years", film[: times + 12] + b"\x7f\xff\xff\xff" * 2 + film[times + 20 :]
    yield "a box without an end", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x01moov" + b"\xff" * 8
    yield (
        "boxes within boxes",
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
        + b"".join(struct.pack(">I4s", 80_008 - 8 * depth, b"moov" if depth == 0 else b"udta") for depth in range(10_000)),
    )
    yield "an EBML size of everything", b"\x1a\x45\xdf\xa3" + b"\x01" + b"\xff" * 7 + media.webm()[12:]
    yield "a second of nothing, a thousand streams", b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\0\0hdrlavih" + b"\xff" * 4096


def large_pictures() -> Iterator[tuple[str, bytes]]:
    """Good films of a few kilobytes that are larger than any camera's once they are decoded, one of which says that it is small."""
    film = media.made("film.mov", "-c:v", "png", "-frames:v", "1", size="8000x4400", source="color")
    at = film.find(b"png ") + 28
    yield "35 million points", film
    yield "35 million points that say they are few", film[:at] + struct.pack(">HH", 192, 108) + film[at + 4 :]


def mutations(seed: int, each: int) -> Iterator[tuple[str, bytes]]:
    """Good files cut, with bytes changed, moved and doubled."""
    dice = random.Random(seed)
    for kind, make in GOOD.items():
        whole = make()
        for number in range(each):
            data = bytearray(whole)
            if dice.random() < 0.4:
                del data[dice.randrange(16, len(data)) :]
            for _ in range(dice.randrange(1, 30)):
                # Most harm is in the headers.
                at = dice.randrange(min(len(data), 3000 if dice.random() < 0.7 else len(data)))
                data[at] = dice.choice((0, 255, data[at] ^ (1 << dice.randrange(8)), dice.randrange(256)))
            if dice.random() < 0.2:
                start = dice.randrange(len(data))
                data[start:start] = data[start : start + dice.randrange(1, 2000)]
            yield f"{kind} {seed}.{number}", bytes(data)


def picture(kind: str, size: tuple[int, int] = (96, 64)) -> bytes:
    """A good one, with something to see in it."""
    found = Image.linear_gradient("L").resize(size).convert("RGB")
    out = io.BytesIO()
    found.save(out, kind)
    return out.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def hostile_pictures() -> Iterator[tuple[str, bytes]]:
    """Bombs, and files that name others in a picture's clothes."""
    whole = picture("PNG")
    yield "a PNG of 60,000 squared", whole[:8] + _chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)) + whole[33:]
    yield "a text of 80 MB in a PNG", whole[:33] + _chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(80 << 20))) + whole[33:]
    yield "a JPEG of 65,535 squared", _resized_jpeg(65_535)
    yield "a GIF of 65,535 squared", b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + picture("GIF")[10:]
    yield "SVG behind a PNG's head", whole[:8] + b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    yield "PostScript behind a JPEG's head", b"\xff\xd8\xff%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run\n"
    yield "a head alone", b"RIFF\xff\xff\xff\xffWEBP"


def _resized_jpeg(side: int) -> bytes:
    data = bytearray(picture("JPEG"))
    at = data.find(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", side, side)
    return bytes(data)


def mutated_pictures(seed: int, each: int) -> Iterator[tuple[str, bytes]]:
    """Good pictures cut and with bytes changed."""
    dice = random.Random(seed)
    for kind in ("JPEG", "PNG", "WEBP", "GIF"):
        whole = picture(kind)
        for number in range(each):
            data = bytearray(whole)
            if dice.random() < 0.4:
                del data[dice.randrange(16, len(data)) :]
            for _ in range(dice.randrange(1, 12)):
                data[dice.randrange(12, len(data))] = dice.randrange(256)
            yield f"{kind} {seed}.{number}", bytes(data)
