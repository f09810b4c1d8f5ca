"""SQL for a person who mends a catalogue: read, decided on and run by hand; nothing of ours runs it."""

from __future__ import annotations

from collections.abc import Iterator

from lomi_ops.domain.catalogue import Column, Kind, Thing, bare


def make(thing: Thing, schema: str) -> str:
    """The statement that makes a thing again; empty where its definition alone is not enough."""
    table = qualified(schema, thing.parent)
    match thing.kind:
        case Kind.COLUMN:
            return f"ALTER TABLE {table} ADD COLUMN {thing.name} {thing.definition};"
        case Kind.CONSTRAINT:
            return f"ALTER TABLE {table} ADD CONSTRAINT {thing.name} {thing.definition};"
        case Kind.INDEX:
            unique, using = ("UNIQUE ", thing.definition[7:]) if thing.definition.startswith("UNIQUE ") else (
                "", thing.definition
            )  # fmt: skip
            return f"CREATE {unique}INDEX CONCURRENTLY {thing.name} ON {table} USING {using};"
        case Kind.TRIGGER:
            return f"CREATE TRIGGER {thing.name} {thing.definition};"
        case _:
            return ""


def drop(thing: Thing, schema: str) -> str:
    table = qualified(schema, thing.parent)
    match thing.kind:
        case Kind.COLUMN:
            return f"ALTER TABLE {table} DROP COLUMN {thing.name};"
        case Kind.CONSTRAINT:
            return f"ALTER TABLE {table} DROP CONSTRAINT {thing.name};"
        case Kind.INDEX:
            return f"DROP INDEX CONCURRENTLY {qualified(schema, thing.name)};"
        case Kind.TRIGGER | Kind.RULE:
            return f"DROP {thing.kind.value.upper()} {thing.name} ON {table};"
        case Kind.VIEW if thing.definition.startswith("materialized"):
            return f"DROP MATERIALIZED VIEW {qualified(schema, thing.name)};"
        case _:
            return f"DROP {thing.kind.value.upper()} {qualified(schema, thing.name)};"


def change(wanted: Thing, there: Thing, schema: str) -> str:
    """The statements that lead from one definition to the other; empty where there are none."""
    table = qualified(schema, wanted.parent)
    if wanted.kind is Kind.COLUMN:
        return " ".join(_column_changes(table, wanted, there)) or f"{drop(there, schema)} {make(wanted, schema)}"
    if wanted.kind is Kind.TRIGGER and there.definition == f"{wanted.definition}, disabled":
        return f"ALTER TABLE {table} ENABLE TRIGGER {wanted.name};"
    if wanted.kind is Kind.TABLE and there.definition == f"unlogged {wanted.definition}":
        return f"ALTER TABLE {qualified(schema, wanted.name)} SET LOGGED;"
    again = make(wanted, schema)
    return f"{drop(there, schema)} {again}" if again else ""


def _column_changes(table: str, wanted: Thing, there: Thing) -> Iterator[str]:
    column = f"ALTER TABLE {table} ALTER COLUMN {wanted.name}"
    ours, theirs = Column.parse(wanted.definition), Column.parse(there.definition)
    if ours.generated != theirs.generated:
        return
    if ours.type != theirs.type:
        if theirs.default:
            yield f"{column} DROP DEFAULT;"
        yield f"{column} TYPE {ours.type} USING {wanted.name}::text::{ours.type};"
    if bare(ours.default) != bare(theirs.default) or (ours.type != theirs.type and ours.default):
        yield f"{column} SET DEFAULT {ours.default};" if ours.default else f"{column} DROP DEFAULT;"
    if ours.required != theirs.required:
        yield f"{column} {'SET' if ours.required else 'DROP'} NOT NULL;"


def qualified(schema: str, name: str) -> str:
    return f"{schema}.{name}" if schema else name
