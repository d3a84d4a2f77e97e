"""What stands in the log, and what never does."""

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Column, MetaData, String, Table, insert
from sqlalchemy.exc import IntegrityError

from livecore.config import Settings
from livecore.platform.database import SqlDatabase, database_url
from livecore.platform.logs import configure
from livecore.platform.scrub import VALUE_LIMIT, scrub, scrub_text


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging is the process's own: put it back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    config = structlog.get_config()
    levels = {name: logger.level for name, logger in logging.Logger.manager.loggerDict.items() if isinstance(logger, logging.Logger)}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**config)
    logging.captureWarnings(False)
    structlog.contextvars.clear_contextvars()
    for name, logger in logging.Logger.manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            logger.setLevel(levels.get(name, logging.NOTSET))


def lines(capfd: pytest.CaptureFixture[str]) -> list[Any]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def settings(**more: Any) -> Settings:
    return Settings(log_format="json", **more)


def test_both_kinds_of_loggers_speak_the_same_json(capfd: pytest.CaptureFixture[str]) -> None:
    configure(settings())
    structlog.get_logger("rooms").info("a room opened", members=3, none=None)
    logging.getLogger("some.library").warning("%s is %d", "answer", 42)
    ours, theirs = lines(capfd)
    assert ours["event"] == "a room opened"
    assert (ours["level"], ours["logger"], ours["members"], ours["none"]) == ("info", "rooms", 3, None)
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("answer is 42", "warning", "some.library")
    assert ours["timestamp"].endswith("Z")
    assert theirs["timestamp"].endswith("Z")


async def test_lines_of_a_request_carry_its_id_and_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    configure(settings())

    async def request(number: int) -> None:
        structlog.contextvars.bind_contextvars(request_id=f"r{number}")
        await asyncio.sleep(0)
        structlog.get_logger("rest").info("ours", number=number)
        logging.getLogger("library").info("theirs")

    await asyncio.gather(*(request(number) for number in range(5)))
    structlog.get_logger("rest").info("outside")
    found = lines(capfd)
    assert {(line["request_id"], line["event"]) for line in found if "request_id" in line} == {
        (f"r{number}", event) for number in range(5) for event in ("ours", "theirs")
    }
    assert all(line["request_id"] == f"r{line['number']}" for line in found if "number" in line)
    assert "request_id" not in found[-1]


def test_the_level_holds_for_both(capfd: pytest.CaptureFixture[str]) -> None:
    configure(settings(log_level="warning"))
    structlog.get_logger("a").info("no")
    logging.getLogger("b").info("no")
    structlog.get_logger("a").warning("yes")
    logging.getLogger("b").error("yes")
    assert [line["event"] for line in lines(capfd)] == ["yes", "yes"]


def test_configuring_twice_does_not_double_lines(capfd: pytest.CaptureFixture[str]) -> None:
    configure(settings())
    configure(settings())
    structlog.get_logger("a").info("once")
    assert len(lines(capfd)) == 1


def test_people_get_text(capfd: pytest.CaptureFixture[str]) -> None:
    configure(Settings(log_format="console"))
    structlog.get_logger("a").warning("it happened", count=3, phone="+41791234567")
    (line,) = capfd.readouterr().err.splitlines()
    assert "it happened" in line
    assert "count=3" in line
    assert "7912" not in line


