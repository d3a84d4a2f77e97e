"""The command line: `livecore serve | config | migrate | admin … | bench …`."""

import asyncio
import importlib
import inspect
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import structlog
import typer
import uvloop
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from bench.cli import bench
from livecore import __version__, config
from livecore.config import Settings
from livecore.errors import ConfigError, Problem
from livecore.platform import logs
from livecore.supervisor import Supervisor

if TYPE_CHECKING:
    from livecore.app import App

cli = typer.Typer(
    help="livecore: a real-time messaging and live-stream server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
admin = typer.Typer(help="What an operator does by hand.", no_args_is_help=True)
cli.add_typer(admin, name="admin")
cli.add_typer(bench, name="bench")
console = Console(stderr=True)
log = structlog.get_logger("cli")

# Shorter names that the documents use.
_ALIASES = {"database_url": "--database", "redis_url": "--redis", "storage_url": "--storage", "keys_url": "--keys"}


def _flag_parameters() -> list[inspect.Parameter]:
    """One option per setting, so that `--help` and the settings cannot drift apart."""
    parameters = []
    for name, field in Settings.model_fields.items():
        unit = (field.json_schema_extra or {}).get("unit") if isinstance(field.json_schema_extra, dict) else ""
        names = [f"--{name.replace('_', '-')}"] + ([_ALIASES[name]] if name in _ALIASES else [])
        option = typer.Option(None, *names, help=f"{field.description} [{unit or 'text'}; default {field.default}]", show_default=False)
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=str | None))
    return parameters


def with_settings(command: Any) -> Any:
    """Give a command every setting as a flag; it receives them as `flags`."""
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "flags"]

    def run(**values: Any) -> Any:
        names = {p.name for p in own}
        flags = {name: value for name, value in values.items() if name not in names}
        return command(**{name: values[name] for name in names}, flags=flags)

    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    run.__signature__ = inspect.Signature([*keyword_only, *_flag_parameters()])  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {p.name: p.annotation for p in [*keyword_only, *_flag_parameters()]}
    run.__doc__ = command.__doc__
    run.__name__ = command.__name__
    return run


def _settings(flags: dict[str, Any]) -> Settings:
    try:
        return config.load(**flags)
    except ConfigError as exc:
        console.print(f"[red]Settings:[/] {exc}")
        raise typer.Exit(2) from exc


def _run(work: Coroutine[Any, Any, int]) -> None:
    try:
        status = uvloop.run(work)
    except ConfigError as exc:
        console.print(f"[red]{exc}[/]")
        raise typer.Exit(2) from exc
    except Problem as exc:
        console.print(f"[red]{exc.title}.[/] {exc.detail or ''}")
        raise typer.Exit(1) from exc
    raise typer.Exit(status)


def _banner(settings: Settings, url: str) -> None:
    missing = []
    if not settings.smtp_url:
        missing.append("mail (smtp_url): what would be sent is appended to outbox.jsonl")
    if not settings.sms_url:
        missing.append("text messages (sms_url): the same")
    if settings.tls == "off":
        missing.append("TLS (--tls auto): other machines' browsers give no camera without it")
    lines = [f"[bold]livecore {__version__}[/] serves at [bold]{url}[/]", f"Data: {settings.data_dir.resolve()}"]
    lines += [f"[dim]Not set up: {text}[/]" for text in missing]
    lines.append("[dim]All settings: livecore config. Stop with Ctrl-C.[/]")
    Console().print(Panel("\n".join(lines), expand=False))


