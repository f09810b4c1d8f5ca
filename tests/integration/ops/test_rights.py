"""The rights in docs/database.md are enough for what each part does, and not one of them is too much."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.db import activations, checkpoints, history, ledger, media, migrate, outbox
from lomi_ops.db.fingerprints import Shelf
from lomi_ops.db.pool import Database, Session
from lomi_ops.db.queries import block_of, blocks
from lomi_ops.domain.decision import PhotoDecision, contract_scores
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.domain.history import EndedJob
from lomi_ops.domain.job import Job, PhotoRef
from lomi_ops.domain.sampling import Kind
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.domain.window import Window
from lomi_ops.errors import DatabaseUnavailable, LomiError, NotFound, Refused
from lomi_ops.ops.quality import sampling
from lomi_ops.ops.reviews.desk import Desk
from tests.integration.ops.conftest import Lomi
from tests.integration.ops.old_cluster import MODERATION, OldCluster, scores
from tests.integration.ops.roles import (
    DECIDE,
    MEASURE,
    MIGRATE,
    MIGRATE_COMPLETE,
    PAGE,
    READ,
    ROLE,
    TEST,
    WORK,
    Right,
    Roles,
    documented,
    hardened,
    rights,
)  # fmt: skip

ROOT = Path(__file__).parents[3]
LONG_AGO = timedelta(hours=2)


@pytest.fixture
def bare(redis_url: str, database_url: str, tmp_path: Path) -> Iterator[tuple[Roles, OldCluster]]:
    """An old cluster before the moderation migration, that belongs to its backend."""
    with hardened(database_url) as roles:
        cluster = OldCluster(redis_url, roles.url("backend"), tmp_path / "objects")
        cluster.build(moderation=False)
        yield roles, cluster


@pytest.fixture
def swapped(bare: tuple[Roles, OldCluster], monkeypatch: pytest.MonkeyPatch) -> tuple[Roles, OldCluster]:
    """The same, migrated by the migrator."""
    roles, cluster = bare
    roles.make(MIGRATE)
    with Database(roles.url("lomi_migrator")) as db:
        assert apply_all(db).complete
    monkeypatch.setenv("LOMI_REDIS_URL", cluster.redis_url)
    monkeypatch.setenv("LOMI_OBJECTS", str(cluster.objects))
    return roles, cluster


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of all blocks that are sent from now on."""
    names: set[str] = set()
    admitted = Session._admitted

    def noted(self: Session, name: str) -> Any:
        names.add(name)
        return admitted(self, name)

    monkeypatch.setattr(Session, "_admitted", noted)
    return names


def apply_all(db: Database) -> migrate.Differences:
    return migrate.apply_all(db, actor="ada", now=lambda: datetime.now(UTC))[1]


def tables_of(blocks: set[str]) -> frozenset[str]:
    """The tables of ours that these blocks name."""
    return frozenset(name for block in blocks for name in re.findall(r"\blomi\.[a-z_]+\b", block_of(block).text))


def assert_each_is_needed(roles: Roles, heading: str, blocks: set[str]) -> None:
    """Without any one of the rights some block of these is refused."""
    role = ROLE[heading]
    assert refused(roles.url(role), blocks) == []
    single = rights(heading, tables_of(blocks))
    assert len(single) >= 4
    for right in single:
        with roles.without(right):
            assert refused(roles.url(role), blocks), f"nobody misses: {right.grant}"
    assert refused(roles.url(role), blocks) == [], "all are given back"


def refused(url: str, blocks: set[str]) -> list[str]:
    """Those that the server would not run for this role. Rights are looked at when a plan is made ready to run, so
    nothing has to be run for it."""
    try:
        connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
    except psycopg.OperationalError as failure:
        return [str(failure)]
    with connection:
        connection.execute("SELECT set_config('search_path', 'public', false)")
        return [name for name in sorted(blocks) if not runs(connection, name)]


def runs(connection: psycopg.Connection[Any], name: str) -> bool:
    block = block_of(name)
    nothing = f"({', '.join(['NULL'] * len(block.inputs))})" if block.inputs else ""
    try:
        connection.execute(f"PREPARE probe AS {block.numbered}".encode())
        connection.execute(f"EXPLAIN EXECUTE probe{nothing}".encode())
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):
        return False  # a table in a schema that one may not use is not even seen
    finally:
        connection.execute("DEALLOCATE ALL")
    return True


