"""Mail over SMTP, or into the outbox where none is configured; keeps the promise of `ports.Mailer`."""

import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from livecore import errors
from livecore.config import Settings
from livecore.platform.outbox import NAME, Outbox
from livecore.ports import Mail, Mailer

log = structlog.get_logger("mail")

# A mail goes out from a job: waiting longer for a silent server would only hold a place among the jobs.
SMTP_TIMEOUT_S = 20.0
_PORTS = {"smtp": 587, "smtps": 465}


class SmtpMailer:
    """One connection a mail. `smtps` speaks TLS from the start, `smtp` upgrades with STARTTLS where the server offers it (RFC 3207).

    A login is never sent without TLS, except to this machine itself.
    """

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise errors.ConfigError("smtp_url: smtp://host:port or smtps://host:port is meant")
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._tls = parts.scheme == "smtps"
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = sender
        if not parseaddr(sender)[1]:
            raise errors.ConfigError("mail_from: an address such as `Name <name@example.org>` is meant")
        self._is_local = self._host in ("localhost", "127.0.0.1", "::1")

    async def send_mail(self, mail: Mail) -> None:
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._tls,
            # None: upgrade where the server offers it. A login insists on it.
            start_tls=False if self._tls else (True if self._username and not self._is_local else None),
            tls_context=_unchecked_context() if self._is_local else None,
            timeout=SMTP_TIMEOUT_S,
        )
        try:
            async with client:
                if self._username is not None:
                    await client.login(self._username, self._password or "")
                await client.send_message(self._message(mail))
        except (aiosmtplib.SMTPException, OSError) as exc:
            # The server's words repeat the recipient: only the kind of failure is told.
            log.warning("mail not handed over", category=mail.category, purpose=mail.purpose, failure=type(exc).__name__)
            raise errors.Unavailable("The mail server does not take mail.") from None
        log.info("mail handed over", category=mail.category, purpose=mail.purpose)

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = formatdate(localtime=False)
        message["Message-ID"] = make_msgid(domain=parseaddr(self._sender)[1].rpartition("@")[2] or "localhost")
        # RFC 3834: nobody's holiday notice should answer this.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        return message


def _unchecked_context() -> ssl.SSLContext:
    """A relay on this very machine has a certificate that nobody signed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class OutboxMailer:
    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def send_mail(self, mail: Mail) -> None:
        self._outbox.append("email", mail.to, f"{mail.subject}\n\n{mail.text}", mail.code)
        log.info("mail kept in the outbox", category=mail.category, purpose=mail.purpose)


def make_mailer(settings: Settings) -> Mailer:
    if settings.smtp_url:
        return SmtpMailer(settings.smtp_url, settings.mail_from)
    return OutboxMailer(Outbox(settings.data_dir / NAME))
