"""What a file is by its first bytes, whatever its name and its sender say."""

# A transport stream shows itself by its third packet.
HEAD_BYTES = 1024

_EBML = b"\x1a\x45\xdf\xa3"
# The first box of ISO media (ISO/IEC 14496-12); QuickTime may begin with any of the others.
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
# Still pictures and documents in the same box format: no film.
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"crx ", b"jp2 ")
_TS_PACKET = 188


def video_container(head: bytes) -> str | None:
    """FFmpeg's name of the demuxer for the container: "mov", "matroska", "avi" or "mpegts"; None for everything else."""
    if head.startswith(_EBML):
        return "matroska"
    if head[4:8] in _BOXES:
        return None if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS else "mov"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if len(head) > 2 * _TS_PACKET and all(head[at] == 0x47 for at in (0, _TS_PACKET, 2 * _TS_PACKET)):
        return "mpegts"
    return None
