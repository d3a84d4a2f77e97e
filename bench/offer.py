"""Offers of a peer without codecs: what it publishes, or what it would watch (RFC 8829, RFC 8853, RFC 8843)."""

from dataclasses import dataclass

from livecore.media.ice import Credentials

CODECS: dict[str, tuple[int, str, str]] = {
    "vp8": (96, "VP8/90000", ""),
    "h264": (102, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    "vp9": (98, "VP9/90000", "profile-id=0"),
    "av1": (45, "AV1/90000", ""),
}
OPUS = 111
TWCC_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
RRID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
DEPENDENCY_URI = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
MID_ID, RID_ID, RRID_ID, TWCC_ID, LEVEL_ID, DEPENDENCY_ID = 4, 10, 11, 3, 1, 12


@dataclass
class Offerer:
    """What is a peer's own in its offers. `ssrcs`: kind → the one it sends with; `rtx_ssrc`: of its repaired pictures."""

    credentials: Credentials
    fingerprint: str
    ssrcs: dict[str, int]
    rtx_ssrc: int

    def _head(self, mids: list[str], *, mixed: bool = True) -> list[str]:
        return [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            f"a=group:BUNDLE {' '.join(mids)}",
            *(["a=extmap-allow-mixed"] if mixed else []),
            f"a=ice-ufrag:{self.credentials.ufrag}",
            f"a=ice-pwd:{self.credentials.password}",
            f"a=fingerprint:sha-256 {self.fingerprint}",
            "a=setup:actpass",
        ]

    def _audio(self, direction: str) -> list[str]:
        lines = [
            f"m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}",
            "c=IN IP4 0.0.0.0",
            "a=mid:0",
            f"a={direction}",
            "a=rtcp-mux",
            f"a=extmap:{MID_ID} {MID_URI}",
            f"a=extmap:{TWCC_ID} {TWCC_URI}",
            f"a=extmap:{LEVEL_ID} {LEVEL_URI}",
            f"a=rtpmap:{OPUS} opus/48000/2",
            f"a=rtcp-fb:{OPUS} transport-cc",
            f"a=fmtp:{OPUS} minptime=10;useinbandfec=1",
        ]
        if direction == "sendonly":
            lines.append(f"a=ssrc:{self.ssrcs['audio']} cname:peer")
        return lines

    def _video(self, direction: str, codecs: list[str], rids: list[str], rtx: bool, arrivals: bool = True) -> list[str]:
        types = [str(n) for codec in codecs for n in ((CODECS[codec][0], CODECS[codec][0] + 1) if rtx else (CODECS[codec][0],))]
        lines = [
            f"m=video 9 UDP/TLS/RTP/SAVPF {' '.join(types)}",
            "c=IN IP4 0.0.0.0",
            "a=mid:1",
            f"a={direction}",
            "a=rtcp-mux",
            "a=rtcp-rsize",
            f"a=extmap:{MID_ID} {MID_URI}",
            f"a=extmap:{TWCC_ID} {TWCC_URI}",
            f"a=extmap:{RID_ID} {RID_URI}",
            f"a=extmap:{RRID_ID} {RRID_URI}",
        ]
        if "av1" in codecs:
            lines.append(f"a=extmap:{DEPENDENCY_ID} {DEPENDENCY_URI}")
        for codec in codecs:
            number, mapping, parameters = CODECS[codec]
            lines.append(f"a=rtpmap:{number} {mapping}")
            feedback = ("goog-remb", *(("transport-cc",) if arrivals else ()), "ccm fir", "nack", "nack pli")
            lines += [f"a=rtcp-fb:{number} {f}" for f in feedback]
            if parameters:
                lines.append(f"a=fmtp:{number} {parameters}")
            if rtx:
                lines += [f"a=rtpmap:{number + 1} rtx/90000", f"a=fmtp:{number + 1} apt={number}"]
        if rids:
            lines += [f"a=rid:{rid} send" for rid in rids] + ["a=simulcast:send " + ";".join(rids)]
        elif direction == "sendonly":
            media = self.ssrcs["video"]
            lines += [f"a=ssrc-group:FID {media} {self.rtx_ssrc}", f"a=ssrc:{media} cname:peer", f"a=ssrc:{self.rtx_ssrc} cname:peer"]
        return lines

    def to_publish(self, codec: str = "vp8", *, rids: list[str] | None = None, audio: bool = True) -> str:
        sections = (self._audio("sendonly") if audio else []) + self._video("sendonly", [codec], rids or [], True)
        return "\r\n".join([*self._head(["0", "1"] if audio else ["1"]), *sections]) + "\r\n"

    def to_watch(self, codecs: list[str] | None = None, *, rtx: bool = True, mixed: bool = True, arrivals: bool = True) -> str:
        """`mixed`: whether extensions may be longer than 16 bytes, as the dependency descriptor of a key frame is.
        `arrivals`: whether transport-wide feedback is offered."""
        sections = self._audio("recvonly") + self._video("recvonly", codecs or list(CODECS), [], rtx, arrivals)
        return "\r\n".join([*self._head(["0", "1"], mixed=mixed), *sections]) + "\r\n"
