"""What `ports.Mailer` and `ports.SmsSender` promise: a real SMTP server and a real HTTP hook, and the outbox."""

import asyncio
import email
import email.policy
import json
import ssl
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from structlog.testing import capture_logs

from livecore.config import Settings
from livecore.errors import ConfigError, Unavailable
from livecore.platform.mail import make_mailer
from livecore.platform.sms import make_sms_sender
from livecore.ports import Mail, Sms
from tests.servers import free_port

MAIL = Mail(to="anna@example.org", subject="Your code", text="Grüezi Anna,\n\nyour code is 123456.\n", code="123456", category="account")
SMS = Sms(to="+41791234567", text="Your code is 123456. ☂", code="123456", purpose="operate")
VALUES = ("anna", "Anna", "123456", "41791234567", "Grüezi", "pass:word")


class Mailboxes:
    """An SMTP server's handler; `refuse` is its answer to the next recipient."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.encrypted: list[bool] = []
        self.refuse: str | None = None

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802 (the library's name)
        if self.refuse:
            return f"{self.refuse} <{address}>"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (the library's name)
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def message(self) -> EmailMessage:
        content = self.envelopes[-1].content
        assert isinstance(content, bytes)
        made = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(made, EmailMessage)
        return made


@pytest.fixture
def mailboxes() -> Mailboxes:
    return Mailboxes()


@pytest.fixture
def smtp(mailboxes: Mailboxes) -> Iterator[Controller]:
    controller = Controller(mailboxes, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def settings(tmp_path: Path, **more: Any) -> Settings:
    return Settings(data_dir=tmp_path, mail_from="livecore <no-reply@live.example>", **more)


def assert_nothing_personal(lines: list[Any]) -> None:
    assert lines, "the act itself is logged"
    for line in lines:
        assert not any(value in json.dumps(line, ensure_ascii=False, default=str) for value in VALUES), line
        assert line["category"] == "account"
        assert line["purpose"] == "operate"


# -- mail


async def test_a_mail_is_handed_over_whole(tmp_path: Path, smtp: Controller, mailboxes: Mailboxes, logged: list[Any]) -> None:
    await make_mailer(settings(tmp_path, smtp_url=f"smtp://127.0.0.1:{smtp.port}")).send_mail(MAIL)
    envelope, message = mailboxes.envelopes[0], mailboxes.message()
    assert envelope.rcpt_tos == ["anna@example.org"]
    assert envelope.mail_from == "no-reply@live.example"
    assert message["To"] == "anna@example.org"
    assert message["From"] == "livecore <no-reply@live.example>"
    assert message["Subject"] == "Your code"
    assert message["Message-ID"].endswith("@live.example>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"]
    assert message.get_content().replace("\r\n", "\n") == MAIL.text
    assert not (tmp_path / "outbox.jsonl").exists()
    assert_nothing_personal(logged)


@pytest.mark.parametrize("answer", ["550 no such user", "451 try again later"])
async def test_a_refusal_is_unavailable_and_repeats_nothing(
    tmp_path: Path, smtp: Controller, mailboxes: Mailboxes, logged: list[Any], answer: str
) -> None:
    mailboxes.refuse = answer
    mailer = make_mailer(settings(tmp_path, smtp_url=f"smtp://127.0.0.1:{smtp.port}"))
    with pytest.raises(Unavailable) as caught:
        await mailer.send_mail(MAIL)
    assert not any(value in str(caught.value) for value in VALUES)
    assert caught.value.__cause__ is None
    assert_nothing_personal(logged)
    mailboxes.refuse = None
    await mailer.send_mail(MAIL)
    assert len(mailboxes.envelopes) == 1


async def test_a_mail_server_that_is_away_is_unavailable(tmp_path: Path, logged: list[Any]) -> None:
    with pytest.raises(Unavailable):
        await make_mailer(settings(tmp_path, smtp_url=f"smtp://127.0.0.1:{free_port()}")).send_mail(MAIL)
    assert_nothing_personal(logged)


async def test_a_mail_server_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livecore.platform.mail.SMTP_TIMEOUT_S", 0.2)
    release = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Unavailable):
        await make_mailer(settings(tmp_path, smtp_url=f"smtp://127.0.0.1:{port}")).send_mail(MAIL)
    release.set()
    server.close()
    await server.wait_closed()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    directory = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-keyout", directory / "key.pem", "-out", directory / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    return context


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
async def test_tls_and_a_login(tmp_path: Path, mailboxes: Mailboxes, certificate: ssl.SSLContext, scheme: str) -> None:
    logins: list[tuple[bytes, bytes]] = []

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        logins.append((data.login, data.password))
        return AuthResult(success=True)

    controller = Controller(
        mailboxes,
        hostname="127.0.0.1",
        port=free_port(),
        ssl_context=certificate if scheme == "smtps" else None,
        tls_context=certificate if scheme == "smtp" else None,
        authenticator=authenticate,
        auth_require_tls=scheme == "smtp",
        auth_required=scheme == "smtp",  # the server knows of TLS only where it began it itself
    )
    controller.start()
    try:
        await make_mailer(settings(tmp_path, smtp_url=f"{scheme}://us%40er:pass%3Aword@127.0.0.1:{controller.port}")).send_mail(MAIL)
    finally:
        controller.stop()
    assert logins == [(b"us@er", b"pass:word")]
    # Of TLS from the first byte the session knows nothing; without it nothing would have arrived.
    assert mailboxes.encrypted == [scheme == "smtp"]


async def test_a_login_is_never_sent_in_the_open_to_another_machine(tmp_path: Path, mailboxes: Mailboxes) -> None:
    logins: list[object] = []

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
        logins.append(data)
        return AuthResult(success=True)

    controller = Controller(mailboxes, hostname="127.0.0.2", port=free_port(), authenticator=authenticate, auth_require_tls=False)
    controller.start()
    try:
        with pytest.raises(Unavailable):
            await make_mailer(settings(tmp_path, smtp_url=f"smtp://user:word@127.0.0.2:{controller.port}")).send_mail(MAIL)
        # Without a login a relay inside one's own network may be plain.
        await make_mailer(settings(tmp_path, smtp_url=f"smtp://127.0.0.2:{controller.port}")).send_mail(MAIL)
    finally:
        controller.stop()
    assert logins == []
    assert len(mailboxes.envelopes) == 1


@pytest.mark.parametrize("url", ["http://mail.example", "smtp://", "mail.example:25"])
def test_a_mail_address_of_another_kind_is_a_wrong_setting(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="smtp_url"):
        make_mailer(settings(tmp_path, smtp_url=url))


# -- text messages


class Hook:
    """The operator's HTTP hook; answers with `status`."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.authorizations: list[str | None] = []
        self.status = 200
        self.gate: asyncio.Event | None = None
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        self.authorizations.append(request.headers.get("Authorization"))
        if self.gate is not None:
            await self.gate.wait()
        # It repeats what it got, as such services do.
        return web.json_response(self.bodies[-1], status=self.status, headers={"Location": self.url})


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    made = Hook()
    application = web.Application()
    application.router.add_post("/send", made.take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/send"
    yield made
    await runner.cleanup()


async def test_a_text_message_is_handed_over_whole(tmp_path: Path, hook: Hook, logged: list[Any]) -> None:
    await make_sms_sender(settings(tmp_path, sms_url=hook.url)).send_sms(SMS)
    assert hook.bodies == [{"to": "+41791234567", "text": "Your code is 123456. ☂"}]
    assert hook.authorizations == [None]
    assert not (tmp_path / "outbox.jsonl").exists()
    assert_nothing_personal(logged)


async def test_credentials_of_the_hook_go_into_its_header(tmp_path: Path, hook: Hook) -> None:
    import base64

    await make_sms_sender(settings(tmp_path, sms_url=hook.url.replace("http://", "http://user:pass%3Aword@"))).send_sms(SMS)
    assert hook.authorizations == [f"Basic {base64.b64encode(b'user:pass:word').decode()}"]


@pytest.mark.parametrize("status", [302, 400, 429, 500])
async def test_a_hook_that_refuses_is_unavailable_and_repeats_nothing(tmp_path: Path, hook: Hook, logged: list[Any], status: int) -> None:
    hook.status = status
    with pytest.raises(Unavailable) as caught:
        await make_sms_sender(settings(tmp_path, sms_url=hook.url)).send_sms(SMS)
    assert not any(value in str(caught.value) for value in VALUES)
    assert len(hook.bodies) == 1
    assert_nothing_personal(logged)


async def test_a_hook_that_is_away_is_unavailable(tmp_path: Path, logged: list[Any]) -> None:
    with pytest.raises(Unavailable):
        await make_sms_sender(settings(tmp_path, sms_url=f"http://127.0.0.1:{free_port()}/send")).send_sms(SMS)
    assert_nothing_personal(logged)


async def test_a_hook_that_says_nothing_is_given_up(tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livecore.platform.sms.HOOK_TIMEOUT_S", 0.1)
    hook.gate = asyncio.Event()
    with pytest.raises(Unavailable):
        await make_sms_sender(settings(tmp_path, sms_url=hook.url)).send_sms(SMS)
    hook.gate.set()


@pytest.mark.parametrize("url", ["ftp://sms.example", "sms.example/send", "http://"])
def test_a_hook_address_of_another_kind_is_a_wrong_setting(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="sms_url"):
        make_sms_sender(settings(tmp_path, sms_url=url))


# -- the outbox


async def test_without_senders_all_goes_to_the_outbox_one_object_a_line(tmp_path: Path, logged: list[Any]) -> None:
    mailer, sender = make_mailer(settings(tmp_path)), make_sms_sender(settings(tmp_path))
    await mailer.send_mail(MAIL)
    await sender.send_sms(SMS)
    await sender.send_sms(Sms(to="+41791234567", text="two\nlines"))
    lines = (tmp_path / "outbox.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"channel": "email", "to": "anna@example.org", "text": f"Your code\n\n{MAIL.text}", "code": "123456"},
        {"channel": "sms", "to": "+41791234567", "text": "Your code is 123456. ☂", "code": "123456"},
        {"channel": "sms", "to": "+41791234567", "text": "two\nlines"},
    ]
    assert stat.S_IMODE((tmp_path / "outbox.jsonl").stat().st_mode) == 0o600
    assert_nothing_personal(logged)


async def test_lines_of_processes_that_write_at_once_stay_whole(tmp_path: Path) -> None:
    mailers = [make_mailer(settings(tmp_path)) for _ in range(4)]
    text = "a long text " * 2000

    def write(number: int) -> None:
        asyncio.run(mailers[number % 4].send_mail(Mail(to=f"p{number}@example.org", subject="s", text=text)))

    await asyncio.gather(*(asyncio.to_thread(write, number) for number in range(40)))
    lines = [json.loads(line) for line in (tmp_path / "outbox.jsonl").read_text().splitlines()]
    assert {line["to"] for line in lines} == {f"p{number}@example.org" for number in range(40)}