SECRETS = [
    "anna.muster@example.org",
    "+41 79 123 45 67",
    "+41791234567",
    "0041791234567",
    "079 123 45 67",
    "(202) 555-0100 ext",
    "hunter2-and-more",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ",
    "Xk3vQ9dT2mZp7Lr8Wn5Bc4Hy6Gf1Js0AaEeUuIiOoPq",
]
TELLING = ["anna.muster", "123 45 67", "791234567", "555-0100", "hunter2", "eyJhbGci", "Xk3vQ9d"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_taken_out_wherever_they_stand(capfd: pytest.CaptureFixture[str], form: Any) -> None:
    configure(Settings(log_format=form))
    log = structlog.get_logger("accounts")
    for secret in SECRETS:
        text = f"password={secret}" if secret.startswith("hunter2") else f"it says {secret} here"
        log.info(text)
        log.info("by value", detail=text)
        log.info("deep", outer={"inner": [text, {"more": (text,)}]})
        log.info("by name", password=secret, headers={"Authorization": f"Bearer {secret}", "X-Token": "t"}, email=secret, code="123456")
        logging.getLogger("library").warning("as an argument: %s", text)
        try:
            try:
                raise ValueError(text)
            except ValueError as exc:
                raise RuntimeError("outer") from exc
        except RuntimeError:
            log.exception("it failed")
            logging.getLogger("library").exception("it failed there")
    written = capfd.readouterr().err
    assert written.count("it failed") >= 2 * len(SECRETS)
    for telling in (*TELLING, "123456"):
        assert telling not in written


async def test_an_error_of_the_database_repeats_no_value(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    configure(settings())
    db = SqlDatabase(database_url("", tmp_path))
    table = Table("t", MetaData(), Column("name", String(50), primary_key=True))
    async with db.write() as conn:
        await conn.run_sync(table.create)
    rows = [{"name": "Anna Muster"}] * 2
    try:
        async with db.write() as conn:
            await conn.execute(insert(table), rows)
    except IntegrityError:
        structlog.get_logger("a").exception("failed")
    await db.close()
    (line,) = lines(capfd)
    assert "IntegrityError" in line["exception"]
    assert "Muster" not in line["exception"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("code 123456 sent", "code [scrubbed] sent"),
        ("your code is 123456.", "your code is [scrubbed]."),
        ('{"code": "123456", "n": 1}', '{"code": "[scrubbed]", "n": 1}'),
        ("Authorization: Bearer abcdef.ghijkl", "Authorization: Bearer [scrubbed]"),
        ("GET /x?token=abcdef&page=2", "GET /x?token=[scrubbed]&page=2"),
        ("refresh_token='abc'", "refresh_token='[scrubbed]'"),
        ("smtp://user:word@mail.example:25", "smtp://[scrubbed]@mail.example:25"),
        ("postgresql://livecore:pa%20ss@db/live", "postgresql://[scrubbed]@db/live"),
        ("(a) [parameters: ('Anna', 'x')]\n(Background on this)", "(a) [parameters: [scrubbed]]\n(Background on this)"),
        ("duplicate key\nDETAIL:  Key (email)=(x) already exists.", "duplicate key\nDETAIL: [scrubbed]"),
        ("to <a.b+c@sub.example.co.uk>, now", "to <[mail]>, now"),
        ("call 079 123 45 67 or +1 (202) 555-0100", "call [phone] or [phone]"),
    ],
)
def test_forms_that_are_known(text: str, expected: str) -> None:
    assert scrub_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "listening on http://127.0.0.1:8080",
        "0193f0a2b7c97d1e8f00a1b2c3d4e5f6",
        "Thu 2026-11-24T03:39:56.123456Z",
        "took 1.25 s, 15 of 20, 99.5 %",
        'File "/usr/lib/python3.11/asyncio/base_events.py", line 1085, in create_connection',
        "test_a_start_without_the_server_says_so_in_a_line",
        "livecore.platform.migrations.versions",
        "status 404 for GET /api/v1/videos/{id}",
        "SQLSTATE 23505",
    ],
)
def test_what_is_nobodys_stays_readable(text: str) -> None:
    assert scrub_text(text) == text


def test_values_that_are_not_texts() -> None:
    assert scrub({"n": 1795492371337, "ok": True, "none": None, "rate": 0.5}) == {"n": 1795492371337, "ok": True, "none": None, "rate": 0.5}
    assert scrub(b"secret bytes") == "[12 bytes]"
    # What is no text is scrubbed as the text that a log would make of it.
    assert scrub(Path("/x/anna@example.org")) == "[mail]"
    endless: list[Any] = []
    endless.append(endless)
    assert "[scrubbed]" in str(scrub(endless))


def test_a_cut_never_lets_half_of_an_address_through() -> None:
    cut = scrub_text("x" * (VALUE_LIMIT - 10) + " anna.muster@example.org")
    assert "anna" not in cut
    assert cut.endswith("…")


@pytest.mark.parametrize(
    "pattern",
    [
        "1 ",
        "a",
        "+",
        "a@",
        "a.",
        "code ",
        "x_",
        "password",
        "[parameters: ",
        "1",
        "aB1-",
        "DETAIL: \n",
        "eyJaaaaaaaaaa.",
        "://a",
        "bearer aaaaaa",
    ],
)
def test_a_long_text_is_cut_and_costs_little(pattern: str) -> None:
    """What a client sends must not hold the loop up in a pattern that tries over and over again."""
    began = time.thread_time()
    assert len(scrub_text(pattern * 500_000)) <= 3 * VALUE_LIMIT
    assert time.thread_time() - began < 0.2
