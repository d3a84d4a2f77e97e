"""What makes a claim complete. A claim that lacks an element is returned naming each one that is missing."""

from collections.abc import Mapping
from typing import Any

from livecore.errors import FieldError

# 17 USC 512(c)(3)(A), in the order of the law.
COPYRIGHT = {
    "signature": "(i) sign: the full name of the owner of the right, or of a person authorised to act for it",
    "work": "(ii) say which copyrighted work was infringed",
    "target": "(iii) say which material here infringes it, so that it can be found",
    "contact": "(iv) say how you can be reached: name, postal address, phone number and mail address",
    "good_faith": "(v) state that you believe in good faith that the use is not authorised by the owner, its agent or the law",
    "accuracy": "(vi) state that this is accurate and, under penalty of perjury, that you are authorised to act for the owner",
}
# What examiners of marks ask for, since the law lists nothing.
TRADEMARK = {
    "mark": "name the mark",
    "registration_number": "give the mark's registration number",
    "jurisdiction": "say where the mark is registered",
    "goods_class": "give the class of goods or services it is registered for",
    "target": "say which material here infringes it, so that it can be found",
    "authority": "say by what authority you act for the owner",
    "contact": "say how you can be reached: name, postal address, phone number and mail address",
    "good_faith": "state that you believe in good faith that the use is not authorised by the owner, its agent or the law",
    "signature": "sign with your full name",
}
CONTACT = ("name", "address", "phone", "email")
# 17 USC 512(g)(3).
COUNTER = {
    "signature": "(A) sign with your full name",
    "statement": "(C) state under penalty of perjury that you believe in good faith that it was a mistake or a misidentification",
    "name": "(D) give your name",
    "address": "(D) give your postal address",
    "phone": "(D) give your phone number",
    "consent": "(D) consent to the jurisdiction of your district's court and to accept service of process from the claimant",
}


def missing(kind: str, given: Mapping[str, Any]) -> list[FieldError]:
    """One error for each element that is absent, empty or, for a statement, not made."""
    wanted = COPYRIGHT if kind == "copyright" else TRADEMARK
    faults = []
    for element, words in wanted.items():
        value = given.get(element)
        if not value:
            faults.append(FieldError(element, words))
        elif element == "contact":
            faults += [FieldError(f"contact.{part}", "is missing") for part in CONTACT if not value.get(part)]
    return faults


def missing_of_counter(given: Mapping[str, Any]) -> list[FieldError]:
    return [FieldError(element, words) for element, words in COUNTER.items() if not given.get(element)]
