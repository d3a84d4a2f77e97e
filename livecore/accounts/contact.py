"""Mail addresses and phone numbers in one form each. Pure."""

import re
import unicodedata

import phonenumbers

EMAIL_MAX_CHARS = 254
# The shortest that anybody can be called by: three digits of a country, four of an island (Niue, Saint Helena).
PHONE_MIN_DIGITS = 7
_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\]\\\x00-\x1f\x7f]{1,64}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def check_email(value: str) -> str:
    """The address as it is written to: the domain in lower case and IDNA form (RFC 5321, 5890). Raises ValueError."""
    local, at, domain = unicodedata.normalize("NFC", value.strip()).rpartition("@")
    refused = ValueError("is not a mail address")
    if not at or not _LOCAL.fullmatch(local) or local[0] == "." or local[-1] == "." or ".." in local:
        raise refused
    try:
        domain = domain.encode("idna").decode().lower()
    except UnicodeError as exc:
        raise refused from exc
    labels = domain.split(".")
    # A host of one label is the local network's, where no code reaches anybody; a last label of digits is an address (RFC 3696, 2).
    if (
        len(labels) < 2
        or labels[-1].isdigit()
        or not all(_LABEL.fullmatch(label) for label in labels)
        or len(local) + len(domain) + 1 > EMAIL_MAX_CHARS
    ):
        raise refused
    return f"{local}@{domain}"


def email_key(email: str) -> str:
    """What makes two addresses one: case is folded, since no provider in use tells them apart."""
    return email.casefold()


def check_phone(value: str) -> str:
    """E.164. Raises ValueError.

    The length has to be possible in its country; whether the number exists is shown by the code that reaches it,
    since numbering plans change faster than tables of them.
    """
    refused = ValueError("is not a phone number in international form, such as +12025550100")
    if not value.strip().startswith("+"):
        raise refused
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException as exc:
        raise refused from exc
    # Possible within an area alone is not enough: the code must find its way from anywhere.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise refused
    kept = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if len(kept) <= PHONE_MIN_DIGITS:
        raise refused
    return kept
