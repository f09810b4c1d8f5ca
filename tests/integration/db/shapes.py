"""What the migrations make of an empty database: `make shapes` writes `lomi_ops/db/sql/shapes`."""

from __future__ import annotations

from pathlib import Path

import psycopg

import lomi_ops.db
from lomi_ops.db import migrate
from lomi_ops.db.migration import files
from lomi_ops.db.migration.survey import Survey, look
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import script
from tests.services import running_postgres

FOLDER = Path(lomi_ops.db.__file__).parent / "sql" / "shapes"
MEDIA = ("contract/media_columns.sql", "contract/idx_media_moderation_status.sql", "contract/idx_media_batch_id.sql")


def made(url: str) -> dict[str, str]:
    """Every file of the folder as it should be, by name. `url` is an empty database."""
    with psycopg.connect(url, autocommit=True) as connection, Database(url) as db:
        for path in ("contract/uuid.sql", "contract/tables.sql", *MEDIA, "contract/schema_migrations.sql"):
            connection.execute(script(path))
        found = {}
        for migration in migrate.migrations():
            connection.execute(script(migration.path))
            found[f"{migration.version:04}.txt"] = files.written(_survey(db).ours or ())
        return found | {"media.txt": files.written(_survey(db).media)}


def _survey(db: Database) -> Survey:
    with db.session() as session:
        return look(session, rows=False)


def main() -> None:
    with running_postgres() as url:
        for name, text in made(url).items():
            (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
