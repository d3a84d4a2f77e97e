"""Every reason for which the media plane lets a packet go, by name: each is a counter in `/metrics` and in `stats`."""

from collections import Counter
from enum import StrEnum


class Drop(StrEnum):
    """Why a datagram, a packet, a report or a request was not acted on."""

    # The socket
    EMPTY = "empty_datagram"
    OVERSIZED = "oversized_datagram"
    FIRST_BYTE = "unknown_first_byte"
    UNKNOWN_ADDRESS = "unknown_address"
    SEND_BUFFER_FULL = "send_buffer_full"
    SEND_FAILED = "send_failed"
    TOO_MANY_CONNECTIONS = "too_many_tcp_connections"
    # STUN and ICE
    STUN_MALFORMED = "stun_malformed"
    STUN_NOT_REQUEST = "stun_not_a_binding_request"
    STUN_UNKNOWN_USER = "stun_unknown_username"
    STUN_INTEGRITY = "stun_wrong_password"
    ADDRESS_TAKEN = "stun_address_of_another_peer"
    # SRTP
    NO_KEYS = "before_dtls"
    SRTP_AUTH = "srtp_authentication"
    SRTP_REPLAY = "srtp_replay"
    SRTP_OTHER = "srtp_other"
    PROTECT_FAILED = "srtp_protect_failed"
    # RTP from a publisher
    RTP_SHORT = "rtp_short"
    RTP_VERSION = "rtp_version"
    RTP_EXTENSION = "rtp_extension_past_end"
    RTP_PADDING = "rtp_padding_past_start"
    UNKNOWN_SSRC = "unknown_ssrc"
    UNKNOWN_RID = "unknown_rid"
    UNKNOWN_PAYLOAD_TYPE = "unknown_payload_type"
    TOO_MANY_SSRCS = "too_many_ssrcs"
    RTX_PADDING = "rtx_padding"
    DUPLICATE = "duplicate"
    TOO_LATE = "too_late"
    NOT_A_PUBLISHER = "media_from_viewer"
    # RTCP
    RTCP_MALFORMED = "rtcp_malformed"
    RTCP_UNKNOWN_SSRC = "rtcp_unknown_ssrc"
    # Towards a viewer
    AWAITING_KEY_FRAME = "awaiting_key_frame"
    BEFORE_SWITCH = "before_switch"
    LATE = "late"
    NACK_TOO_SOON = "nack_too_soon"
    NACK_TOO_OFTEN = "nack_too_often"
    NACK_BEFORE_SWITCH = "nack_before_switch"
    NACK_NOT_CACHED = "nack_not_cached"
    NACK_OVER_BUDGET = "nack_over_budget"
    # Towards the recorder
    RECORDER_BEHIND = "recorder_behind"


Counters = Counter[str]