# --- migrating --------------------------------------------------------------------------------------------------------


def test_the_migrator_migrates_an_old_cluster_that_the_backend_owns(bare: tuple[Roles, OldCluster]) -> None:
    roles, cluster = bare
    roles.make(MIGRATE)
    with cluster.sql() as backend:
        backend.execute(
            "INSERT INTO media (user_id, media_type, url, is_approved) VALUES (%s, 'photo', 'k', true)", (cluster.user,)
        )
    for right in rights(MIGRATE, frozenset()):
        with roles.without(right), Database(roles.url("lomi_migrator")) as db, pytest.raises(LomiError) as caught:
            apply_all(db)
        assert isinstance(caught.value, Refused) or "permission denied" in caught.value.message, right.grant

    with Database(roles.url("lomi_migrator")) as db:
        assert apply_all(db).complete
        assert migrate.differences(db).complete

    with cluster.sql() as backend:
        (row,) = backend.execute("SELECT moderation_status, batch_id FROM media").fetchall()
        assert row == {"moderation_status": "approved", "batch_id": None}
        owner = backend.execute(
            "SELECT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relname = 'media'"
        ).fetchone()
        assert owner == {"owner": roles.name("backend")}


def test_the_migrator_may_do_what_a_test_of_the_whole_system_does(swapped: tuple[Roles, OldCluster]) -> None:
    """Every statement of `lomi e2e`: it adds photos as the backend does, and takes them back."""
    roles, _ = swapped
    of_tests = {name for name in blocks() if name.startswith(("marked_", "upload"))}
    assert len(of_tests) >= 8
    assert refused(roles.url("lomi_migrator"), of_tests) == []


def test_the_migrator_may_erase_a_user(swapped: tuple[Roles, OldCluster]) -> None:
    roles, _ = swapped
    of_privacy = {name for name in blocks() if name.startswith("privacy_")}
    assert len(of_privacy) >= 15
    assert refused(roles.url("lomi_migrator"), of_privacy) == []


def test_where_media_is_complete_the_migrator_needs_nothing_of_the_backends(bare: tuple[Roles, OldCluster]) -> None:
    roles, cluster = bare
    with cluster.sql() as backend:
        backend.execute(MODERATION)
    roles.make(MIGRATE_COMPLETE)
    for right in rights(MIGRATE_COMPLETE, frozenset()):
        with roles.without(right), Database(roles.url("lomi_migrator")) as db:
            assert not completes(db), right.grant
        # Without the right to look everything else was made; the next round needs an untouched database.
        roles.run("DROP SCHEMA IF EXISTS lomi CASCADE")

    with Database(roles.url("lomi_migrator")) as db:
        left = apply_all(db)
    assert left.complete
    (absent,) = left.state.media.absent
    assert absent.command == f"lomi migrate apply --dry-run prints what {roles.name('backend')} runs"


def completes(db: Database) -> bool:
    try:
        return apply_all(db).complete
    except (Refused, NotFound, DatabaseUnavailable):
        return False


# --- reading ----------------------------------------------------------------------------------------------------------

READS: tuple[tuple[str, ...], ...] = (
    ("check",), ("top", "--once"), ("metrics", "print"), ("report", "--window", "today"), ("review", "list"),
    ("review", "notes"),
    ("queue", "stats"), ("jobs", "status"), ("jobs", "history"), ("audit", "list"), ("audit", "verify"),
    ("migrate", "verify"), ("migrate", "status"), ("migrate", "apply", "--dry-run"),
    ("reconcile", "--dry-run", "--older-than", "0s"), ("jobs", "submit", "--dry-run", "--prefix", "users/"),
)  # fmt: skip


