"""Experiments: who sees which variant. The same person always sees the same; nothing is assigned under restriction."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from livecore.errors import ConfigError
from livecore.insight import tables
from livecore.ports import Clock, Database, Directory

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Experiment:
    """`variants`: name → weight, in the order of the setting; the first is what everybody else sees."""

    name: str
    variants: Mapping[str, int]

    def variant_of(self, account_id: str) -> str:
        """Stable, and independent of other experiments: a hash of both names decides."""
        total = sum(self.variants.values())
        place = int.from_bytes(hashlib.sha256(f"{self.name}:{account_id}".encode()).digest()[:8], "big") % total
        for variant, weight in self.variants.items():
            place -= weight
            if place < 0:
                return variant
        raise AssertionError("weights do not add up")


def parse(text: str) -> tuple[Experiment, ...]:
    """`name:variant=weight,variant=weight;…`. Raises ConfigError."""
    found = []
    for part in filter(None, (one.strip() for one in text.split(";"))):
        name, _, rest = part.partition(":")
        variants: dict[str, int] = {}
        for one in rest.split(","):
            variant, _, weight = one.partition("=")
            if not _NAME.fullmatch(variant.strip()) or not weight.strip().isdecimal():
                raise ConfigError(f"experiments: {part!r} is not name:variant=weight,variant=weight")
            variants[variant.strip()] = int(weight)
        if not _NAME.fullmatch(name.strip()) or not sum(variants.values()):
            raise ConfigError(f"experiments: {part!r} has no name or no weight")
        found.append(Experiment(name.strip(), variants))
    if len({experiment.name for experiment in found}) != len(found):
        raise ConfigError("experiments: a name stands twice")
    return tuple(found)


class Experiments:
    def __init__(self, db: Database, clock: Clock, directory: Directory, experiments: str) -> None:
        self._db = db
        self._clock = clock
        self._directory = directory
        self.all = parse(experiments)

    async def of(self, account_id: str) -> dict[str, str]:
        """The variants that this person sees, noted as seen; none under restriction."""
        if not self.all or await self._directory.setting(account_id, "restrict"):
            return {}
        assigned = {experiment.name: experiment.variant_of(account_id) for experiment in self.all}
        columns = tables.experiment_assignment.c
        async with self._db.read() as conn:
            query = select(columns.experiment, columns.variant).where(columns.account_id == account_id)
            noted = {row.experiment: row.variant for row in await conn.execute(query)}
        # What was seen first stays, also when weights are changed later.
        assigned |= {name: noted[name] for name in assigned if noted.get(name) in self._variants(name)}
        fresh = [name for name, variant in assigned.items() if noted.get(name) != variant]
        if fresh:
            make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
            rows = [
                {"account_id": account_id, "experiment": name, "variant": assigned[name], "since_ms": self._clock.at_ms()} for name in fresh
            ]
            statement = make(tables.experiment_assignment)
            async with self._db.write() as conn:
                await conn.execute(
                    statement.on_conflict_do_update(
                        index_elements=["account_id", "experiment"],
                        set_={"variant": statement.excluded.variant, "since_ms": statement.excluded.since_ms},
                    ),
                    rows,
                )
        return assigned

    def _variants(self, name: str) -> Mapping[str, int]:
        return next(experiment.variants for experiment in self.all if experiment.name == name)
