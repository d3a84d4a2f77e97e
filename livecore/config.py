"""Every setting: flags over environment (`LIVECORE_…`) over a TOML file over the default written here.

Each field says its unit and its reason; `livecore config` prints them with value and source, and a test
compares them with docs/operations.md. Limits of requests stand in `RATES`, by rule name.
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from livecore.errors import ConfigError

# Where a TOML file is looked for when --config and LIVECORE_CONFIG name none.
DEFAULT_CONFIG = Path("livecore.toml")


def setting(default: Any, unit: str, reason: str, **constraints: Any) -> Any:
    """A field with its unit ("" = none) and the reason for its default, both printed by `livecore config`."""
    return Field(default=default, description=reason, json_schema_extra={"unit": unit}, **constraints)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="LIVECORE_", extra="forbid", frozen=True)

    # -- where it runs
    host: str = setting("127.0.0.1", "", "loopback until an operator opens it: a first start must not serve the neighbourhood")
    port: int = setting(8080, "", "the port that the README names", ge=0, le=65535)
    public_url: str = setting("", "", "what clients are told the server is called; empty = http(s)://host:port")
    data_dir: Path = setting(Path("data"), "", "everything that a single machine keeps lies here")
    database_url: str = setting("", "", "empty = SQLite in the data directory; postgresql://… for many processes", repr=False)
    keys_url: str = setting(
        "", "", "empty = keys.sqlite in the data directory; postgresql://… of another database for many nodes", repr=False
    )
    redis_url: str = setting("", "", "empty = an in-process bus; redis://… when several processes serve one platform", repr=False)
    bus_channels: int = setting(
        0, "channels", "0 = a Redis channel each conversation and account; a number: they share so many, should Redis mind millions", ge=0
    )
    storage_url: str = setting("", "", "empty = files in the data directory; s3://bucket/prefix?endpoint=… for many nodes")
    processes: int = setting(1, "processes", "one main process serves SQLite; more need PostgreSQL and Redis", ge=1, le=64)
    tls: Literal["off", "auto"] | str = setting("off", "", "auto = a local certificate; or CERT.pem:KEY.pem")
    trusted_proxies: int = setting(0, "hops", "how many front servers' X-Forwarded-For entries are believed", ge=0, le=8)
    log_format: Literal["console", "json"] = setting("console", "", "console for people, json for collectors")
    log_level: Literal["debug", "info", "warning", "error"] = setting("info", "", "info tells of starts, stops and refusals")
    native: Literal["auto", "off"] = setting(
        "auto", "", "auto = the C helper of `make setup` where it was built; off = pure Python, to compare or to rule it out"
    )
    metrics_port: int = setting(0, "", "loopback port of /metrics; 0 = /metrics on the main port with metrics_token", ge=0, le=65535)
    metrics_token: str = setting("", "", "bearer token for /metrics on the main port; empty = only from loopback", repr=False)
    drain_s: float = setting(
        10.0, "s", "how long a stop waits for recordings and clients; longer than a GOP, shorter than a patience", ge=0
    )

    # -- media
    media_host: str = setting("", "", "addresses that peers are told, comma-separated; empty = found from the host setting")
    media_port: int = setting(8189, "", "UDP; worker i takes port + i; 0 = any free ports", ge=0, le=65535)
    media_tcp: bool = setting(True, "", "ICE over TCP on the same port numbers, for networks that let no UDP out")
    media_workers: int = setting(0, "processes", "0 = one per core beyond the first, at least one", ge=0, le=256)
    media_start_kbps: int = setting(1500, "kb/s", "what a browser is told to begin with: 720p at once; 0 leaves it to the browser", ge=0)
    media_sessions: int = setting(4000, "sessions", "a worker: about what a core carries of one 1.5 Mb/s live", ge=1)
    media_publications: int = setting(500, "publications", "a worker: their caches take some 2 MB each", ge=1)
    media_consent_s: float = setting(30.0, "s", "RFC 7675: a peer without a valid check for this long is gone", ge=5)
    media_connect_s: float = setting(15.0, "s", "from the answer to the first valid check: a slow phone on a bad network", ge=1)
    media_orphan_s: float = setting(10.0, "s", "a worker without a main process ends after this; a main process restarts in two", ge=1)
    media_pace_factor: float = setting(
        2.5,
        "times the estimate",
        "how fast a viewer on a narrow path is sent a picture: as WebRTC's own sender; less is later",
        ge=1,
        le=100,
    )
    media_late_s: float = setting(
        1.0, "s", "pictures older than this are left out up to the next key frame: a player's buffer reaches no further", ge=0.1, le=30
    )
    media_starved_s: float = setting(
        4.0,
        "s",
        "a path that does not carry the thinnest layer for so long gets sound alone: a stutter is worse than no picture",
        ge=0.2,
        le=60,
    )
    media_retry_s: float = setting(
        8.0, "s", "then the picture is tried again, ever more rarely up to a minute: each try disturbs the sound", ge=0.2, le=300
    )
    media_hopeless_s: float = setting(
        12.0,
        "s",
        "a path that carries neither picture nor half of the sound for so long is told too_slow: a lift is over by then",
        ge=0.2,
        le=600,
    )
    media_counters_s: float = setting(
        5.0, "s", "how old what /metrics shows of workers and recorder may be; it is read each ten or fifteen", ge=0.05
    )
    media_rest_s: float = setting(
        0.002,
        "s",
        "where reports of many viewers come they are taken in together, so seldom; whatever comes is late by that",
        ge=0,
        le=0.02,
    )
    media_resume_s: float = setting(30.0, "s", "a publisher that dropped may come back this long: a lift, a tunnel", ge=0)
    publish_token_s: int = setting(24 * 3600, "s", "a publish token opens sessions for so long; a running one goes on", ge=60)
    watch_token_s: int = setting(3600, "s", "a watch token opens sessions for so long; it stands in players and addresses", ge=60)
    ice_servers: str = setting(
        "", "", "stun:/turn: addresses for clients behind strict networks, comma-separated; none is needed on a public address"
    )
    turn_secret: str = setting("", "", "shared with the TURN server (coturn's static-auth-secret)", repr=False)
    turn_credential_s: int = setting(12 * 3600, "s", "a TURN credential outlives the longest live", ge=300)
    hls: bool = setting(True, "", "lives can be watched by HLS too: rewind, bad networks, rooms beyond what one worker forwards")
    hls_part_s: float = setting(0.2, "s", "three of them are the delay behind the newest; shorter ones mean more requests", ge=0.1, le=1)
    hls_segment_s: float = setting(2.0, "s", "a key frame is asked for at each; more often costs the picture", ge=1, le=8)
    hls_aac: bool = setting(
        False,
        "",
        "a second stream with AAC sound, for players that know no Opus in MP4 (Safari before 17): decoding and coding cost a core 1 % a live",
    )
    hls_window_s: int = setting(1800, "s", "how far back a viewer may go; 1.5 Mb/s takes 340 MB for half an hour", ge=30, le=12 * 3600)
    hls_ended_s: int = setting(300, "s", "an ended live can still be watched to its end by HLS", ge=10, le=6 * 3600)
    hls_waiting: int = setting(5000, "requests", "that wait in one live and process: two a viewer, at twice what a core serves", ge=10)
    hls_cache_bytes: int = setting(
        64 << 20, "bytes", "parts and segments in memory, a process: what a hundred lives show at once", ge=1 << 20
    )
    hls_above_viewers: int = setting(
        1000, "viewers", "newcomers to a larger live are told to watch by HLS: what one core forwards of 1.5 Mb/s", ge=1
    )
    recording_message_s: float = setting(
        0.8,
        "s",
        "packets wait so long for the recorder while nobody plays HLS, since each waking costs it; with a picture, what a kill may lose of 1 s",
        ge=0.1,
        le=0.8,
    )
    recording_max_s: int = setting(12 * 3600, "s", "a longer recording rotates into a next part", ge=1)
    recording_reserve_bytes: int = setting(
        256 << 20, "bytes", "of the disk that recordings leave free: below it they end, and the lives go on", ge=0
    )

    replay_days: int = setting(0, "days", "recordings of lives are deleted after so long, their owners told a week before; 0 = kept", ge=0)

    # -- senders
    smtp_url: str = setting("", "", "smtp://user:password@host:port (smtps:// for TLS); empty = data_dir/outbox.jsonl", repr=False)
    mail_from: str = setting("livecore <no-reply@localhost>", "", "the sender of mails")
    sms_url: str = setting("", "", "an HTTP hook that takes {to, text}; empty = data_dir/outbox.jsonl", repr=False)

    push_services: str = setting(
        "fcm.googleapis.com,*.push.services.mozilla.com,*.notify.windows.com,web.push.apple.com",
        "",
        "hosts of browsers' push services, comma-separated: a client names the address, and no other host may be made to be called",
    )
    push_contact: str = setting("mailto:operator@localhost", "", "RFC 8292: how a push service reaches the operator; mailto: or https:")
    push_every_s: float = setting(20.0, "s", "a device is woken at most this often: a phone in a pocket does not buzz for each line", ge=0)
    push_ttl_s: int = setting(86400, "s", "how long a push service keeps a waking for a device that is off", ge=0)

    # -- accounts
    access_token_s: int = setting(900, "s", "short: a stolen one is of little use", ge=30)
    refresh_token_s: int = setting(30 * 86400, "s", "a person who comes back within a month stays signed in", ge=60)
    devices_per_account: int = setting(5, "devices", "each holds messages until it has them", ge=1, le=50)
    device_idle_s: int = setting(7 * 86400, "s", "a device away for longer starts afresh, so that it holds nobody's messages", ge=3600)
    code_ttl_s: int = setting(600, "s", "time to find one's phone", ge=60)
    code_tries: int = setting(5, "tries", "a six-digit code then gives 1 in 200,000", ge=1, le=10)
    argon2_memory_kib: int = setting(19456, "KiB", "OWASP's first choice for argon2id: 19 MiB, t=2, p=1", ge=19456)
    argon2_parallel: int = setting(
        2, "hashes", "at once, each by a child of the idle class; a storm of sign-ins takes no more cores than these", ge=1, le=64
    )
    unconfirmed_s: int = setting(
        7 * 86400, "s", "an account that never confirmed phone and mail is erased: it may stand on somebody else's address", ge=3600
    )
    erasure_grace_s: int = setting(14 * 86400, "s", "to think again; a person may shorten it to nothing", ge=0)

    # -- trust
    review_reporters: int = setting(
        3,
        "people",
        "who reported somebody lately keep them from meeting strangers until staff look: fewer would hand that to any one",
        ge=2,
    )
    review_window_s: int = setting(7 * 86400, "s", "how long a report counts towards that, should staff not come to it", ge=3600)

    # -- people
    friend_requests_open: int = setting(500, "requests", "that one person has waiting at a time: nobody knows more they could ask", ge=1)
    friend_link_s: int = setting(7 * 86400, "s", "a friend link's longest life: a printed code is read within a week", ge=60)
    match_queue_limit: int = setting(20_000, "people", "that wait to meet somebody; more are told to come back", ge=2)

    # -- messages
    message_ttl_s: int = setting(30 * 86400, "s", "an undelivered body is gone after this", ge=60)
    message_limit_bytes: int = setting(16 * 1024, "bytes", "of a body; longer texts are files", ge=256)
    attachment_upload_limit_bytes: int = setting(1 << 30, "bytes", "of an attachment sent by tus: half an hour of a phone's video", ge=1024)
    attachment_quota_bytes: int = setting(
        4 << 30, "bytes", "of an account's attachments that wait to be fetched, when one more comes by tus", ge=1024
    )
    attachment_limit_bytes: int = setting(16 << 20, "bytes", "of an attachment in one request: half a minute of a phone's video", ge=1024)
    heads_check_s: float = setting(
        5.0, "s", "a bell that was lost with its process is made good after this; one indexed question, whoever is connected", gt=0, le=60
    )
    group_limit: int = setting(1000, "members", "the largest group that one order serves well", ge=2)
    socket_buffer_bytes: int = setting(1 << 20, "bytes", "a client that is further behind is cut off with a reason", ge=65536)
    websocket_deflate: bool = setting(
        False, "", "per-message deflate costs time for each message and memory while it is packed; worth it where traffic is paid for"
    )
    room_join_window_ms: int = setting(
        20, "ms", "in a live's room that says more than one thing within it, these leave in one write; nobody reads faster", ge=0, le=1000
    )
    recover_bytes: int = setting(8 << 20, "bytes", "what clients that ask for Socket.IO's recovery may have missed, all together", ge=0)
    recover_age_s: float = setting(120.0, "s", "a tunnel, a lift; who is away for longer asks with sync", ge=0)
    ping_interval_s: float = setting(25.0, "s", "Engine.IO's usual value, below the idle timeouts of mobile networks", gt=0)
    ping_timeout_s: float = setting(20.0, "s", "Engine.IO's usual value", gt=0)
    live_ring_lines: int = setting(100, "lines", "what one who joins a live reads back", ge=0, le=10_000)

    one_time_keys: int = setting(200, "keys", "a device: a month of new conversations for most people, 10 KB", ge=10, le=10_000)

    call_ring_s: float = setting(45.0, "s", "a call that nobody answers counts as missed: long enough to find one's phone", gt=0)

    # -- content
    job_lease_s: float = setting(30.0, "s", "a job of a process that died begins again after this; two renewals may fail", ge=1)
    body_limit_bytes: int = setting(1 << 20, "bytes", "of a JSON request; uploads have their own path", ge=1024)
    avatar_limit_bytes: int = setting(10 << 20, "bytes", "of a picture as it comes from a phone", ge=1024)
    image_limit_bytes: int = setting(30 << 20, "bytes", "of a picture for posts and messages, as a camera writes it", ge=1024)
    image_limit_pixels: int = setting(50_000_000, "pixels", "the largest phone camera; a bomb has more", ge=1_000_000)
    upload_limit_bytes: int = setting(16 << 30, "bytes", "of one file: some hours of a phone's 4K", ge=1 << 20)
    upload_quota_bytes: int = setting(200 << 30, "bytes", "an account's videos and what it is sending, together", ge=1 << 20)
    upload_idle_s: int = setting(86400, "s", "an upload without a new byte for this long is forgotten: a night without network", ge=60)
    uploads_open: int = setting(100, "uploads", "an account's at one time; one file sent in parallel is some ten", ge=1)
    uploads_at_once: int = setting(64, "requests", "a process reads at a time; on a remote store each holds 8 MiB", ge=1)
    storage_reserve_bytes: int = setting(1 << 30, "bytes", "of the disk that uploads leave free: the database lives there too", ge=0)
    video_ladder: Literal["needed", "always"] = setting(
        "needed", "", "needed = HLS renditions only of what browsers cannot play as it came; always = of every upload"
    )
    video_limit_s: int = setting(12 * 3600, "s", "a longer file is refused: its renditions would take a machine for days", ge=10)
    transcodes: int = setting(1, "processes", "at once, a main process: the cores belong to those who are live", ge=1, le=64)
    transcode_nice: int = setting(
        19, "", "priority of what works on files; 19 = whatever nobody else wants, of the idle class", ge=0, le=19
    )
    transcode_cpu_s: int = setting(6 * 3600, "s", "of a processor for one rendition of one video; more is a bomb", ge=60)
    send_files: Literal["self", "x-accel", "redirect"] = setting(
        "self", "", "who carries the bytes: livecore; nginx by X-Accel-Redirect (files); the store by a signed redirect (S3)"
    )
    accel_prefix: str = setting("/_objects/", "", "nginx's internal location of the objects directory, for send_files x-accel")
    media_link_s: int = setting(
        12 * 3600, "s", "of a signed link; half of it at the least: it outlives the longest sitting, not the day", ge=60
    )
    media_cache_s: int = setting(
        0,
        "s",
        "browsers show media again without asking; 0 = they ask, since a takedown, a block or a setting must hold within a second",
        ge=0,
    )

    # -- policies, claims and safety
    copyright_agent: str = setting(
        "Copyright agent|Street 1, City|copyright@localhost|+1 202 555 0100", "", "name|address|email|phone, as 17 USC 512(c)(2) asks"
    )
    operator_name: str = setting("the operator of this server", "", "who stands in the policies")
    telemetry_usage_days: int = setting(90, "days", "a quarter: what a comparison of two releases needs", ge=1, le=400)
    telemetry_report_days: int = setting(30, "days", "reports of crashes, faults and speed: until the release after the next", ge=1, le=400)
    telemetry_log_days: int = setting(14, "days", "lines of clients' logs are for what happens now", ge=1, le=400)
    experiments: str = setting("", "", "name:variant=weight,variant=weight;…: who sees which variant of what is being tried")
    export_link_s: int = setting(86400, "s", "an export's link ends after a day", ge=60)
    rate_scale: float = setting(1.0, "×", "multiplies every rate in RATES; load tests raise it", gt=0)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlSource(settings_cls)

    @property
    def run_dir(self) -> Path:
        """Unix sockets of this server's processes; short, since a socket's path ends at 107 bytes."""
        return self.data_dir / "run"

    def media_socket(self, index: int) -> Path:
        return self.run_dir / f"media-{index}.sock"

    @property
    def recorder_socket(self) -> Path:
        return self.run_dir / "recorder.sock"

    @property
    def recordings_dir(self) -> Path:
        return self.data_dir / "recordings"

    @property
    def hls_dir(self) -> Path:
        return self.data_dir / "hls"

    def worker_count(self) -> int:
        return self.media_workers or max(1, (os.cpu_count() or 2) - 1)


class TomlSource(PydanticBaseSettingsSource):
    """The TOML file named by LIVECORE_CONFIG, or livecore.toml in the working directory if it is there."""

    def path(self) -> Path | None:
        named = os.environ.get("LIVECORE_CONFIG")
        if named:
            return Path(named)
        return DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        path = self.path()
        if path is None:
            return {}
        try:
            return tomllib.loads(path.read_text())
        except OSError as exc:
            raise ConfigError(f"{path}: {exc.strerror}") from exc
        except tomllib.TOMLDecodeError as exc:
            raise ConfigError(f"{path}: {exc}") from exc


def load(**flags: Any) -> Settings:
    """Settings from all sources; flags that are None count as not given. Raises ConfigError naming each setting."""
    try:
        settings = Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as exc:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()]
        raise ConfigError("; ".join(lines)) from exc
    if settings.processes > 1 and not (settings.database_url.startswith("postgresql") and settings.redis_url):
        raise ConfigError("processes: more than one needs a PostgreSQL database_url and a redis_url")
    return settings


def source_of(settings: Settings, name: str, flags: dict[str, Any]) -> str:
    if flags.get(name) is not None:
        return "flag"
    if f"LIVECORE_{name.upper()}" in os.environ:
        return "environment"
    return "file" if name in TomlSource(type(settings))() else "default"


@dataclass(frozen=True)
class Rate:
    """`count` in `window_s` seconds, a moving window. `reason` is the attack or the mistake that it stops."""

    count: int
    window_s: int
    reason: str


RATES: dict[str, Rate] = {
    "sign_up_per_address": Rate(60, 3600, "accounts made by a script; a school or a hotel behind one address still signs up"),
    "sign_in_per_address": Rate(100, 900, "password lists tried from one place"),
    "sign_in_per_login": Rate(20, 900, "one account's password guessed from many places"),
    "code_send_per_target": Rate(5, 3600, "text messages and mails sent to annoy somebody, at our cost"),
    "code_try_per_account": Rate(30, 3600, "codes guessed across resends"),
    "reach_change_per_account": Rate(
        10,
        86400,
        "number ranges tried as one's own for who has an account, and messages to strangers at our cost; people change one in years",
    ),
    "refresh_per_address": Rate(600, 900, "token guessing"),
    "password_per_account": Rate(10, 3600, "the present password guessed from a stolen session"),
    "friend_request_per_account": Rate(200, 86400, "friend spam"),
    "contacts_new_per_account": Rate(20_000, 10 * 86400, "number ranges tried for who has an account; an address book is smaller"),
    "contacts_new_per_device": Rate(20_000, 10 * 86400, "the same with one account after the other on one device"),
    "contacts_new_per_address": Rate(20_000, 10 * 86400, "the same with many accounts from one place"),
    "contacts_delta_per_account": Rate(20_000, 86400, "number ranges tried in small steps that each look like a changed address book"),
    "contacts_delta_per_device": Rate(20_000, 86400, "the same with one account after the other on one device"),
    "contacts_delta_per_address": Rate(20_000, 86400, "the same with many accounts from one place"),
    "contact_sync_per_account": Rate(60, 3600, "number ranges tried in small steps"),
    "search_per_account": Rate(300, 600, "harvesting of people"),
    "message_per_account": Rate(600, 60, "floods"),
    "message_per_address": Rate(6000, 60, "floods by many accounts from one place; a school behind one address still talks"),
    "attachment_per_account": Rate(300, 3600, "the store filled with what nobody fetches"),
    "message_per_pair": Rate(120, 60, "one person harassed"),
    "key_claim_per_account": Rate(600, 3600, "one-time keys taken until none are left"),
    "key_claim_per_pair": Rate(20, 3600, "one person's one-time keys taken until none are left"),
    "call_per_account": Rate(120, 3600, "people rung up by a script"),
    "call_per_pair": Rate(20, 3600, "one person rung again and again"),
    "live_line_per_account": Rate(60, 60, "a live's chat drowned"),
    "live_reaction_per_account": Rate(600, 60, "counts driven up by a script; ten taps a second are a thumb"),
    "live_start_per_account": Rate(30, 3600, "notification spam"),
    "join_per_account": Rate(240, 60, "media sessions opened to exhaust a worker"),
    "upload_per_account": Rate(200, 86400, "storage filled"),
    "upload_part_per_account": Rate(6000, 600, "an upload sent byte by byte: each part costs a disk flush"),
    "write_per_account": Rate(600, 60, "any other change"),
    "read_per_account": Rate(6000, 60, "scraping"),
    "anonymous_per_address": Rate(1200, 60, "open pages fetched in a loop"),
    "claim_per_address": Rate(10, 86400, "takedown notices as a weapon"),
    "report_per_account": Rate(50, 86400, "reports as a weapon"),
    "export_per_account": Rate(10, 86400, "work for nothing"),
    "match_per_account": Rate(60, 600, "a new stranger every ten seconds is no meeting"),
    "telemetry_per_account": Rate(120, 600, "reports in a loop; a client batches"),
    "diagnostic_per_address": Rate(60, 600, "reports without an account, to fill the tables"),
    "comment_per_account": Rate(60, 600, "a thread drowned"),
    "post_per_account": Rate(120, 3600, "a feed drowned"),
    "content_search_per_account": Rate(120, 60, "full-text queries run to keep a core busy"),
    "view_per_account": Rate(600, 60, "view counts inflated"),
}
