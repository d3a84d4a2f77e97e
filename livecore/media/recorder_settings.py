"""How the recorder process runs."""

from dataclasses import dataclass, field
from pathlib import Path

from livecore.media.segment_sink import SegmentSettings
from livecore.media.settings import MESSAGE_S

# A main process whose database was away for a moment could not take a file: it is told again.
RETELL_INTERVAL_S = 30.0


@dataclass(frozen=True)
class RecorderSettings:
    """How the process runs.

    Attributes:
        socket_path: where it listens.
        directory: where files are written; only this process writes there.
        log_format: "console" or "json", for the logs that the composition sets up.
        reorder_wait_s: how long a missing packet is waited for: three round trips of a bad mobile network.
        message_s: how long media workers hold packets back at most; what is missing may wait there.
        resume_s: how long a recording stays open after its worker went away.
        idle_exit_s: with no connection for so long, the process finishes its files and ends.
        retell_s: a finished file that nobody took is told again this often.
        reserve_bytes: recordings end when the disk has less than this free, so that the rest of the platform lives on.
        part_limit_s: a longer recording rotates into a next part.
        segments_directory: where segments for HLS are written; None: there is no HLS.
        segments: how they are cut.
        window_s: how far back a viewer of HLS may go.
        keep_ended_s: how long an ended stream can still be watched.
        unplayed_s: a stream for whose playlist nobody asked for so long is made from longer messages; None: as `hls_demand` says.
    """

    socket_path: Path
    directory: Path
    log_format: str = "console"
    reorder_wait_s: float = 0.5
    message_s: float = MESSAGE_S
    resume_s: float = 30.0
    idle_exit_s: float = 10.0
    retell_s: float = RETELL_INTERVAL_S
    reserve_bytes: int = 256 << 20
    part_limit_s: float = 12 * 3600.0
    segments_directory: Path | None = None
    segments: SegmentSettings = field(default_factory=SegmentSettings)
    window_s: float = 1800.0
    keep_ended_s: float = 300.0
    unplayed_s: float | None = None
