"""No mail about the service's own news without the person's word: a mailer that every mail of this process passes through."""

from collections.abc import Awaitable, Callable

from livecore import errors
from livecore.ports import Mail, Mailer

MARKETING = "market"


class ConsentMailer:
    """Keeps the promise of `ports.Mailer`. `wants(address)` says whether whoever has this address asked for news; None = nobody did."""

    def __init__(self, inner: Mailer) -> None:
        self._inner = inner
        self.wants: Callable[[str], Awaitable[bool]] | None = None

    async def send_mail(self, mail: Mail) -> None:
        """Raises Forbidden (`opted_out`) for a mail of purpose `market` to somebody who did not ask for such mails."""
        if mail.purpose == MARKETING and (self.wants is None or not await self.wants(mail.to)):
            raise errors.Forbidden("This person does not want news.", type="opted_out")
        await self._inner.send_mail(mail)
