"""RTP header extensions (RFC 8285): which ones livecore knows, and what each is for."""

from enum import IntEnum


class Extension(IntEnum):
    """A header extension that livecore reads, makes or passes on."""

    MID = 1
    RID = 2
    REPAIRED_RID = 3
    TRANSPORT_SEQUENCE = 4
    AUDIO_LEVEL = 5
    ORIENTATION = 6
    CAPTURE_TIME = 7
    DEPENDENCY = 8


URIS: dict[Extension, str] = {
    Extension.MID: "urn:ietf:params:rtp-hdrext:sdes:mid",
    Extension.RID: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    Extension.REPAIRED_RID: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    Extension.TRANSPORT_SEQUENCE: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    Extension.AUDIO_LEVEL: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    Extension.ORIENTATION: "urn:3gpp:video-orientation",
    Extension.CAPTURE_TIME: "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
    Extension.DEPENDENCY: "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
}
BY_URI = {uri: extension for extension, uri in URIS.items()}

# What a publisher is asked for, and what a viewer is given (by media kind).
FROM_PUBLISHER: dict[str, tuple[Extension, ...]] = {
    "audio": (Extension.MID, Extension.TRANSPORT_SEQUENCE, Extension.AUDIO_LEVEL, Extension.CAPTURE_TIME),
    "video": (
        Extension.MID,
        Extension.RID,
        Extension.REPAIRED_RID,
        Extension.TRANSPORT_SEQUENCE,
        Extension.ORIENTATION,
        Extension.CAPTURE_TIME,
        Extension.DEPENDENCY,
    ),
}
TO_VIEWER: dict[str, tuple[Extension, ...]] = {
    "audio": (Extension.MID, Extension.AUDIO_LEVEL, Extension.CAPTURE_TIME),
    "video": (Extension.MID, Extension.TRANSPORT_SEQUENCE, Extension.ORIENTATION, Extension.CAPTURE_TIME, Extension.DEPENDENCY),
}
# Copied from a publisher's packet to a viewer's, byte for byte, under the viewer's own id.
PASSED_ON = frozenset({Extension.AUDIO_LEVEL, Extension.ORIENTATION, Extension.CAPTURE_TIME})
