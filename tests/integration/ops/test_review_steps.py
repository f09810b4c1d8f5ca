"""`lomi review` without a screen: filters, macros, the grace window, undo, notes, claims."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.db.pool import Database
from lomi_ops.ops.reviews.desk import Desk
from tests.integration.ops.conftest import Lomi, one_row
from tests.integration.ops.old_cluster import OldCluster, scores
from tests.integration.ops.test_review_commands import Ear, count, ear, media

__all__ = ["ear"]
AS = ("--as", "Hana")
WHY = ("--reason", "a fine portrait", *AS)
HOSTILE = "[red]\x1b[31mInès\x07‮"


def blurred(cluster: OldCluster, number: int, blur: float = 90.0) -> list[UUID]:
    return [cluster.photo("rejected", "blurry", scores(blur=blur), ago=timedelta(minutes=n)) for n in range(number)]


def test_a_decision_is_told_after_the_window_and_the_answer_says_by_whom(
    cluster: OldCluster, ear: Ear, lomi: Lomi
) -> None:
    (photo,) = blurred(cluster, 1)

    said = lomi("review", "approve", photo, *WHY)
    doc = one_row(cluster, "SELECT * FROM lomi.outbox")

    assert (said.code, said.out) == (0, f"{photo}: rejected -> approved\n")
    step = one_row(cluster, "SELECT step FROM lomi.decisions")["step"]
    assert f"unless it is taken back: lomi review undo --step {step}" in said.err
    assert "this command does not wait for it: a worker, or a later lomi review, sends it" in said.err
    assert ear.messages() == []
    assert doc["claimed_at"] is None
    with cluster.sql() as pg:
        pg.execute("UPDATE lomi.outbox SET due_at = now()")
    assert lomi("review", "note", "seen", "--photo", photo).code == 0
    assert [message["results"][0]["media_id"] for message in ear.messages()] == [str(photo)]


@pytest.mark.parametrize("how", ["photo", "step", "last"])
def test_an_undo_in_the_window_tells_nobody(cluster: OldCluster, ear: Ear, lomi: Lomi, how: str) -> None:
    (photo,) = blurred(cluster, 1)
    before = media(cluster, photo)
    step = lomi("review", "approve", photo, *WHY, "-o", "json").document["step"]
    words = {"photo": (photo,), "step": ("--step", step), "last": ("--last", *AS)}[how]

    planned = lomi("review", "undo", *words, "--dry-run", "-o", "json")
    assert planned.document["photos"] == [str(photo)]
    assert media(cluster, photo)["moderation_status"] == "approved"
    said = lomi("review", "undo", *words)

    assert (said.code, said.out) == (0, f"{photo}: approved -> rejected; nobody had been told\n")
    assert media(cluster, photo) | {"updated_at": 0} == before | {"updated_at": 0}
    assert ear.messages() == []
    assert count(cluster, "lomi.outbox") == 0
    again = lomi("review", "undo", *words)
    assert again.code in (1, 5)
    assert "error: " in again.err


def test_an_undo_after_the_window_tells_the_app_again(cluster: OldCluster, ear: Ear, lomi: Lomi) -> None:
    (photo,) = blurred(cluster, 1)
    waiting = cluster.photo("pending", "needs_review", scores())
    assert lomi("review", "approve", photo, waiting, *WHY, "--grace", "0s").code == 0
    assert len(ear.messages()) == 2

    said = lomi("review", "undo", photo, waiting, "-o", "json")

    assert [(each["told"], each["after"]) for each in said.document["undone"]] == [
        ("published", "rejected"), ("not_told", "pending"),
    ]  # fmt: skip
    assert [message["results"][0]["status"] for message in ear.messages()] == ["rejected"]
    assert media(cluster, waiting)["moderation_reason"] == "needs_review"


def test_a_filter_needs_the_true_number_where_it_is_more_than_a_handful(cluster: OldCluster, lomi: Lomi) -> None:
    photos = blurred(cluster, 12, blur=90.0)
    blurred(cluster, 2, blur=20.0)
    words = ("review", "approve", "reason:blurry", "blur>80", *WHY)

    bare = lomi(*words)
    wrong = lomi(*words, "--confirm-count", 13)
    assert (bare.code, wrong.code) == (5, 5)
    assert "12 photos match; more than 10 must be confirmed" in bare.err
    assert "12 photos match, not 13; nothing was changed" in wrong.err
    assert "lomi review approve reason:blurry 'blur>80' --reason 'a fine portrait' --confirm-count 12" in wrong.err
    plan = lomi(*words, "--dry-run", "-o", "json")
    assert (plan.document["matched"], plan.document["dry_run"]) == (12, True)
    assert count(cluster, "lomi.decisions") == 0

    said = lomi(*words, "--confirm-count", 12, "-o", "json")

    assert {each["media_id"] for each in said.document["done"]} == set(map(str, photos))
    assert one_row(cluster, "SELECT count(DISTINCT step) AS n FROM lomi.decisions")["n"] == 1
    undone = lomi("review", "undo", "--step", said.document["step"])
    assert undone.code == 5
    assert "--confirm-count 12" in undone.err
    assert lomi("review", "undo", "--step", said.document["step"], "--confirm-count", 12).code == 0
    assert one_row(cluster, "SELECT count(*) AS n FROM media WHERE moderation_status = 'approved'")["n"] == 0


def test_a_macro_brings_the_reason_and_the_users_text_in_every_language(
    cluster: OldCluster, ear: Ear, lomi: Lomi
) -> None:
    photo = cluster.photo("approved", None, scores())
    plan = lomi("review", "reject", photo, "--macro", "blurry", "--dry-run")
    assert "the user would be told (am): ፎቶው ብዥ ነው!" in plan.out
    assert "the user would be told (en): The photo is blurry!" in plan.out

    said = lomi("review", "reject", photo, "--macro", "blurry", *AS, "--grace", "0s")

    assert said.code == 0
    (message,) = ear.messages()
    (result,) = message["results"]
    texts = {"am": "ፎቶው ብዥ ነው!", "en": "The photo is blurry!"}
    assert (result["status"], result["reason"]) == ("rejected", "blurry")
    assert result["scores"] == scores() | {"user_text": texts}
    assert media(cluster, photo)["moderation_scores"] == scores()
    entry = one_row(cluster, "SELECT * FROM lomi.audit")
    assert (entry["after"]["macro"], entry["after"]["user_text"]) == ("blurry", texts)
    assert entry["reason"] == "the photo is blurred"
    again = lomi("review", "approve", photo, *WHY, "--grace", "0s")
    assert again.code == 0
    assert ear.messages()[0]["results"][0]["scores"] == scores()


def test_macros_of_ones_own_come_from_a_file_and_its_mistakes_are_named(
    cluster: OldCluster, lomi: Lomi, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    file = Path(str(tmp_path)) / "macros.yaml"
    monkeypatch.setenv("LOMI_REVIEW__MACROS", str(file))
    photo = blurred(cluster, 1)[0]
    file.write_text("- {name: sorry, note: we were wrong, texts: {en: Your photo is live. Sorry!}}\n")
    assert "Your photo is live. Sorry!" in lomi("review", "approve", photo, "--macro", "sorry", "--dry-run").out
    wrong = lomi("review", "reject", photo, "--macro", "sorry")
    assert (wrong.code, "the macro sorry approves" in wrong.err) == (2, True)
    unknown = lomi("review", "reject", photo, "--macro", "rude")
    assert (unknown.code, "sorry" in unknown.err) == (2, True)
    file.write_text("- {name: Sorry!, note: x, texts: {english: y}, because: ugly}\n")
    broken = lomi("review", "reject", photo, "--macro", "blurry")
    assert broken.code == 2
    assert all(word in broken.err for word in ("entry 1", "name", "because", "texts"))


def test_what_somebody_looks_at_is_refused_with_the_name_and_freed_by_hand(cluster: OldCluster, lomi: Lomi) -> None:
    (photo,) = blurred(cluster, 1)
    with Database(cluster.database_url) as db:
        Desk(db, None, HOSTILE, ReviewSection()).claim([photo])

    said = lomi("review", "approve", photo, *WHY)
    assert said.code == 5
    assert "looks at photo" in said.err
    assert "\x1b" not in said.err
    assert "\x1b" not in lomi("review", "list").out
    held = lomi("review", "release", photo, "--dry-run", "-o", "json").document
    assert [each["actor"] for each in held["freed"]] == [HOSTILE]
    assert "token" not in json.dumps(held)
    freed = lomi("review", "release", photo, "--reason", "the terminal died")
    assert freed.out.splitlines()[-1] == "freed 1 photo"
    assert "\\x1b[31m" in freed.out
    assert lomi("review", "approve", photo, *WHY).code == 0
    with Database(cluster.database_url) as db:
        Desk(db, None, "abel", ReviewSection()).claim([photo])
    assert lomi("review", "reject", photo, "--because", "nsfw", *WHY, "--force").code == 0


def test_hostile_names_and_notes_are_shown_and_never_obeyed(cluster: OldCluster, lomi: Lomi) -> None:
    photo = cluster.photo("rejected", "[bold]\x1b]0;x\x07", scores() | {"grounds": [{"text": HOSTILE}]})
    with cluster.sql() as pg:
        pg.execute("UPDATE users SET name = %s", (HOSTILE,))
    assert lomi("review", "note", HOSTILE, "--photo", photo, "--as", HOSTILE).code == 0
    assert lomi("review", "note", "about them", "--user", cluster.user).code == 0

    for words in (("list",), ("show", photo), ("show", "--user", cluster.user), ("notes",)):
        said = lomi("review", *words)
        assert said.code == 0, said.err
        assert "\x1b" not in said.out
        assert "\x07" not in said.out
        assert "[red]\\x1b[31mInès\\x07\\u202e" in said.out, words
    exported = lomi("review", "notes", "--search", "inès", "--user", cluster.user, "-o", "jsonl").records
    assert [(note["text"], note["media_id"]) for note in exported] == [(HOSTILE, str(photo))]
    assert [note["text"] for note in lomi("review", "notes", "-o", "json").document["notes"]] == ["about them", HOSTILE]


def test_a_photo_is_shown_with_what_is_known_of_it_and_before_the_swap_too(old: OldCluster, lomi: Lomi) -> None:
    batch = uuid.uuid4()
    photo = old.photo("rejected", "blurry", scores(blur=90.5), batch=batch)
    mate = old.photo("approved", None, scores(), batch=batch)
    before = old.picture()

    said = lomi("review", "show", photo)
    user = lomi("review", "show", "--user", old.user, "-o", "json").document
    body = lomi("review", "show", photo, "-o", "json").document

    assert (said.code, old.picture()) == (0, before)
    assert "90.5" in said.out
    assert str(mate) in said.out
    assert "no schema lomi here" in said.err
    assert (user["standing"], user["recorded"]) == ({"approved": 1, "rejected": 1}, False)
    assert {each["label"]: each["observed"] for each in body["measures"]}["sharpness"] == 90.5
    assert lomi("review", "show", uuid.uuid4()).code == 1


def test_piles_are_counted_and_suspected_minors_lie_apart(cluster: OldCluster, lomi: Lomi) -> None:
    young = cluster.photo("rejected", "nsfw", scores(age=15.0))
    blurred(cluster, 2)

    said = lomi("review", "list", "-o", "json")
    assert str(young) not in json.dumps(said.document)
    assert "lomi review list --queue minors" in said.err
    assert [row["media_id"] for row in lomi("review", "list", "--queue", "minors", "-o", "jsonl").records] == [
        str(young)
    ]
    counts = {row["queue"]: row["photos"] for row in lomi("review", "list", "--count", "-o", "jsonl").records}
    assert counts == {"waiting": 0, "rejected": 2, "failed": 0, "minors": 1}
    assert "rejected" in lomi("review", "list", "--count").out
    bulk = lomi("review", "approve", "age<1d", "--queue", "minors", *WHY)
    assert (bulk.code, "one by one" in bulk.err) == (5, True)
    assert lomi("review", "show", young, *AS).code == 0
    entry = one_row(cluster, "SELECT action, actor, subject FROM lomi.audit")
    assert entry == {"action": "review.view", "actor": "Hana", "subject": f"media:{young}"}


def test_a_decision_for_a_word_that_is_no_term_is_misuse(cluster: OldCluster, lomi: Lomi) -> None:
    blurred(cluster, 1)
    for words in (
        ("approve", "portrait"), ("approve", "reason:blurry", "7"), ("approve", "color:red"), ("undo",),
        ("approve", ""), ("approve", " "), ("approve", '""'), ("approve", "reason:blurry", ""), ("undo", ""),
        *(("approve", "--filter", text) for text in ("", " ", '""', "sharp ones", "reason:blurry 7")),
        ("approve", "reason:blurry", "--filter", ""), ("approve", "reason:blurry", "--filter", " "),
    ):  # fmt: skip
        said = lomi("review", *words, *(WHY if words[0] == "approve" else ()))
        assert (said.code, said.out) == (2, "")
    assert count(cluster, "lomi.decisions") == 0


def test_what_no_engine_could_judge_is_approved_only_with_a_word_that_says_so(cluster: OldCluster, lomi: Lomi) -> None:
    photo = cluster.photo("failed", "object_missing", scores())

    refused = lomi("review", "approve", photo, *WHY)
    assert refused.code == 5
    assert f"photo {photo} could not be judged (object_missing): nothing speaks for it" in refused.err
    assert "--unseen" in refused.err
    assert media(cluster, photo)["moderation_status"] == "failed"
    assert count(cluster, "lomi.decisions") == 0

    assert lomi("review", "approve", photo, *WHY, "--unseen").code == 0
    assert media(cluster, photo)["moderation_status"] == "approved"


def test_a_filter_that_was_kept_is_named_in_every_command(
    cluster: OldCluster, lomi: Lomi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (sharp,), _ = blurred(cluster, 1, blur=140.0), blurred(cluster, 1, blur=20.0)

    assert lomi("review", "filters", "list").out == "no filter has a name yet\n"
    assert lomi("review", "filters", "keep", "sharp", "pile:rejected", "blur>40").code == 0

    (kept,) = lomi("review", "filters", "list", "-o", "json").document["filters"]
    assert kept == {"name": "sharp", "filter": "pile:rejected 'blur>40'", "queue": "rejected", "own": True}
    listed = lomi("review", "list", "--filter", "sharp", "-o", "json").document["photos"]
    assert [each["media_id"] for each in listed] == [str(sharp)]
    assert lomi("review", "list", "--filter", "sharp", "reason:nsfw", "-o", "json").document["photos"] == []
    plan = lomi("review", "approve", "--filter", "sharp", *WHY, "--dry-run", "-o", "json").document
    assert plan["photos"] == [str(sharp)]
    wrong = lomi("review", "reject", "--filter", "shrap", "--macro", "blurry")
    assert (wrong.code, "did you mean sharp?" in wrong.err) == (2, True)
    both = lomi("review", "approve", sharp, "--filter", "sharp", *WHY)
    assert (both.code, "nothing to choose from" in both.err) == (2, True)
    assert lomi("review", "filters", "forget", "sharp").code == 0
    assert lomi("review", "list", "--filter", "sharp").code == 2
