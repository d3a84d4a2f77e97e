"""What the service writes to a person. Plain words, no links: a mail that asks for a click teaches people to click."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Letter:
    subject: str
    text: str


def code_text(code: str, minutes: int) -> str:
    return f"Your livecore code is {code}. It works once, for {minutes} minutes. Give it to nobody."


def code_letter(code: str, minutes: int, purpose: str) -> Letter:
    subject = "Set a new password" if purpose == "reset" else "Confirm your mail address"
    return Letter(f"{subject}: {code}", f"{code_text(code, minutes)}\n\nIf you did not ask for it, you need not do anything.")


def new_device(device_name: str, network: str) -> Letter:
    return Letter(
        "A new sign-in to your account",
        f"Somebody signed in to your account on a device that was not used before: {device_name}, from the network {network}.\n\n"
        "If that was you, all is well. If not, change your password and sign that device out in your settings.",
    )


def password_changed() -> Letter:
    return Letter(
        "Your password was changed",
        "Your password was changed and your other sessions were ended.\n\n"
        "If that was not you, ask for a new password at once with 'forgot password'.",
    )


def contact_changed(what: str) -> Letter:
    return Letter(
        f"Your {what} is about to change",
        f"Somebody who is signed in to your account asked to change its {what}. It changes when the new one is confirmed.\n\n"
        "If that was not you, change your password and end the other sessions in your settings.",
    )


def suspended() -> Letter:
    return Letter(
        "Your account is suspended",
        "Our moderators suspended your account, because something of it broke our terms. Signing in tells you until when.\n\n"
        "If you think that this is wrong, write to support: you need no account for that.",
    )


def reinstated() -> Letter:
    return Letter("Your account is open again", "Your account is not suspended any more. Under your notices you find what the reason was.")


def deletion(days: int) -> Letter:
    return Letter(
        "Your account will be deleted",
        f"You asked us to delete your account. It will be erased in {days} days. Signing in before then keeps it.",
    )
