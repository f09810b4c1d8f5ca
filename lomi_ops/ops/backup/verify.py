"""Trying a backup: restored into servers of its own on this machine, and compared with what its manifest promises."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db import backup as record
from lomi_ops.db.login import login_of
from lomi_ops.db.pool import Database
from lomi_ops.domain import backup
from lomi_ops.domain.backup import Area, Compared, Manifest, Verdict, Verification
from lomi_ops.errors import LomiError, MissingExtra, StackError
from lomi_ops.ops.backup import held, postgres, programs, scratch
from lomi_ops.ops.backup.children import ProgramFailed
from lomi_ops.ops.backup.create import SETTINGS_SCHEMA, Tally
from lomi_ops.ops.backup.place import DamagedBackup, Place, measure
from lomi_ops.ops.backup.postgres import Restoring
from lomi_ops.ops.backup.scratch import Scratch
from lomi_ops.ops.local.binaries import Program, Source
from lomi_ops.queue.backup import export, pages, plan, write
from lomi_ops.queue.backup.pages import Damaged, Page
from lomi_ops.queue.backup.plan import Likeness
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.keys import Keys
from lomi_ops.version import __version__

_DATABASE_PATIENCE_S = 24 * 3600.0
"""For one statement of the trial; a checksum reads a whole table."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """How to try."""

    room: Path
    """Where the servers may have their folder: it must hold the whole database."""
    host: str
    clock: Callable[[], datetime]
    source: Source = Source.AUTO


def verify(place: Place, manifest: Manifest, order: Order, say: Say = lambda text: None) -> Verification:
    """What came back, part by part. Where all is the same, that is noted beside the backup; where something differs, an
    earlier note goes. Raises ObjectsUnavailable
    where the place does not answer, LomiError where there is no room; what else fails is in the answer."""
    with held.room(order.room, scratch.clear) as folder:
        trial = _Trial(place, manifest, order, say, folder)
        trial.run()
    found = Verification(manifest.name, order.clock(), tuple(trial.parts), tuple(trial.notes))
    try:
        if found.verdict is Verdict.SAME:
            place.note(manifest.name, backup.VERIFIED, backup.verified_text(found.at, order.host, __version__))
        elif found.verdict is Verdict.DIFFERS:
            place.forget(manifest.name, backup.VERIFIED)
    except LomiError as failure:
        return replace(found, notes=(*found.notes, f"not noted beside the backup: {failure.message}"))
    return found


@dataclass(slots=True)
class _Trial:
    place: Place
    manifest: Manifest
    order: Order
    say: Say
    folder: Path
    parts: list[Compared] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def run(self) -> None:
        files = self._files()
        if (path := files.get(backup.SETTINGS_FILE)) is not None:
            self.parts.append(_settings(path))
        wanted = {backup.DATABASE_FILE: self._database, backup.QUEUE_FILE: self._queue}
        if not wanted.keys() & files.keys():
            return
        with ExitStack() as ending:
            try:
                program = scratch.postgres_for(_major(self.manifest), self.order.source)
                self.say(f"starting Postgres {programs.shown(program)} and a Redis for the trial")
                servers = ending.enter_context(scratch.running(self.folder, program, self.order.source))
            except (MissingExtra, StackError) as failure:
                for area in (Area.POSTGRES, Area.QUEUE):
                    self._tell(area, Verdict.UNKNOWN, f"{failure.message}; {failure.hint}")
                return
            for file, compare in wanted.items():
                if file in files:
                    compare(files[file], servers, program)

    def _tell(self, area: Area, verdict: Verdict, detail: str, part: str = "") -> None:
        self.parts.append(Compared(area, part or area.value, verdict, detail))

    def _files(self) -> dict[str, Path]:
        """The parts that are what the manifest says; the others are told."""
        found: dict[str, Path] = {}
        # Not in the folder itself: the servers' user enters that, and so may anybody else.
        private = self.folder / "files"
        private.mkdir(mode=0o700)
        self.say(f"reading {self.manifest.name}")
        for part in self.manifest.parts:
            try:
                path = self.place.fetch(self.manifest.name, part.file, private)
            except DamagedBackup as failure:
                self._tell(Area.FILES, Verdict.DIFFERS, failure.message, part.file)
                continue
            now = measure(path, part.file)
            if now == part:
                self._tell(Area.FILES, Verdict.SAME, f"{part.bytes} bytes, sha256 {part.sha256[:12]}…", part.file)
                found[part.file] = path
            elif now.bytes != part.bytes:
                text = f"{now.bytes} bytes, {part.bytes} expected; not restored"
                self._tell(Area.FILES, Verdict.DIFFERS, text, part.file)
            else:
                self._tell(Area.FILES, Verdict.DIFFERS, "other bytes (sha256); not restored", part.file)
        return found

    def _database(self, path: Path, servers: Scratch, server: Program) -> None:
        self.say("restoring Postgres")
        url = servers.database_url
        with Database(url, application="lomi backup", statement_timeout_s=_DATABASE_PATIENCE_S) as database:
            with database.session() as session:
                lacking = record.missing_extensions(session, self.manifest.database.extensions)
                if lacking == (record.UUID_EXTENSION,):
                    record.stand_in_for_uuid(session)
                    self.notes.append("this machine has no uuid-ossp: a function of ours stood in for it")
                elif lacking:
                    text = (
                        f"Postgres on this machine lacks {', '.join(lacking)}: install what brings it, or try elsewhere"
                    )
                    self._tell(Area.POSTGRES, Verdict.UNKNOWN, text)
                    return
            how = Restoring(replace=False, owners=False, present=lacking)
            written_by = self.manifest.database.dumped_by
            try:
                program = programs.pg_restore(programs.shown(server), written_by, self.order.source)
                postgres.restore(program, login_of(url), path, how)
            except MissingExtra as failure:
                self._tell(Area.POSTGRES, Verdict.UNKNOWN, f"{failure.message}; {failure.hint}")
                return
            except ProgramFailed as failure:
                self._tell(Area.POSTGRES, Verdict.DIFFERS, f"it cannot be restored: {failure.message}")
                return
            self.say("comparing every table")
            self.parts += backup.compare_tables(self.manifest.database.tables, record.content(database))

    def _queue(self, path: Path, servers: Scratch, server: Program) -> None:
        self.say("restoring the queue")
        keys = Keys(self.manifest.queue.list)

        def whole() -> Iterator[Page]:
            return pages.read(path)

        try:
            expected = plan.likenesses(plan.restored(whole, keys), keys)
            tally = Tally(keys)
            for _ in tally.counted(whole()):
                pass
        except Damaged as damage:
            self._tell(Area.QUEUE, Verdict.DIFFERS, str(damage))
            return
        with queue_client(RedisSection(url=SecretStr(servers.redis_url))) as client:
            client.config_set("appendonly", "no")
            # A record may be near its end: here all of them have to live until they are compared.
            write.put_back(client, keys, whole, lives=False)
            found = plan.likenesses(export.pages(client, keys), keys)
        self.parts += _lengths(self.manifest.queue.lengths, tally.lengths())
        self.parts += compare_queues(expected, found, keys)


def compare_queues(expected: Mapping[str, Likeness], found: Mapping[str, Likeness], keys: Keys) -> Iterator[Compared]:
    """One line for each key of either side."""
    for key in dict.fromkeys([*expected, *found]):
        name = _short(key, keys)
        one, other = expected.get(key), found.get(key)
        if one is None or other is None:
            text = "not in the backup" if one is None else f"{one.count} expected, and it is not there"
            yield Compared(Area.QUEUE, name, Verdict.DIFFERS, text)
        elif one.count != other.count:
            yield Compared(Area.QUEUE, name, Verdict.DIFFERS, f"{other.count}, {one.count} expected")
        elif one != other:
            yield Compared(Area.QUEUE, name, Verdict.DIFFERS, f"{other.count}, with other content")
        else:
            yield Compared(Area.QUEUE, name, Verdict.SAME, f"{other.count}{', in order' if one.kind == 'list' else ''}")


def _lengths(promised: Mapping[str, int], found: Mapping[str, int]) -> Iterator[Compared]:
    """What the manifest counted, beside what the file holds."""
    wrong = {name: length for name, length in promised.items() if found.get(name) != length}
    for name, length in wrong.items():
        text = f"{found.get(name, 0)} in the file, {length} in the manifest"
        yield Compared(Area.QUEUE, name, Verdict.DIFFERS, text)


def _short(key: str, keys: Keys) -> str:
    return "ready" if key == keys.ready else key.removeprefix(keys.job_prefix.removesuffix("job:"))


def _settings(path: Path) -> Compared:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        count = len(body["settings"]) if body["schema"] == SETTINGS_SCHEMA else 0
    except (OSError, ValueError, KeyError, TypeError) as damage:
        return Compared(Area.SETTINGS, Area.SETTINGS.value, Verdict.DIFFERS, f"cannot be read: {type(damage).__name__}")
    return Compared(Area.SETTINGS, Area.SETTINGS.value, Verdict.SAME if count else Verdict.DIFFERS, f"{count} settings")


def _major(manifest: Manifest) -> int:
    """What wrote the dump may be newer than the server that it was made of."""
    return max(manifest.database.major, int(manifest.database.dumped_by.partition(".")[0]))
