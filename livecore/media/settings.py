"""What a media worker is told at its start; each limit with its unit and reason."""

from dataclasses import dataclass, field
from pathlib import Path

from livecore.media.segment_sink import SegmentSettings

# Packets wait so long on the way to the recorder while no part has to leave at once (`tap`): with a picture, what a kill may cost of a second.
MESSAGE_S = 0.8


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """`advertised_hosts`: the addresses that peers are told (none: the bound one). `udp_port` 0: any free one."""

    index: int
    socket_path: Path
    udp_host: str = "0.0.0.0"
    udp_port: int = 0
    # ICE over TCP, for networks without UDP: 0 takes the UDP port's number or any free one, None leaves it out.
    tcp_port: int | None = None
    advertised_hosts: tuple[str, ...] = ()
    recorder_socket: Path | None = None  # None: nothing is recorded
    segments: SegmentSettings = field(default_factory=SegmentSettings)  # as the recorder cuts them
    recording_message_s: float = MESSAGE_S
    log_format: str = "json"
    native: str = "auto"  # or "off": pure Python
    # A browser whose network changed needs up to ten seconds to notice, and some to sign in again.
    resume_s: float = 30.0
    # The main process restarts in a second or two; without one, nobody may join, and recordings must end.
    orphan_s: float = 10.0
    # RFC 7675: thirty seconds without a check.
    consent_s: float = 30.0
    connect_s: float = 15.0
    # Chrome begins at 300 kb/s and 320x180 else; 0 leaves it to the browser.
    start_bitrate_kbps: int = 1500
    # One core carries about this many viewers of one 1.5 Mb/s publication.
    session_limit: int = 4000
    publication_limit: int = 500
    # Packets times viewers forwarded between two looks at timers and the control socket: about ten milliseconds.
    backlog_limit: int = 2000
    # As WebRTC's own sender: a key frame of half a second's media takes a fifth, and the queue of a home's link holds the rest.
    pace_factor: float = 2.5
    # A player's buffer does not reach further, and a key frame is cheaper than being a second behind for good.
    late_s: float = 1.0
    # A passing dip is over by then; a picture that stutters for longer is worse than none beside clean sound.
    starved_s: float = 4.0
    # A try floods a path that carries nothing but sound: seldom enough that this stays clean, soon enough for who left a lift. Doubled by each try in vain.
    retry_s: float = 8.0
    # A path that carries neither picture nor half of the sound: a lift or a tunnel is over by then, and the viewer should be told.
    hopeless_s: float = 12.0
    # Metrics are read every ten or fifteen seconds.
    counters_s: float = 5.0
    # Feedback of hundreds of viewers is taken in together: what else comes is late by so much at most, less than a packet's way home.
    rest_s: float = 0.002
