"""Every control that a person has over the service, in one table: its JSON schema, its default, its words.

`GET /api/v1/me/settings` lists them; nothing else in the service asks a person for a preference.
"""

from dataclasses import dataclass
from typing import Any

from livecore.ports import AUDIENCES

_AUDIENCE = {"type": "string", "enum": list(AUDIENCES)}
_SWITCH = {"type": "boolean"}


@dataclass(frozen=True)
class Control:
    """`group` is where a client shows it; `schema` is JSON Schema 2020-12 of the value."""

    key: str
    group: str
    title: str
    schema: dict[str, Any]
    default: Any

    def admits(self, value: Any) -> bool:
        if self.schema is _SWITCH:
            return isinstance(value, bool)
        return isinstance(value, str) and value in AUDIENCES


def _audience(key: str, group: str, title: str, default: str) -> Control:
    return Control(key, group, title, _AUDIENCE, default)


def _switch(key: str, group: str, title: str, default: bool) -> Control:
    return Control(key, group, title, _SWITCH, default)


CONTROLS: dict[str, Control] = {
    control.key: control
    for control in (
        # The policy says that these "may be available to anyone who uses our Services" unless one configures otherwise.
        _audience("visibility_phone", "visibility", "Who sees my phone number", "everyone"),
        _audience("visibility_name", "visibility", "Who sees my name", "everyone"),
        _audience("visibility_photo", "visibility", "Who sees my picture", "everyone"),
        _audience("visibility_status", "visibility", "Who sees my status message", "everyone"),
        # Not named there, so closer.
        _audience("visibility_birthday", "visibility", "Who sees my birthday", "nobody"),
        _audience("visibility_last_seen", "visibility", "Who sees when I was here", "friends"),
        _audience("visibility_friends", "visibility", "Who sees my list of friends", "friends"),
        _audience("who_can_message", "reach", "Who may write to me", "friends"),
        _audience("who_can_call", "reach", "Who may call me", "friends"),
        _audience("who_can_request", "reach", "Who may ask to be my friend", "everyone"),
        _audience("who_can_add_to_groups", "reach", "Who may add me to groups", "friends"),
        _audience("who_can_invite", "reach", "Who may invite me to a live", "friends"),
        _audience("who_can_comment", "reach", "Who may comment on my videos and posts", "everyone"),
        _audience("who_can_mention", "reach", "Who may mention me so that I am told", "everyone"),
        _audience("discoverable_by_phone", "reach", "Who finds me by my phone number", "everyone"),
        _audience("discoverable_by_name", "reach", "Who finds me by name and in suggestions", "everyone"),
        _switch("read_receipts", "reach", "Tell others what I have read", True),
        _switch("personalised", "data", "Choose my feed by what I watch", True),
        _switch("restrict", "data", "Limit the use of my data to what the service needs", False),
        _switch("usage_data", "data", "Report how I use the service and how fast it is", True),
        _switch("diagnostics", "data", "Report crashes and faults", True),
        _switch("marketing", "data", "News about the service by mail", False),
        _switch("notify_messages", "notifications", "Messages", True),
        _switch("notify_friends", "notifications", "Friend requests", True),
        _switch("notify_comments", "notifications", "Comments on my videos and posts, and answers to mine", True),
        _switch("notify_likes", "notifications", "Likes of my videos, posts and comments", True),
        _switch("notify_mentions", "notifications", "Mentions of me", True),
        _switch("notify_lives", "notifications", "Friends who go live", True),
    )
}
