"""The data map and the list of recipients as everybody may read them."""

from pydantic import BaseModel, ConfigDict
from sqlalchemy import MetaData

from livecore.config import Settings
from livecore.data import DataMap, Personal
from livecore.privacy.schema import declared_tables


class Category(BaseModel):
    """One kind of data. `file` is its name in an export; null = not in the export, `export_reason` says why."""

    model_config = ConfigDict(extra="forbid")

    name: str
    what: str
    why: list[str]
    keep_for: str
    source: str
    file: str | None
    export_reason: str | None
    on_erasure: str
    keep_reason: str | None
    sealed: bool


class Recipient(BaseModel):
    """`configured` is False when this server does that part by itself."""

    model_config = ConfigDict(extra="forbid")

    name: str
    receives: list[str]
    why: list[str]
    configured: bool


def categories(metadata: MetaData, data_map: DataMap) -> list[Category]:
    found = [
        Category(
            name=declared.table.name,
            what=declared.personal.what,
            why=list(declared.personal.why),
            keep_for=declared.personal.keep_for,
            source=_source(declared.personal),
            file=declared.personal.category,
            export_reason=declared.personal.export_reason,
            on_erasure=declared.personal.erase,
            keep_reason=declared.personal.keep_reason,
            sealed=bool(declared.personal.sealed),
        )
        for declared in declared_tables(metadata)
    ]
    found += [
        Category(
            name=objects.prefix.partition("/")[0],
            what=objects.what,
            why=list(objects.why),
            keep_for=objects.keep_for,
            source="given by the person",
            file=objects.category,
            export_reason=None,
            on_erasure="delete",
            keep_reason=None,
            sealed=False,
        )
        for objects in data_map.objects
    ]
    return sorted(found, key=lambda one: one.name)


def _source(personal: Personal) -> str:
    return personal.source if personal.source_of_others is None else f"{personal.source}; about others: {personal.source_of_others}"


def recipients(settings: Settings) -> list[Recipient]:
    return [
        Recipient(
            name="mail delivery",
            receives=["mail address", "text of the mail, with one-use codes"],
            why=["operate", "support", "legal"],
            configured=bool(settings.smtp_url),
        ),
        Recipient(
            name="text message delivery",
            receives=["phone number", "text of the message, with one-use codes"],
            why=["operate"],
            configured=bool(settings.sms_url),
        ),
        Recipient(
            name="file storage",
            receives=["videos, pictures and export archives"],
            why=["provide"],
            configured=bool(settings.storage_url),
        ),
        Recipient(
            name="database hosting",
            receives=["all rows of the data map; contact data and messages encrypted"],
            why=["operate"],
            configured=bool(settings.database_url),
        ),
        Recipient(
            name="push services of browsers",
            receives=["that a device is woken; no content, nobody's name"],
            why=["provide"],
            configured=bool(settings.push_services),
        ),
        Recipient(
            name="relay of media (TURN)",
            receives=["network address of the device while a stream runs, encrypted media"],
            why=["provide"],
            configured=bool(settings.ice_servers),
        ),
    ]
