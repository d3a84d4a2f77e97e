"""Which reports are the same fault: by kind, name, message and the innermost frames, with everything that varies taken out. Pure."""

import hashlib
import re

# The frames nearest to the fault; those below only say how one came there.
FRAMES = 5
_HEX = re.compile(r"\b(?:0x)?[0-9a-fA-F]{8,}\b")
_NUMBER = re.compile(r"\d+")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_QUERY = re.compile(r"\?[^\s)]*")


def steady(text: str) -> str:
    """The text without numbers, identifiers, quoted values and query strings."""
    for pattern, instead in ((_QUERY, ""), (_QUOTED, "'…'"), (_HEX, "#"), (_NUMBER, "#")):
        text = pattern.sub(instead, text)
    return " ".join(text.split())


def signature(kind: str, name: str, message: str, stack: str) -> str:
    frames = [steady(line) for line in stack.splitlines() if line.strip()][:FRAMES]
    return hashlib.sha256("\n".join([kind, name, steady(message), *frames]).encode()).hexdigest()[:32]
