"""Every way in which somebody with all rights can change the audit is found, and told by its place."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lomi_ops.db import audit
from lomi_ops.db.pool import Database
from lomi_ops.domain.audit_chain import Head, framed
from tests.integration.audit.conftest import Admin, Lomi, Said, entry, erase, faults
from tests.integration.ops.old_cluster import OldCluster

OF = "WHERE id = (SELECT audit_id FROM lomi.audit_chain WHERE seq = {})"
MANIPULATIONS: dict[str, tuple[tuple[str, ...], list[tuple[int | None, str]]]] = {
    "another actor": (("UPDATE lomi.audit SET actor = 'sara' " + OF.format(4),), [(4, "edited")]),
    "another reason": (("UPDATE lomi.audit SET reason = '' " + OF.format(4),), [(4, "edited")]),
    "another subject": (("UPDATE lomi.audit SET subject = 'queue 5' " + OF.format(4),), [(4, "edited")]),
    "another before": (("UPDATE lomi.audit SET before = '{}' " + OF.format(4),), [(4, "edited")]),
    "another after": (("UPDATE lomi.audit SET after = '{\"n\": 5}' " + OF.format(4),), [(4, "edited")]),
    "another salt": (("UPDATE lomi.audit SET salt = sha256('x') " + OF.format(4),), [(4, "edited")]),
    "no salt": (("UPDATE lomi.audit SET salt = NULL " + OF.format(4),), [(4, "edited")]),
    "another time": (("UPDATE lomi.audit SET at = at + interval '1 microsecond' " + OF.format(4),), [(4, "edited")]),
    "an endless time": (("UPDATE lomi.audit SET at = 'infinity' " + OF.format(4),), [(4, "edited")]),
    "another action": (("UPDATE lomi.audit SET action = 'queue.resume' " + OF.format(4),), [(4, "edited")]),
    "time and action of the link": (
        ("UPDATE lomi.audit_chain SET at = at + interval '1 day' WHERE seq = 4",
         "UPDATE lomi.audit SET at = at + interval '1 day' " + OF.format(4)),
        [(4, "link"), (4, "edited")],
    ),
    "a commitment that fits": (
        ("UPDATE lomi.audit SET actor = 'sara' " + OF.format(4),
         ("UPDATE lomi.audit_chain AS c SET commitment = lomi.committed(a.salt, a.at, a.actor, a.action, a.subject,"
         " a.reason, a.before, a.after) FROM lomi.audit AS a WHERE a.id = c.audit_id AND c.seq = 4")),
        [(4, "link")],
    ),
    "a commitment and a hash that fit": (
        ("UPDATE lomi.audit SET actor = 'sara' " + OF.format(4),
         ("UPDATE lomi.audit_chain AS c SET commitment = lomi.committed(a.salt, a.at, a.actor, a.action, a.subject,"
         " a.reason, a.before, a.after) FROM lomi.audit AS a WHERE a.id = c.audit_id AND c.seq = 4"),
         "UPDATE lomi.audit_chain SET hash = lomi.linked(seq, at, action, commitment, previous) WHERE seq = 4"),
        [(5, "broken")],
    ),
    "an entry removed": (("DELETE FROM lomi.audit " + OF.format(4),), [(4, "removed")]),
    "an entry and its link removed": (
        ("DELETE FROM lomi.audit " + OF.format(4), "DELETE FROM lomi.audit_chain WHERE seq = 4"), [(5, "gap")],
    ),
    "the first two removed": (
        ("DELETE FROM lomi.audit WHERE id IN (SELECT audit_id FROM lomi.audit_chain WHERE seq < 3)",
         "DELETE FROM lomi.audit_chain WHERE seq < 3"), [(3, "gap")],
    ),
    "an entry removed and those behind it moved up": (
        ("DELETE FROM lomi.audit " + OF.format(9), "DELETE FROM lomi.audit_chain WHERE seq = 9",
         "UPDATE lomi.audit_chain SET seq = 9 WHERE seq = 10"),
        [(9, "broken"), (9, "link"), (10, "head")],
    ),
    "the latest removed": (
        ("DELETE FROM lomi.audit " + OF.format(10), "DELETE FROM lomi.audit_chain WHERE seq = 10"), [(10, "head")],
    ),
    "a link removed": (("DELETE FROM lomi.audit_chain WHERE seq = 4",), [(5, "gap"), (None, "beside")]),
    "two entries exchanged": (
        ("UPDATE lomi.audit_chain SET audit_id = -audit_id WHERE seq IN (4, 6)",
         ("UPDATE lomi.audit_chain AS c SET audit_id = -o.audit_id FROM lomi.audit_chain AS o"
         " WHERE c.seq IN (4, 6) AND o.seq = 10 - c.seq")),
        [(4, "edited"), (6, "edited")],
    ),
    "two links exchanged": (
        ("UPDATE lomi.audit_chain SET seq = -4 WHERE seq = 4", "UPDATE lomi.audit_chain SET seq = 4 WHERE seq = 6",
         "UPDATE lomi.audit_chain SET seq = 6 WHERE seq = -4"),
        [(4, "broken"), (4, "link"), (5, "broken"), (6, "broken"), (6, "link"), (7, "broken")],
    ),
    "an entry beside the chain": (
        ("INSERT INTO lomi.audit (at, actor, action, subject) VALUES (now(), 'x', 'e2e', 'queue')",),
        [(None, "beside")],
    ),
    "a link before the first": (
        (("INSERT INTO lomi.audit_chain SELECT -7, -1, at, action, commitment, previous, hash FROM lomi.audit_chain"
         " WHERE seq = 4"),),
        [(-7, "gap"), (-7, "link"), (-7, "removed"), (1, "gap")],
    ),
    "a link past the head": (
        ("INSERT INTO lomi.audit (at, actor, action, subject, salt) VALUES (now(), 'x', 'e2e', 'queue', sha256('s'))",
         ("INSERT INTO lomi.audit_chain SELECT h.seq + 1, a.id, a.at, a.action, lomi.committed(a.salt, a.at, a.actor,"
         " a.action, a.subject, a.reason, a.before, a.after), h.hash, '' FROM lomi.audit_head AS h, lomi.audit AS a"
         " WHERE a.actor = 'x'"),
         "UPDATE lomi.audit_chain SET hash = lomi.linked(seq, at, action, commitment, previous) WHERE seq = 11"),
        [(10, "head")],
    ),
    "the head set back": (("UPDATE lomi.audit_head SET seq = 9",), [(9, "head")]),
    "another hash in the head": (("UPDATE lomi.audit_head SET hash = sha256('x')",), [(10, "head")]),
    "the head removed": (("DELETE FROM lomi.audit_head",), [(None, "head")]),
    "an erasure that nobody names": (
        ("UPDATE lomi.audit SET subject = '', reason = '', before = '{}', after = '{}', salt = NULL, erased_at = now() "
         + OF.format(4),), [(4, "erased_unnamed")],
    ),
    "a link emptied": (
        (("ALTER TABLE lomi.audit_chain ALTER action DROP NOT NULL, ALTER at DROP NOT NULL,"
         " ALTER commitment DROP NOT NULL, ALTER previous DROP NOT NULL, ALTER hash DROP NOT NULL"),
         ("UPDATE lomi.audit_chain SET action = NULL, at = NULL, commitment = NULL, previous = NULL, hash = NULL"
          " WHERE seq = 4")),
        [(4, "broken"), (4, "link"), (4, "edited"), (5, "broken")],
    ),
    "an entry emptied": (
        ("ALTER TABLE lomi.audit ALTER actor DROP NOT NULL, ALTER before DROP NOT NULL, ALTER at DROP NOT NULL",
         "UPDATE lomi.audit SET actor = NULL, before = NULL, at = NULL " + OF.format(4)), [(4, "edited")],
    ),
    "everything": (("TRUNCATE lomi.audit, lomi.audit_chain",), [(10, "head")]),
}  # fmt: skip


def verify(lomi: Lomi, *words: object) -> Said:
    return lomi("audit", "verify", "-o", "json", *words)


@pytest.mark.parametrize("name", MANIPULATIONS)
def test_what_somebody_with_all_rights_changed_is_found(ten: Database, lomi: Lomi, admin: Admin, name: str) -> None:
    statements, expected = MANIPULATIONS[name]
    assert verify(lomi).code == 0
    admin.sql(*statements)

    said = verify(lomi)

    assert (faults(said), said.code) == (expected, 1)
    assert said.document["sound"] is False


def test_a_sound_audit_is_told_with_its_head(ten: Database, lomi: Lomi) -> None:
    said = lomi("audit", "verify")
    assert (said.code, said.err) == (0, "")
    verified, head = said.out.splitlines()
    assert verified == "verified 10 entries: nothing was changed, removed or moved"
    assert re.fullmatch(r"head: 10:[0-9a-f]{64}", head)
    assert lomi("audit", "verify", "--anchor", head.removeprefix("head: ")).code == 0


def test_what_is_wrong_is_told_by_place_and_words(ten: Database, lomi: Lomi, admin: Admin) -> None:
    admin.sql("DELETE FROM lomi.audit " + OF.format(4))
    said = lomi("audit", "verify")
    assert said.code == 1
    assert re.search(r"^ *4 +removed +its entry is gone$", said.out, re.MULTILINE)
    assert "NOT SOUND: 1 fault in 10 entries" in said.out


def rewritten(plain: psycopg.Connection[dict[str, Any]]) -> None:
    """The whole chain anew, as somebody does who has read how it is made."""
    rows = plain.execute(
        "SELECT c.seq, c.action, lomi.microseconds(c.at) AS at, a.salt, a.actor, a.subject, a.reason, a.before::text,"
        " a.after::text FROM lomi.audit_chain AS c JOIN lomi.audit AS a ON a.id = c.audit_id ORDER BY seq"
    ).fetchall()
    last = bytes(32)
    for row in rows:
        words = (row[name] for name in ("actor", "action", "subject", "reason", "before", "after"))
        said = hashlib.sha256(row["salt"] + framed("lomi.audit/1", row["at"], *words)).digest()
        link = framed("lomi.audit.chain/1", str(row["seq"]), row["at"], row["action"], said.hex(), last.hex())
        hashed = hashlib.sha256(link).digest()
        plain.execute(
            "UPDATE lomi.audit_chain SET commitment = %s, previous = %s, hash = %s WHERE seq = %s",
            (said, last, hashed, row["seq"]),
        )
        last = hashed
    plain.execute("UPDATE lomi.audit_head SET hash = %s", (last,))


def test_a_chain_that_was_rewritten_as_a_whole_is_found_by_an_anchor(
    ten: Database, lomi: Lomi, cluster: OldCluster
) -> None:
    anchor = verify(lomi).document["head"]
    with cluster.sql() as plain, plain.transaction():
        plain.execute("SET LOCAL session_replication_role = replica")
        plain.execute(f"UPDATE lomi.audit SET actor = 'sara' {OF.format(4)}".encode())
        rewritten(plain)
    assert verify(lomi).code == 0, "by itself it is sound"

    said = verify(lomi, "--anchor", anchor)

    assert (faults(said), said.code) == ([(10, "anchor")], 1)


def test_a_chain_that_was_cut_is_found_by_an_anchor(ten: Database, lomi: Lomi, admin: Admin) -> None:
    anchor = verify(lomi).document["head"]
    admin.sql(
        "DELETE FROM lomi.audit WHERE id IN (SELECT audit_id FROM lomi.audit_chain WHERE seq > 7)",
        "DELETE FROM lomi.audit_chain WHERE seq > 7",
        "UPDATE lomi.audit_head SET seq = 7, hash = (SELECT hash FROM lomi.audit_chain WHERE seq = 7)",
    )
    assert verify(lomi).code == 0, "by itself it is sound"

    assert faults(verify(lomi, "--anchor", anchor)) == [(10, "anchor")]


def test_an_anchor_of_long_ago_holds_while_the_chain_goes_on(ten: Database, lomi: Lomi) -> None:
    anchor = verify(lomi).document["head"]
    audit.record(ten, entry(11))
    said = lomi("audit", "verify", "--anchor", anchor)
    assert said.code == 0
    assert "the chain of 10 is the one of which the anchor was kept" in said.out


@pytest.mark.parametrize("wrong", ["10", "10:abc", "x:" + "0" * 64, "", "1:" + "g" * 64])
def test_what_is_no_anchor_is_refused(ten: Database, lomi: Lomi, wrong: str) -> None:
    said = lomi("audit", "verify", "--anchor", wrong)
    assert said.code == 2
    assert "is no anchor" in said.err


# --- erased entries ---------------------------------------------------------------------------------------------------


def test_an_erasure_that_an_entry_names_is_no_fault(ten: Database, lomi: Lomi, admin: Admin) -> None:
    admin.erased(2, 3, 7)
    audit.record(ten, erase(11, (2, 3), (7, 7)))
    said = lomi("audit", "verify")
    assert said.code == 0
    assert "erased by right: 3 entries" in said.out


def test_an_erasure_is_named_by_an_entry_that_comes_after_it_and_is_whole(
    ten: Database, lomi: Lomi, admin: Admin
) -> None:
    audit.record(ten, erase(11, (2, 2), (12, 12)))
    audit.record(ten, entry(12))
    admin.erased(2, 12)
    assert faults(verify(lomi)) == [(12, "erased_unnamed")], "nobody names what is not there yet"
    admin.erased(11)
    assert faults(verify(lomi)) == [(2, "erased_unnamed"), (11, "erased_unnamed"), (12, "erased_unnamed")]


def test_what_is_marked_as_erased_may_not_say_something_else(ten: Database, lomi: Lomi, admin: Admin) -> None:
    admin.erased(2)
    audit.record(ten, erase(11, (2, 2)))
    admin.sql("UPDATE lomi.audit SET reason = 'she asked for it' " + OF.format(2))
    assert faults(verify(lomi)) == [(2, "edited")]


# --- exports ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def export(ten: Database, lomi: Lomi, admin: Admin, tmp_path: Path) -> Path:
    admin.erased(2)
    audit.record(ten, erase(11, (2, 2)))
    path = tmp_path / "audit.jsonl"
    said = lomi("audit", "export", "--out", path)
    assert (said.code, said.out) == (0, "")
    assert said.err == f"{path}: 11 entries\n"
    return path


def test_an_export_is_readable_by_its_owner_alone_and_proves_itself(
    export: Path, lomi: Lomi, cluster: OldCluster
) -> None:
    assert export.stat().st_mode & 0o777 == 0o600
    head = verify(lomi).document["head"]
    assert "\n".join(export.read_text().splitlines()) == lomi("audit", "export").out.rstrip("\n")
    with cluster.sql() as plain:
        plain.execute("DROP SCHEMA lomi CASCADE")

    said = verify(lomi, "--from", export, "--anchor", head)

    assert (said.code, said.document["head"], said.document["erased"]) == (0, head, 1)


def test_an_export_is_whole_whatever_is_added_while_it_is_written(
    ten: Database, lomi: Lomi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, added = audit.head, iter((11, 12))

    def busy(db: Database) -> Head | None:
        if number := next(added, 0):
            audit.record(ten, entry(number))
        return real(db)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(audit, "head", busy)
        assert lomi("audit", "export", "--out", tmp_path / "busy.jsonl").code == 0

    said = verify(lomi, "--from", tmp_path / "busy.jsonl")
    assert (faults(said), said.document["entries"]) == ([], 12)


def test_an_export_is_not_written_over_a_file(export: Path, lomi: Lomi) -> None:
    said = lomi("audit", "export", "--out", export)
    assert said.code == 5
    assert "is there already" in said.err


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda lines: [*lines[:3], lines[3].replace("almaz", "sara"), *lines[4:]], [(4, "edited")]),
        (lambda lines: [*lines[:3], *lines[4:]], [(5, "gap")]),
        (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], [(5, "gap"), (4, "gap"), (6, "gap")]),
        (lambda lines: lines[:-1], [(2, "ok"), (None, "head")]),
        (lambda lines: [*lines[:8], lines[-1]], [(2, "erased_unnamed"), (11, "head")]),
        (lambda lines: [*lines[:3], "{", *lines[4:]], [(None, "link"), (5, "gap")]),
        (lambda lines: [*lines, lines[3]], [(None, "head")]),
    ],
    ids=["edited", "removed", "reordered", "cut", "shortened", "no JSON", "more behind the head"],
)
def test_an_export_that_was_changed_is_found(export: Path, lomi: Lomi, change: Any, expected: Any) -> None:
    export.write_text("".join(f"{line}\n" for line in change(export.read_text().splitlines())))
    said = verify(lomi, "--from", export)
    assert said.code == 1
    assert faults(said) == [each for each in expected if each[1] != "ok"]


@pytest.mark.parametrize("content", ["", "hello\n", '{"a": 1}\n', "[]\n"])
def test_a_file_that_is_no_export_is_a_mistake_of_the_command_line(lomi: Lomi, tmp_path: Path, content: str) -> None:
    path = tmp_path / "other"
    path.write_text(content)
    assert verify(lomi, "--from", path).code == 2
    assert verify(lomi, "--from", tmp_path / "nowhere").code == 2


def test_the_program_that_the_docs_print_verifies_an_export_without_ours(export: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "audit.md").read_text()
    program = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert program
    run = [sys.executable, "-I", "-c", program[1], str(export)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"sound: 11:[0-9a-f]{64}\n", done.stdout)

    export.write_text(export.read_text().replace("why 5", "why 6"))
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "5: not what it said\n")


def test_a_chain_is_read_in_chunks_to_its_end(ten: Database, lomi: Lomi, monkeypatch: Any) -> None:
    monkeypatch.setattr(audit, "CHUNK", 3)
    assert verify(lomi).document["entries"] == 10