async def _serve(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    supervisor = Supervisor(settings, on_ready=lambda url: _banner(settings, url))
    try:
        waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(supervisor.failed.wait())]
        starting = asyncio.ensure_future(supervisor.start())
        # A start that waits for an engine can be stopped too.
        await asyncio.wait([starting, *waits], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in (starting, *waits):
            task.cancel()
        await asyncio.gather(starting, *waits, return_exceptions=True)
    finally:
        await supervisor.stop()
    return 1 if supervisor.failed.is_set() else 0


@cli.command("serve")
@with_settings
def serve_command(flags: dict[str, Any]) -> None:
    """Serve: REST, Socket.IO, WHIP, WHEP and the web demo."""
    settings = _settings(flags)
    logs.configure(settings)
    _run(_serve(settings))


@cli.command("config")
@with_settings
def config_command(flags: dict[str, Any]) -> None:
    """List every setting: value, unit, source, reason."""
    settings = _settings(flags)
    table = Table(title="Settings (flag, LIVECORE_NAME in the environment, or livecore.toml)")
    for heading in ("setting", "value", "unit", "source", "why"):
        table.add_column(heading, overflow="fold")
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        value = getattr(settings, name)
        shown = "(set)" if field.repr is False and value else str(value)
        table.add_row(name, shown, str(extra.get("unit", "")), config.source_of(settings, name, flags), field.description or "")
    Console().print(table)
    rates = Table(title="Rates (multiplied by rate_scale)")
    for heading in ("rule", "requests", "window", "why"):
        rates.add_column(heading, overflow="fold")
    for rule, rate in config.RATES.items():
        rates.add_row(rule, str(rate.count), f"{rate.window_s} s", rate.reason)
    Console().print(rates)


@cli.command("migrate")
@with_settings
def migrate_command(flags: dict[str, Any]) -> None:
    """Bring the database's schema up to date (serve does it too)."""
    from livecore import data
    from livecore.platform.assembly import prepare_data_dir
    from livecore.platform.database import SqlDatabase, database_url
    from livecore.platform.migrations import migrate

    settings = _settings(flags)
    # Every table stands in the metadata once the services are imported.
    importlib.import_module("livecore.app")

    async def work() -> int:
        prepare_data_dir(settings)
        database = SqlDatabase(database_url(settings.database_url, settings.data_dir))
        try:
            await migrate(database, data.metadata)
        finally:
            await database.close()
        console.print("The schema is up to date.")
        return 0

    _run(work())


async def _in_app(flags: dict[str, Any], act: Callable[["App"], Awaitable[int]]) -> int:
    """What an operator does with the services, beside a server that runs or without one."""
    from livecore.app import App

    app = App(_settings(flags))
    try:
        await app.start(serving=False)
        return await act(app)
    finally:
        await app.close()


@admin.command("grant")
@with_settings
def grant_command(
    flags: dict[str, Any],
    username: str = typer.Argument(..., help="whom"),
    role: str = typer.Argument(..., help="support, moderator, legal or admin"),
) -> None:
    """Give a person a staff role; the first administrator is made this way."""

    async def work(app: "App") -> int:
        await app.accounts.grant(username, role)
        console.print(f"{username} is {role} now.")
        return 0

    _run(_in_app(flags, work))


@admin.command("hold")
@with_settings
def hold_command(
    flags: dict[str, Any],
    username: str = typer.Argument(..., help="whose account"),
    reason: str = typer.Argument(..., help="why, in words"),
    days: int = typer.Option(365, help="how long, at most three years"),
) -> None:
    """Ask that an account be preserved for a legal matter; one of the staff must agree before anything is kept."""

    async def work(app: "App") -> int:
        account_id = await app.directory.by_username(username)
        if account_id is None:
            console.print(f"There is no {username}.")
            return 1
        row = await app.holds.ask("system", account_id, reason, app.clock.at_ms() + days * 86_400_000)
        console.print(f"Asked for: hold {row['id']} waits for one of the staff.")
        return 0

    _run(_in_app(flags, work))


@cli.command("version")
def version_command() -> None:
    """Say which livecore this is."""
    sys.stdout.write(f"livecore {__version__}\n")


# What is made is nobody else's; the group is who a front server that reads the objects may belong to (`platform/private_dir.py`).
UMASK = 0o027


def main() -> None:
    os.umask(UMASK)
    cli()
