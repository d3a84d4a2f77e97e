"""Short texts that people write about themselves. Pure."""

import unicodedata

NAME_LIMIT_CHARS = 80
PROFILE_NAME_LIMIT_CHARS = 50
SHORT_LIMIT_CHARS = 40
STATUS_LIMIT_CHARS = 140

# Joiners that scripts and emoji need; every other invisible character only misleads (bidirectional overrides among them).
_ALLOWED_INVISIBLE = frozenset("\u200c\u200d")
_APOSTROPHES = frozenset("'’ʼ`")


def check_line(value: str, limit_chars: int) -> str:
    """One line in NFC without control characters, spaces collapsed. Raises ValueError with a sentence for a person."""
    line = " ".join(unicodedata.normalize("NFC", value).split())
    if not line:
        raise ValueError("must not be empty")
    if len(line) > limit_chars:
        raise ValueError(f"must have at most {limit_chars} characters")
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn") and char not in _ALLOWED_INVISIBLE for char in line):
        raise ValueError("has characters that cannot be shown")
    return line


def name_words(name: str) -> list[str]:
    """The words of a name as they are searched for: folded, without accents and apostrophes, parted at every other mark."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(char))
    joined = "".join(char for char in plain if char not in _APOSTROPHES)
    return "".join(char if char.isalnum() else " " for char in joined).split()
