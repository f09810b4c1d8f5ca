"""Every SQL block is whole, used, and accepted by a real server on a migrated database."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import lomi_ops.db
from lomi_ops.db.queries import Block, blocks, script, sql_folder

PACKAGE = Path(lomi_ops.db.__file__).parent
CHECKOUT = PACKAGE.parents[1]


@pytest.fixture
def migrated(prepared_url: str) -> Iterator[psycopg.Connection[object]]:
    with psycopg.connect(prepared_url, autocommit=True) as connection:
        yield connection


def words_in_code() -> set[str]:
    """Every string constant of the package's own modules."""
    words = set()
    for module in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
    return words


def prepared(connection: psycopg.Connection[object], block: Block) -> tuple[int, list[str]]:
    """Prepares a block on the server: the number of its parameters and the names of its columns."""
    name = block.name.encode()
    for result in (connection.pgconn.prepare(name, block.numbered.encode()), connection.pgconn.describe_prepared(name)):
        assert not result.error_message, f"{block.name}: {result.error_message.decode()}"
    return result.nparams, [(result.fname(column) or b"").decode() for column in range(result.nfields)]


def test_the_server_prepares_every_block_and_its_columns_are_the_declared_ones(
    migrated: psycopg.Connection[object],
) -> None:
    assert len(blocks()) > 20
    for block in blocks().values():
        parameters, columns = prepared(migrated, block)
        assert parameters == len(block.inputs), block.name
        assert columns == list(block.columns), block.name


@pytest.mark.parametrize("block", blocks().values(), ids=lambda block: block.name)
def test_a_header_says_what_the_block_does_and_declares_exactly_the_parameters_it_uses(block: Block) -> None:
    assert block.purpose.endswith((".", "?")), "the purpose is a sentence"
    assert set(block.inputs) == block.placeholders
    assert all(note.strip() for note in block.inputs.values())


def test_every_block_is_used() -> None:
    assert set(blocks()) - words_in_code() == set()


def test_every_whole_file_is_used_by_name_or_is_a_migration() -> None:
    used = words_in_code()
    for file in (PACKAGE / "sql" / "contract").glob("*.sql"):
        names = {f"contract/{file.name}", file.stem, file.stem.removeprefix("drop_")}
        assert names & used, f"{file.name} is not used"
        assert script(f"contract/{file.name}").strip()


def test_sql_lives_only_in_sql_files() -> None:
    verbs = ("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE ", "ALTER ", "DROP ")
    found = [word for word in words_in_code() if word.lstrip().startswith(verbs)]
    assert found == []


def test_migrations_never_touch_the_backends_tables() -> None:
    for file in (PACKAGE / "sql" / "migrations").glob("*.sql"):
        for line in file.read_text("utf-8").splitlines():
            words = line.partition("--")[0].replace("(", " ").replace(";", " ").split()
            assert not {"media", "users", "public.media", "public.users"} & set(words), f"{file.name}: {line}"


def test_the_sql_files_are_found_through_the_package_as_in_a_wheel() -> None:
    """Hatch puts everything below `lomi_ops` into the wheel unless git ignores it."""
    on_disk = {str(path.relative_to(PACKAGE / "sql")) for path in (PACKAGE / "sql").rglob("*.sql")}
    assert {entry.name for entry in sql_folder().iterdir() if entry.name.endswith(".sql")} <= on_disk
    assert {"migrations/0001_record.sql", "contract/tables.sql", "ledger.sql"} <= on_disk
    ignored = (CHECKOUT / ".gitignore").read_text("utf-8") if (CHECKOUT / ".gitignore").exists() else ""
    assert "sql" not in ignored
