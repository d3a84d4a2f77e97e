"""Which sections, codecs and extensions an answer takes from an offer: the rules, apart from the text (`sdp`)."""

from collections.abc import Mapping, Sequence

from livecore.media.codecs import AUDIO, VIDEO
from livecore.media.extensions import FROM_PUBLISHER, TO_VIEWER, Extension
from livecore.media.sdp import AnswerSection, Codec, Offer, SdpError, Section

_PUBLISHER_FEEDBACK = {
    "video": ("nack", "nack pli", "ccm fir", "transport-cc"),
    "audio": ("nack", "transport-cc"),
}
# Constrained Baseline, which every browser and phone encodes and decodes.
_H264_PROFILES = ("42e0", "4200", "42c0", "4d00", "640c", "6400")


class NoCommonCodec(SdpError):
    """The offer and what there is to send (or what livecore forwards) share no codec."""


def setup_role(offer: Offer) -> str:
    """Our `setup` value. The peer that may be either starts the handshake: it knows first that ICE is done."""
    return "active" if offer.setup == "passive" else "passive"


def _h264_rank(codec: Codec) -> tuple[int, int]:
    _, mode, profile = codec.format()
    rank = _H264_PROFILES.index(profile) if profile in _H264_PROFILES else len(_H264_PROFILES)
    return (0 if mode == "1" else 1, rank)


def choose_codec(section: Section, prefer: str, required: tuple[str, ...] | None = None) -> Codec | None:
    """The best codec of an offered section that livecore forwards; with `required`, only that format."""
    known = VIDEO if section.kind == "video" else AUDIO
    usable = [codec for codec in section.codecs.values() if codec.name in known]
    if required is not None:
        exact = [codec for codec in usable if codec.format() == required]
        if not exact and required[0] == "h264":
            # Decoders take other profiles of the same packetisation than they announce first; the offer lists one of them.
            exact = sorted((c for c in usable if c.name == "h264" and c.format()[1] == required[1]), key=_h264_rank)
        return exact[0] if exact else None
    order = [prefer, *(name for name in known if name != prefer)]
    for name in order:
        of_name = [codec for codec in usable if codec.name == name]
        if name == "h264":
            of_name = [codec for codec in sorted(of_name, key=_h264_rank) if codec.format()[1] == "1"] or of_name
        if name in ("vp9", "av1"):
            of_name = [codec for codec in of_name if codec.format()[1] == "0"] or of_name
        if of_name:
            return of_name[0]
    return None


def answer_publisher(
    offer: Offer, prefer: str, start_bitrate_kbps: int, resumed: Mapping[str, tuple[str, ...]] | None = None
) -> list[AnswerSection]:
    """One audio and one video section to receive; the rest is refused.

    Args:
        prefer: the codec that the live asks for.
        start_bitrate_kbps: told to Chrome, which else climbs from 300 kb/s for twelve seconds; 0 leaves it out.
        resumed: kind → format of the publication that this offer continues; viewers already decode it.

    Raises:
        NoCommonCodec: nothing of the offer can be forwarded.
    """
    answers: list[AnswerSection] = []
    taken: set[str] = set()
    for section in offer.sections:
        answer = AnswerSection(section)
        answers.append(answer)
        if section.kind not in ("audio", "video") or section.kind in taken:
            continue
        if section.direction not in ("sendonly", "sendrecv") or (not section.port and section.mid == ""):
            continue
        codec = None
        if resumed is not None:
            if section.kind not in resumed:
                continue
            codec = choose_codec(section, prefer, resumed[section.kind])
        if codec is None:
            codec = choose_codec(section, prefer)
        if codec is None:
            continue
        taken.add(section.kind)
        answer.codec, answer.direction = codec, "recvonly"
        wanted = FROM_PUBLISHER[section.kind]
        answer.extensions = {e: section.extensions[e] for e in wanted if e in section.extensions}
        offered = set(codec.feedback) | ({"nack"} if section.kind == "audio" else set())
        answer.feedback = [f for f in _PUBLISHER_FEEDBACK[section.kind] if f in offered]
        answer.rids = section.rids if section.kind == "video" else []
        answer.fmtp = codec.fmtp
        if section.kind == "video" and start_bitrate_kbps:
            answer.fmtp = ";".join(filter(None, (codec.fmtp, f"x-google-start-bitrate={start_bitrate_kbps}")))
    if not taken:
        raise NoCommonCodec("the offer sends nothing that can be forwarded")
    return answers


def answer_viewer(
    offer: Offer, formats: Mapping[str, tuple[str, ...]], stream: str, ssrcs: Sequence[int], layered: bool
) -> list[AnswerSection]:
    """One section to send for each kind that is published and asked for.

    Args:
        formats: kind → format of what is published.
        stream: the name of the stream in `msid` and `cname`.
        ssrcs: four numbers of our choice: audio, video, and RTX of each.
        layered: there are layers to choose from, or may be soon, so the viewer's transport-wide feedback is worth its cost.

    Raises:
        NoCommonCodec: the viewer decodes nothing of what is published.
    """
    answers: list[AnswerSection] = []
    taken: set[str] = set()
    for section in offer.sections:
        answer = AnswerSection(section)
        answers.append(answer)
        if section.kind not in formats or section.kind in taken or section.direction not in ("recvonly", "sendrecv"):
            continue
        codec = choose_codec(section, formats[section.kind][0], formats[section.kind])
        if codec is None:
            continue
        taken.add(section.kind)
        audio = section.kind == "audio"
        answer.codec, answer.direction, answer.stream, answer.fmtp = codec, "sendonly", stream, codec.fmtp
        answer.ssrc = ssrcs[0 if audio else 1]
        answer.rtx_ssrc = ssrcs[2 if audio else 3] if codec.rtx is not None else 0
        if audio:
            # Not in Chrome's offer, and yet what makes it ask: 5 % loss then conceals a twentieth of the samples.
            wanted: list[str] = ["nack"]
        else:
            feedback = ["nack", "nack pli", "ccm fir", "goog-remb"]
            if layered and answer.rtx_ssrc:
                feedback.append("transport-cc")
            wanted = [f for f in feedback if f in codec.feedback]
        answer.feedback = wanted
        usable = set(TO_VIEWER[section.kind])
        if "transport-cc" not in wanted:
            usable.discard(Extension.TRANSPORT_SEQUENCE)
        if codec.name != "av1" or not offer.extmap_mixed:  # a key frame's descriptor is longer than the one-byte form holds
            usable.discard(Extension.DEPENDENCY)
        answer.extensions = {e: section.extensions[e] for e in TO_VIEWER[section.kind] if e in section.extensions and e in usable}
    if not taken or ("video" in formats and "video" not in taken and any(s.kind == "video" for s in offer.sections)):
        raise NoCommonCodec("the offer decodes nothing of what is published")
    return answers
