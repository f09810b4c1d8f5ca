"""`lomi migrate indexes`: what makes lists and reports quick is built when somebody asks for it, and never missed.

The two that `lomi migrate apply` builds unasked are not there: an older version has migrated this database."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest

from lomi_ops.db.migration.proposed import PROPOSED, UNASKED
from lomi_ops.db.queries import script
from tests.integration.ops.conftest import Lomi, Said
from tests.integration.ops.old_cluster import OldCluster

NAMES = [each.name for each in PROPOSED]
DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def cluster(cluster: OldCluster) -> OldCluster:
    with cluster.sql() as pg:
        for each in UNASKED:
            pg.execute(f"DROP INDEX {each.name}".encode())
    return cluster


def states(said: Said) -> dict[str, str]:
    return {each["name"]: each["state"] for each in said.document["indexes"]}


def test_nothing_is_built_that_nobody_asked_for(cluster: OldCluster, lomi: Lomi) -> None:
    assert lomi("migrate", "verify").out.splitlines()[-1] == "complete"

    said = lomi("migrate", "indexes")

    assert (said.code, said.err) == (0, "")
    assert [line.split()[:2] for line in said.out.splitlines()[1:-1] if line.startswith("media_")] == [
        [name, "missing"] for name in NAMES
    ]
    assert said.out.splitlines()[-1] == f"lomi migrate indexes --build {NAMES[0]}"


@pytest.mark.parametrize("name", NAMES)
def test_one_is_built_and_is_no_difference(cluster: OldCluster, lomi: Lomi, name: str) -> None:
    said = lomi("migrate", "indexes", "--build", name, "--as", "sara", "-o", "json")

    assert said.code == 0
    assert said.document["built"] == [name]
    assert states(said) == {each: "there" if each == name else "missing" for each in NAMES}
    assert next(each["bytes"] for each in said.document["indexes"] if each["name"] == name) > 0
    assert lomi("migrate", "verify").out.splitlines()[-1] == "complete"
    with cluster.sql() as pg:
        entry = pg.execute("SELECT actor, action FROM lomi.audit ORDER BY id DESC LIMIT 1").fetchone()
    assert entry == {"actor": "sara", "action": "migrate.apply"}


def test_all_are_built_once(cluster: OldCluster, lomi: Lomi) -> None:
    first = lomi("migrate", "indexes", "--build", "all")
    assert first.out.splitlines()[: len(NAMES)] == [f"built: {name}" for name in NAMES]
    assert first.out.splitlines()[-1] == "all are there"
    assert lomi("migrate", "indexes", "--build", "all", "-o", "json").document["built"] == []


def test_what_an_interrupted_build_has_left_is_built_anew(cluster: OldCluster, lomi: Lomi) -> None:
    lomi("migrate", "indexes", "--build", "media_user")
    with cluster.sql() as pg:
        pg.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'media_user'::regclass")
    assert states(lomi("migrate", "indexes", "-o", "json"))["media_user"] == "invalid"
    assert "DROP INDEX CONCURRENTLY IF EXISTS media_user;" in lomi("migrate", "indexes", "--dry-run").out

    said = lomi("migrate", "indexes", "--build", "media_user", "-o", "json")

    assert (said.document["built"], states(said)["media_user"]) == (["media_user"], "there")


def test_a_dry_run_prints_the_sql_that_the_docs_have_and_builds_nothing(cluster: OldCluster, lomi: Lomi) -> None:
    said = lomi("migrate", "indexes", "--dry-run")

    assert said.code == 0
    for name in NAMES:
        assert script(f"proposed/{name}.sql").strip() in said.out
    assert set(states(lomi("migrate", "indexes", "-o", "json")).values()) == {"missing"}
    one = lomi("migrate", "indexes", "--build", "media_user", "--dry-run").out
    assert "media_user" in one
    assert "media_piles" not in one


@pytest.mark.parametrize("name", NAMES)
def test_the_docs_have_the_statement_that_is_run(name: str) -> None:
    def plain(text: str) -> str:
        return " ".join(text.replace("IF NOT EXISTS ", "").split())

    told = " ".join(page.read_text("utf-8") for page in DOCS.glob("*.md"))
    found = re.findall(rf"CREATE INDEX CONCURRENTLY {name} ON [^;]*;", told)
    assert {plain(each) for each in found} == {plain(script(f"proposed/{name}.sql"))}


def test_a_name_that_is_none_is_told_those_that_are(cluster: OldCluster, lomi: Lomi) -> None:
    said = lomi("migrate", "indexes", "--build", "media_pile")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "error: --build media_pile: no such index\n"
        "  try: --build media_piles|media_minors|media_user|media_reports|all\n"
    )


def test_a_table_without_its_columns_gets_them_first(
    redis_url: str, database_url: str, tmp_path: Path, lomi: Lomi, point: object
) -> None:
    old = OldCluster(redis_url, database_url, tmp_path / "objects")
    old.build(moderation=False)
    point(old)  # type: ignore[operator]

    said = lomi("migrate", "indexes", "--build", "all")

    assert said.code == 5
    assert said.err.splitlines()[-1] == "  try: lomi migrate apply"


def test_a_database_without_the_table_is_not_the_backends(
    database_url: str, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", database_url)
    said = lomi("migrate", "indexes")
    assert said.code == 1
    assert "there is no table media" in said.err


def test_a_role_that_does_not_own_the_table_is_told_the_grant(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = f"r_{uuid.uuid4().hex[:8]}"
    with cluster.sql() as pg:
        pg.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'canary'".encode())
        pg.execute(f"GRANT USAGE ON SCHEMA lomi TO {role}; GRANT SELECT ON lomi.schema_migrations TO {role}".encode())
    try:
        server = cluster.database_url.partition("@")[2]
        monkeypatch.setenv("LOMI_DATABASE_URL", f"postgresql://{role}:canary@{server}")
        said = lomi("migrate", "indexes", "--build", "media_user")
        looked = lomi("migrate", "indexes")
    finally:
        with cluster.sql() as pg:
            pg.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
    assert said.code == 5
    assert said.err.splitlines()[0] == "error: this role may not alter the table media: nothing was changed"
    assert said.err.splitlines()[-1].endswith("Or hand over what lomi migrate indexes --dry-run prints.")
    assert looked.code == 0


def test_a_name_that_something_else_has_is_not_told_as_built(cluster: OldCluster, lomi: Lomi) -> None:
    with cluster.sql() as pg:
        pg.execute("CREATE INDEX media_user ON users (telegram_id)")

    said = lomi("migrate", "indexes", "--build", "media_user")

    assert (said.code, said.out) == (5, "")
    assert said.err.splitlines()[0] == "error: media_user was not built: something else in this schema has that name"
    assert states(lomi("migrate", "indexes", "-o", "json"))["media_user"] == "missing"


def test_it_says_which_of_them_apply_builds(cluster: OldCluster, lomi: Lomi) -> None:
    lomi("migrate", "apply")
    found = lomi("migrate", "indexes", "-o", "json").document["indexes"]
    assert [(each["name"], each["state"], each["built_by_apply"]) for each in found] == [
        ("media_piles", "there", True), ("media_minors", "there", True),
        ("media_user", "missing", False), ("media_reports", "missing", False),
    ]  # fmt: skip
    assert lomi("migrate", "indexes").out.splitlines()[-1] == "lomi migrate indexes --build media_user"
