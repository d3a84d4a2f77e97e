"""What each process of a livecore is: the main process speaks HTTP, media workers forward, the recorder writes.

The supervisor hands settings over in the environment, so that a child sees exactly what its parent resolved. Each process
imports only what it needs: a media worker starts in a third of the time, and with half the memory, of all that the main process knows.
"""

import argparse
import ctypes
import gc
import os
import signal
import socket
import sys

from livecore import cores
from livecore.config import Settings
from livecore.platform import logs
from livecore.platform.addresses import local_addresses

# A main process that cannot bind its port or read its certificate will not be able to in a moment either.
EXIT_CANNOT_SERVE = 3
SETTINGS_VARIABLE = "LIVECORE_RESOLVED_SETTINGS"
_PR_SET_PDEATHSIG = 1


def settings_from_parent() -> Settings:
    return Settings.model_validate_json(os.environ[SETTINGS_VARIABLE])


def end_with_parent() -> None:
    """Have the kernel send SIGTERM when the supervisor is gone (Linux), so that nobody serves unsupervised."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def advertised_hosts(settings: Settings) -> tuple[str, ...]:
    """Addresses that peers are told: as set, or loopback alone when only loopback is served, else this machine's."""
    if settings.media_host:
        return tuple(host.strip() for host in settings.media_host.split(",") if host.strip())
    if settings.host in ("127.0.0.1", "localhost", "::1"):
        return ("127.0.0.1",)
    if settings.host in ("0.0.0.0", "::", ""):
        return tuple(local_addresses())
    return (settings.host,)


def media_bind_host(settings: Settings) -> str:
    """Where the media sockets are bound: both families with one socket, where an IPv6 address is told to peers."""
    hosts = advertised_hosts(settings)
    if hosts == ("127.0.0.1",):
        return "127.0.0.1"
    return "::" if any(":" in host for host in hosts) and socket.has_ipv6 else "0.0.0.0"


def run_main(settings: Settings, index: int, ready_fd: int | None) -> int:
    # Nothing that an import makes is ever garbage: looking for some costs a sixth of the start.
    gc.disable()
    from livecore import main_process

    gc.enable()
    return main_process.run(settings, index, ready_fd)


def run_media(settings: Settings, index: int) -> int:
    from livecore.media.segment_sink import SegmentSettings
    from livecore.media.worker import WorkerSettings, run

    logs.configure(settings)
    if mine := cores.for_media(settings.worker_count()):
        os.sched_setaffinity(0, mine)
    return run(
        WorkerSettings(
            index=index,
            socket_path=settings.media_socket(index),
            udp_host=media_bind_host(settings),
            udp_port=settings.media_port + index if settings.media_port else 0,
            tcp_port=(settings.media_port + index if settings.media_port else 0) if settings.media_tcp else None,
            advertised_hosts=advertised_hosts(settings),
            recorder_socket=settings.recorder_socket,
            segments=SegmentSettings(settings.hls_part_s, settings.hls_segment_s),
            recording_message_s=settings.recording_message_s,
            log_format=settings.log_format,
            native=settings.native,
            resume_s=settings.media_resume_s,
            start_bitrate_kbps=settings.media_start_kbps,
            session_limit=settings.media_sessions,
            publication_limit=settings.media_publications,
            consent_s=settings.media_consent_s,
            connect_s=settings.media_connect_s,
            orphan_s=settings.media_orphan_s,
            pace_factor=settings.media_pace_factor,
            late_s=settings.media_late_s,
            rest_s=settings.media_rest_s,
            starved_s=settings.media_starved_s,
            retry_s=settings.media_retry_s,
            hopeless_s=settings.media_hopeless_s,
            counters_s=settings.media_counters_s,
        )
    )


def run_recorder(settings: Settings) -> int:
    from livecore.media.recorder import run
    from livecore.media.recorder_settings import RecorderSettings
    from livecore.media.segment_sink import SegmentSettings

    logs.configure(settings)
    return run(
        RecorderSettings(
            socket_path=settings.recorder_socket,
            directory=settings.recordings_dir,
            log_format=settings.log_format,
            message_s=settings.recording_message_s,
            part_limit_s=settings.recording_max_s,
            reserve_bytes=settings.recording_reserve_bytes,
            segments_directory=settings.hls_dir if settings.hls else None,
            segments=SegmentSettings(settings.hls_part_s, settings.hls_segment_s, settings.hls_aac),
            window_s=settings.hls_window_s,
            keep_ended_s=settings.hls_ended_s,
        )
    )


def run_child(arguments: list[str]) -> int:
    """`python -m livecore process ROLE …`, as the supervisor starts it: the process's exit status."""
    parser = argparse.ArgumentParser(prog="livecore process")
    parser.add_argument("role", choices=("main", "media", "recorder"))
    parser.add_argument("--index", type=int, default=0)
    parser.add_argument("--ready-fd", type=int, default=None)
    chosen = parser.parse_args(arguments)
    settings = settings_from_parent()
    if chosen.role == "media":
        return run_media(settings, chosen.index)
    if chosen.role == "recorder":
        return run_recorder(settings)
    end_with_parent()
    return run_main(settings, chosen.index, chosen.ready_fd)
