"""How often a worker waits for Postgres over one job; a database in another building makes each wait a millisecond."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lomi_ops.db import ledger
from lomi_ops.db.fingerprints import Shelf
from lomi_ops.db.pool import Database
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.errors import LomiError
from tests.integration.db.conftest import AT, POLICY, Backend, judged


@dataclass
class Counter:
    """Forwards one connection after another, and counts how often the client speaks after the server has answered."""

    host: str
    port: int
    trips: int = 0
    _answered: bool = True
    _door: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def address(self) -> tuple[str, int]:
        name: tuple[str, int] = self._door.getsockname()
        return name

    def run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                with client, socket.create_connection((self.host, self.port)) as server:
                    self._forward(client, server)

    def close(self) -> None:
        # A close alone would not wake whoever waits in accept.
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                    if not data:
                        return
                    self.trips += key.fileobj is client and self._answered
                    self._answered = key.fileobj is server
                    key.data.sendall(data)


@pytest.fixture
def counter(prepared_url: str) -> Iterator[Counter]:
    given = conninfo_to_dict(prepared_url)
    made = Counter(str(given["host"]), int(given["port"] or 5432))
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    yield made
    made.close()
    thread.join(5)


@pytest.fixture
def far(prepared_url: str, counter: Counter) -> Iterator[Database]:
    host, port = counter.address
    with Database(make_conninfo(prepared_url, host=host, port=port, sslmode="disable", gssencmode="disable")) as found:
        yield found


def test_a_job_waits_for_the_database_twice(far: Database, counter: Counter, backend: Backend) -> None:
    shelf = Shelf()
    for _ in range(2):  # the first one is also asked for the schema's level and for a place for hashes
        job = backend.job(3)
        before = counter.trips
        known = ledger.opening(far, job)
        looked_up = counter.trips - before
        made = [replace(judged(photo.media_id), fingerprint=Fingerprint(bytes(32))) for photo in job.photos]
        done = ledger.settle(far, job, made, attempt=1, token="t", worker="w", at=AT, policy=POLICY, shelf=shelf)
        assert len(done.applied) == len(known.photos) == 3
    assert looked_up == 1
    assert counter.trips - before - looked_up == 1


def test_a_settlement_that_fails_at_its_very_end_raises_and_leaves_nothing_behind(
    db: Database, backend: Backend, plain: psycopg.Connection[dict[str, object]]
) -> None:
    job = backend.job(2)
    made = [judged(photo.media_id) for photo in job.photos]
    plain.execute("""
        CREATE FUNCTION lomi.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON lomi.decisions DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION lomi.refuse();
    """)
    with pytest.raises(LomiError, match="P0001"):
        ledger.settle(db, job, made, attempt=1, token="t", worker="w", at=AT, policy=POLICY)

    assert ledger.entry(db, job.job_id) is None
    assert {backend.row(photo.media_id)["moderation_status"] for photo in job.photos} == {"pending"}
    plain.execute("DROP TRIGGER late ON lomi.decisions")
    assert len(ledger.settle(db, job, made, attempt=1, token="t", worker="w", at=AT, policy=POLICY).applied) == 2


def test_a_duplicate_writes_nothing_though_a_photo_of_it_is_undecided(db: Database, backend: Backend) -> None:
    """The first attempt decided one of two photos; the second one knows both, and is late."""
    job = backend.job(2)
    one, other = (photo.media_id for photo in job.photos)
    ledger.settle(db, job, [judged(one)], attempt=1, token="t", worker="w", at=AT, policy=POLICY)

    late = ledger.settle(db, job, [judged(one), judged(other)], attempt=2, token="u", worker="v", at=AT, policy=POLICY)

    assert late.duplicate
    assert backend.row(other)["moderation_status"] == "pending"
    found = ledger.entry(db, job.job_id)
    assert found is not None
    assert (found.attempt, found.payload, found.settled_at) == (1, late.payload, AT)
    opened = ledger.opening(db, job)
    assert (opened.settled_at, opened.payload) == (AT, late.payload)
