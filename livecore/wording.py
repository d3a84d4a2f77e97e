"""Hashtags and mentions in what people write: found once, when it is written. Pure.

A tag is `#` and letters, digits or underscores with at least one letter, a mention is `@` and a username; neither begins within a
word, so that an address or a link holds none. Tags are kept in NFKC, case folded: `#Café`, `#CAFÉ` are one.
"""

import re
import unicodedata

# What a reader takes in; more are spam.
TAGS_LIMIT = 20
MENTIONS_LIMIT = 20
TAG_LIMIT_CHARS = 50

_TAG = re.compile(r"(?<![\w#@/&])#(\w{1,100})")
_MENTION = re.compile(r"(?<![\w@#/.])@([A-Za-z0-9_.]{3,30})")


def normal_tag(tag: str) -> str | None:
    """The one form of a tag, with or without its `#`; None when it is none."""
    folded = unicodedata.normalize("NFKC", tag.removeprefix("#")).casefold()
    if not folded or len(folded) > TAG_LIMIT_CHARS or not re.fullmatch(r"\w+", folded) or not any(c.isalpha() for c in folded):
        return None
    return folded


def tags_of(text: str) -> tuple[str, ...]:
    found = (normal_tag(tag) for tag in _TAG.findall(unicodedata.normalize("NFKC", text)))
    return tuple(dict.fromkeys(tag for tag in found if tag is not None))[:TAGS_LIMIT]


def mentions_of(text: str) -> tuple[str, ...]:
    """Usernames as written, without a full stop that ends a sentence."""
    found = (name.rstrip(".") for name in _MENTION.findall(text))
    return tuple(dict.fromkeys(name for name in found if len(name) >= 3))[:MENTIONS_LIMIT]