def test_every_command_that_reads_works_for_the_reader(
    swapped: tuple[Roles, OldCluster], lomi: Lomi, monkeypatch: pytest.MonkeyPatch, sent: set[str]
) -> None:
    roles, cluster = swapped
    roles.make(READ)
    batch = uuid.uuid4()
    rejected = cluster.photo("rejected", "blurry", scores(), batch=batch)
    cluster.photo(batch=batch, ago=LONG_AGO)
    monkeypatch.setenv("LOMI_DATABASE_URL", roles.url("lomi_migrator"))
    submission = lomi("jobs", "submit", "--async", cluster.photo()).out.strip()
    monkeypatch.setenv("LOMI_DATABASE_URL", roles.url("lomi_reader"))
    sent.clear()

    said = {" ".join(words): lomi(*words) for words in (*READS, ("jobs", "status", submission))}
    said["review show"] = lomi("review", "show", rejected)

    assert not [name for name, each in said.items() if "denied" in each.out + each.err or each.code == 2]
    assert said["migrate verify"].out.splitlines()[-1] == "complete"
    assert str(rejected) in said["review list"].out
    assert "needs" not in said["migrate status"].err
    fine = {name: each.code for name, each in said.items() if not name.startswith(("check", "reconcile", "jobs"))}
    assert fine == dict.fromkeys(
        ("top --once", "metrics print", "report --window today", "review list", "review notes", "review show",
         "queue stats", "audit list", "audit verify",
         "migrate verify", "migrate status", "migrate apply --dry-run"), 0,
    )  # fmt: skip
    checks = {line for line in said["check"].out.splitlines() if "postgres" in line}
    assert checks
    assert not [line for line in checks if "permission" in line]
    assert_each_is_needed(roles, READ, sent)


