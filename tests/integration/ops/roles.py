"""The roles that docs/database.md gives statements for, made with exactly these, on a database that grants nothing."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

PAGE = Path(__file__).parents[3] / "docs" / "database.md"
MIGRATE = "Rights to migrate"
MIGRATE_COMPLETE = "Rights to migrate where media is complete"
READ, DECIDE, WORK, TEST = "Rights to read", "Rights to decide", "Rights to work", "Rights to test"
MEASURE = "Rights to measure"
ROLE = {
    MIGRATE: "lomi_migrator",
    MIGRATE_COMPLETE: "lomi_migrator",
    READ: "lomi_reader",
    DECIDE: "lomi_operator",
    WORK: "lomi_worker",
    TEST: "lomi_tester",
    MEASURE: "lomi_bencher",
}
PASSWORD = "canary-role"
_NAMES = re.compile(r"\b(lomi_(?:migrator|reader|operator|worker|tester|bencher)|backend|photos)\b")
_GRANT = re.compile(r"GRANT (.+?)(?: ON (?:(DATABASE|SCHEMA|ALL TABLES IN SCHEMA) )?(.+?))? TO (\w+)")
_PRIVILEGE = re.compile(r"([A-Z]+)(?: \(([^)]+)\))?")


def documented(heading: str) -> list[str]:
    """The statements below a heading of the page."""
    _, _, below = PAGE.read_text().partition(f"\n### {heading}\n")
    section = re.split(r"^#", below, flags=re.MULTILINE)[0]
    text = " ".join(line.strip() for line in section.splitlines() if line.startswith("    "))
    return [" ".join(statement.split()) for statement in text.split(";") if statement.strip()]


@dataclass
class Roles:
    """Names of this test's own for those of the page."""

    admin_url: str
    database: str
    suffix: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    made: list[str] = field(default_factory=list)

    def named(self, statement: str) -> str:
        return _NAMES.sub(lambda match: self.name(match[1]), statement)

    def name(self, name: str) -> str:
        return self.database if name == "photos" else f"{name}_{self.suffix}"

    def url(self, role: str) -> str:
        at = urlsplit(self.admin_url)
        return f"postgresql://{self.name(role)}:{PASSWORD}@{at.hostname}:{at.port}/{self.database}"

    def run(self, statement: str) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            admin.execute(self.named(statement).encode())

    def make(self, heading: str) -> None:
        """The role of a section, with its rights, and a password."""
        for statement in documented(heading):
            self.run(statement)
            if statement.startswith("CREATE ROLE"):
                role = statement.split()[2]
                self.made.append(role)
                self.run(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'")

    def forget(self) -> None:
        for role in reversed(self.made):
            self.run(f"DROP OWNED BY {role} CASCADE")
            self.run(f"DROP ROLE {role}")

    @contextmanager
    def without(self, right: Right) -> Iterator[None]:
        self.run(right.revoke)
        try:
            yield
        finally:
            self.run(right.grant)


@dataclass(frozen=True)
class Right:
    """One privilege on one thing."""

    grant: str
    revoke: str


def rights(heading: str, tables: frozenset[str]) -> list[Right]:
    """Every single right that a section grants; of `ALL TABLES` those on `tables`."""
    found: list[Right] = []
    for statement in documented(heading):
        match = _GRANT.fullmatch(statement)
        if match is None:
            assert statement.startswith("CREATE ROLE"), statement
            continue
        privileges, kind, things, role = match.groups()
        if things is None:
            found.append(Right(statement, f"REVOKE {privileges} FROM {role}"))
            continue
        names = sorted(tables) if kind == "ALL TABLES IN SCHEMA" else things.split(", ")
        on = f"{kind} " if kind in ("DATABASE", "SCHEMA") else ""
        for name in names:
            for privilege in _single(privileges):
                found.append(Right(f"GRANT {privilege} ON {on}{name} TO {role}",
                                   f"REVOKE {privilege} ON {on}{name} FROM {role}"))  # fmt: skip
    return found


def _single(privileges: str) -> Iterator[str]:
    for privilege, columns in _PRIVILEGE.findall(privileges):
        if columns:
            yield from (f"{privilege} ({column})" for column in columns.split(", "))
        else:
            yield privilege


@contextmanager
def hardened(admin_url: str) -> Iterator[Roles]:
    """A database in which only the backend has rights, and owns its tables."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        roles = Roles(admin_url, admin.info.dbname)
    try:
        for statement in (
            f"CREATE ROLE backend LOGIN PASSWORD '{PASSWORD}'",
            "REVOKE ALL ON DATABASE photos FROM PUBLIC",
            "REVOKE ALL ON SCHEMA public FROM PUBLIC",
            "GRANT CONNECT ON DATABASE photos TO backend",
            "GRANT USAGE, CREATE ON SCHEMA public TO backend",
            # As docs/database.md has it for a role that is called lomi: here the tests' administrator.
            "ALTER ROLE lomi IN DATABASE photos SET search_path = public",
        ):
            roles.run(statement)
        roles.made.insert(0, "backend")
        yield roles
    finally:
        roles.forget()