@pytest.mark.parametrize(
    "words", [("review", "approve", "ID", "--reason", "fine"), ("reconcile", "--older-than", "0s")]
)
def test_the_reader_changes_nothing(
    swapped: tuple[Roles, OldCluster], lomi: Lomi, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    roles, cluster = swapped
    roles.make(READ)
    photo = cluster.photo(ago=LONG_AGO)
    monkeypatch.setenv("LOMI_DATABASE_URL", roles.url("lomi_reader"))
    said = lomi(*(str(photo) if word == "ID" else word for word in words))
    assert said.code == 1
    assert "permission denied" in said.err


# --- deciding ---------------------------------------------------------------------------------------------------------


def test_the_operator_can_do_what_people_do(
    swapped: tuple[Roles, OldCluster], lomi: Lomi, monkeypatch: pytest.MonkeyPatch, sent: set[str]
) -> None:
    roles, cluster = swapped
    roles.make(READ)
    roles.make(DECIDE)
    batch = uuid.uuid4()
    rejected, approved = (
        cluster.photo("rejected", "blurry", scores(), batch=batch),
        cluster.photo("approved", batch=batch),
    )
    undecided = [cluster.photo(ago=LONG_AGO, batch=each) for each in (batch, UUID(int=0))]
    logged = cluster.photo(ago=LONG_AGO, batch=uuid.uuid4())
    decided(roles, cluster, logged)
    monkeypatch.setenv("LOMI_DATABASE_URL", roles.url("lomi_operator"))
    sent.clear()

    said = [
        lomi("review", "approve", rejected, "--reason", "sharp", "--grace", "0s"),
        lomi("review", "reject", approved, "--because", "nsfw", "--reason", "look"),
        lomi("jobs", "submit", "--async", undecided[0]),
        lomi("reconcile", "--older-than", "0s"),
        lomi("queue", "pause", "--reason", "deploy"),
        lomi("queue", "resume"),
    ]
    submission = said[2].out.strip()
    took_back = lomi("review", "undo", approved)
    assert "nobody had been told" in took_back.out, took_back.err
    looked_at(roles.url("lomi_operator"), approved)
    said += [
        lomi("jobs", "submit", "--async", "--prefix", "users/"),
        lomi("jobs", "cancel", submission),
        *(lomi(*words) for words in READS),
    ]

    assert [each.err for each in said[:8] if each.err and not each.err.startswith("told at ")] == []
    assert [each.code for each in said[:8]] == [0, 0, 0, 0, 0, 0, said[6].code, 0]
    with cluster.sql() as backend:
        rows = {row["id"]: row for row in backend.execute("SELECT * FROM media").fetchall()}
    assert [rows[photo]["moderation_status"] for photo in (rejected, approved, logged)] == ["approved"] * 3
    assert rows[undecided[1]]["batch_id"] != UUID(int=0)
    assert {"reconcile_adopt", "reconcile_apply", "audit_insert_many", "submission_cancel", "outbox_published"} <= sent
    of_alerts = {name for name in blocks() if name.startswith(("alerts_", "deliveries_"))}
    assert len(of_alerts) >= 20
    others = {name for name in blocks() if name.startswith(("activation_", "remoderat"))}
    assert_each_is_needed(roles, DECIDE, sent | of_alerts | others)


def looked_at(url: str, photo: UUID) -> None:
    """What the app of `lomi review` does beside deciding."""
    with Database(url) as db:
        desk = Desk(db, None, "sara", ReviewSection())
        held = desk.claim([photo])
        assert len(desk.beat(held.token)) == 1
        desk.reveal(photo)
        desk.note("seen", media_id=photo)
        assert desk.release(held.token) == 1
        sampling.draw(db, {Kind.APPROVED: 1.0}, Window(db.now() - LONG_AGO, db.now()), actor="sara", at=db.now())


def decided(roles: Roles, cluster: OldCluster, photo: UUID) -> None:
    """A decision that is in the log and did not get into `media`."""
    roles.run(
        "INSERT INTO lomi.decisions (at, media_id, batch_id, user_id, job_id, actor, status)"
        " SELECT now() - interval '1 hour', id, batch_id, user_id, 'j', 'worker', 'approved'"
        f" FROM media WHERE id = '{photo}'"
    )


# --- working ----------------------------------------------------------------------------------------------------------


def test_a_worker_that_takes_findings_again_needs_the_right_that_the_page_names_beside_its_own(
    swapped: tuple[Roles, OldCluster],
) -> None:
    roles, _ = swapped
    roles.make(WORK)
    of_reuse = {name for name in blocks() if name.startswith("reuse_")}
    (named,) = re.findall(r"`(GRANT SELECT ON lomi\.decisions, [^`]+)`", PAGE.read_text("utf-8"))
    assert refused(roles.url("lomi_worker"), of_reuse) == ["reuse_find"], "it may ask whether there is an index"

    roles.run(named)

    assert refused(roles.url("lomi_worker"), of_reuse) == []
    for table in ("decisions", "photo_hashes"):
        with roles.without(Right(f"GRANT SELECT ON lomi.{table} TO lomi_worker",
                                 f"REVOKE SELECT ON lomi.{table} FROM lomi_worker")):  # fmt: skip
            assert refused(roles.url("lomi_worker"), of_reuse) == ["reuse_find"], table


AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


ENDED = EndedJob("1-1", "other", "dead", 1, "hung", "w/0", "host", 3, 1, 1, "transient", "it hung", "", "", 1)


def work(db: Database, job: Job) -> None:
    """Everything that a worker asks of the database, in the order of a job's life."""
    photo, crashed = (ref.media_id for ref in job.photos)
    nothing = contract_scores(None, None, 5.0)
    decision = PhotoDecision(photo, MediaStatus.APPROVED, None, nothing, fingerprint=Fingerprint(bytes(32)))
    assert migrate.apply(db) == ()
    db.ping()
    db.now()
    assert activations.kept(db)
    assert activations.latest(db) is None
    assert ledger.entry(db, job.job_id) is None
    known = ledger.opening(db, job)
    assert known.settled_at is None
    assert photo in known.photos
    assert checkpoints.note_crash(db, job.job_id, crashed, at=AT) == 1
    checkpoints.save(db, job.job_id, decision, at=AT)
    assert checkpoints.load(db, job.job_id)
    for _ in range(2):
        settled = ledger.settle(db, job, [decision], attempt=1, token="t", worker="w", at=AT, shelf=Shelf())
    assert settled.duplicate
    history.keep(db, [ENDED])
    assert outbox.waits(db, at=AT)
    while message := outbox.take_next(db, at=AT):
        outbox.mark_published(db, message.id, at=AT)
    assert not outbox.waits(db, at=AT)
    checkpoints.sweep(db, before=AT)


WORK_CALLS: dict[str, Callable[..., object]] = {
    f"{module.__name__.rpartition('.')[2]}.{name}": getattr(module, name)
    for module, names in (
        (activations, ("kept", "latest")),
        (ledger, ("entry", "opening", "settle")), (media, ("photos_of",)), (migrate, ("apply",)), (history, ("keep",)),
        (checkpoints, ("note_crash", "save", "load", "sweep")),
        (outbox, ("waits", "take_next", "mark_published")),
    )
    for name in names
}  # fmt: skip


def test_what_the_worker_package_asks_of_the_database_is_what_is_tried_here() -> None:
    text = "\n".join(path.read_text() for path in (ROOT / "worker").rglob("*.py"))
    modules = "activations|ledger|media|checkpoints|outbox|history|migrate|audit"
    called = set(re.findall(rf"\b((?:{modules})\.[a-z_]+)\(", text))
    assert called == set(WORK_CALLS)
    assert set(re.findall(r"\bdatabase\.([a-z_]+)\(", text)) <= {"now", "ping", "close"}


def test_the_worker_can_do_a_jobs_whole_life(swapped: tuple[Roles, OldCluster], sent: set[str]) -> None:
    roles, cluster = swapped
    roles.make(WORK)
    batch = uuid.uuid4()
    photos = [cluster.photo(batch=batch) for _ in range(2)]
    job = Job(
        "j1", batch, cluster.user, cluster.telegram, tuple(PhotoRef(photo, f"k/{photo}", "b") for photo in photos), AT
    )
    roles.run("INSERT INTO lomi.outbox (job_id, payload, due_at) VALUES ('m', '{}', '2026-01-01')")

    with Database(roles.url("lomi_worker")) as db:
        sent.clear()
        work(db, job)

    with cluster.sql() as backend:
        row = backend.execute("SELECT moderation_status FROM media WHERE id = %s", (photos[0],)).fetchone()
    assert row == {"moderation_status": "approved"}
    assert_each_is_needed(roles, WORK, sent)


# --- testing ----------------------------------------------------------------------------------------------------------


def test_the_tester_can_send_photos_and_take_them_back(
    swapped: tuple[Roles, OldCluster], lomi: Lomi, monkeypatch: pytest.MonkeyPatch, sent: set[str], tmp_path: Path
) -> None:
    roles, cluster = swapped
    roles.make(TEST)
    monkeypatch.setenv("LOMI_DATABASE_URL", roles.url("lomi_tester"))
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"no worker looks at it")
    sent.clear()

    kept = lomi("e2e", 1, photo, "--keep", "--timeout", "0.1")
    cleaned = lomi("e2e", "--clean")
    again = lomi("e2e", 1, photo, "--timeout", "0.1")

    assert (kept.code, cleaned.code, again.code) == (1, 0, 1), kept.err + cleaned.err + again.err
    assert "denied" not in kept.err + cleaned.err + again.err
    assert "still there" not in cleaned.out + again.out
    with cluster.sql() as backend:
        left = backend.execute("SELECT count(*) AS n FROM users WHERE name = 'lomi-e2e'").fetchone()
    assert left == {"n": 0}
    assert_each_is_needed(roles, TEST, sent)


def test_the_bencher_can_settle_batches_and_take_them_back(
    swapped: tuple[Roles, OldCluster], lomi: Lomi, monkeypatch: pytest.MonkeyPatch, sent: set[str]
) -> None:
    roles, cluster = swapped
    for heading in (TEST, WORK, MEASURE):
        roles.make(heading)
    monkeypatch.setenv("LOMI_DATABASE_URL", roles.url("lomi_bencher"))
    sent.clear()

    said = lomi("bench", "database", "--batches", 2, "--yes", "-o", "json")

    assert said.code in (0, 1), said.err
    assert said.document["left"] == []
    with cluster.sql() as backend:
        users = backend.execute("SELECT count(*) AS n FROM users WHERE name = 'lomi-e2e'").fetchone()
    assert users == {"n": 0}
    assert_each_is_needed(roles, MEASURE, sent)


def test_each_section_gives_statements_for_its_role() -> None:
    for heading, role in ROLE.items():
        statements = documented(heading)
        assert statements[0] == f"CREATE ROLE {role} LOGIN"
        assert all(statement.startswith("GRANT ") for statement in statements[1:])
    assert Right("GRANT SELECT ON lomi.jobs TO lomi_worker", "REVOKE SELECT ON lomi.jobs FROM lomi_worker") in rights(
        WORK, frozenset()
    )
