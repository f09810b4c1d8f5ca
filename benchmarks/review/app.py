"""How quick the app is over a long queue: `python -m benchmarks.review.app`.

A database with 100,000 rejected photos, their decisions logged, on which `lomi migrate apply` has run, and `lomi
review` in a pseudo-terminal of 120 x 40. With `--bare`, `media` has none of the indexes that nothing needs: so it is
for an operator whose role does not own the table.

Starts are taken in turn with a bare Textual app that shows one word and with bare Python, so that what else the machine
does hits all alike. A key is answered when the words of the next photo are on the screen.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg

from benchmarks.queue.figures import Figure, middle, percentile, table
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.migration.proposed import UNASKED
from lomi_ops.db.queries import script
from lomi_ops.domain.pile import Pile
from tests import services
from tests.integration.tui.terminal import Terminal
from tests.review_room import Room, evidence

SIZE = (120, 40)
_BARE_APP = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("here it is")
    def on_mount(self):
        self.set_timer(0.01, lambda: None)
    BINDINGS = [("q", "quit")]
Bare().run()
"""
_COPIES = """
INSERT INTO media (id, user_id, media_type, url, batch_id, display_order, created_at, moderation_status,
                   moderation_reason, moderation_scores, moderated_at)
SELECT gen_random_uuid(), m.user_id, m.media_type, m.url, gen_random_uuid(), 0, m.created_at - n * interval '1 s',
       m.moderation_status, m.moderation_reason, m.moderation_scores, m.moderated_at
FROM media AS m, generate_series(1, %(copies)s) AS n WHERE m.id = %(photo)s;
INSERT INTO lomi.decisions (at, media_id, batch_id, user_id, job_id, actor, status_before, status, reason, outcome,
                            policy, thresholds, grounds, photo, engines, findings)
SELECT d.at, m.id, m.batch_id, m.user_id, m.id::text, d.actor, d.status_before, d.status, d.reason, d.outcome,
       d.policy, d.thresholds, d.grounds, d.photo, d.engines, d.findings
FROM media AS m JOIN lomi.decisions AS d ON d.user_id = m.user_id
WHERE d.media_id = %(photo)s AND m.id <> %(photo)s AND m.user_id = d.user_id;
"""


def fill(room: Room, photos: int) -> None:
    """One judged photo, and copies of it by as many users as it takes."""
    with psycopg.connect(room.url, autocommit=True) as connection:
        users = max(1, photos // 1000)
        for _ in range(users):
            (photo,) = room.batch([evidence(sharpness=12)])
            for statement in _COPIES.strip().split(";\n"):
                connection.execute(statement.rstrip(";"), {"copies": photos // users - 1, "photo": photo})
        connection.execute("ANALYZE")


def app(environ: Mapping[str, str], *words: str) -> Terminal:
    return Terminal("review", "--queue", "rejected", *words, size=SIZE, environ=environ)


def first_photo(environ: Mapping[str, str]) -> float:
    """Seconds to the first picture."""
    started = time.perf_counter()
    with app(environ, "--images", "blocks") as terminal:
        terminal.until("▀", "sharpness 12 is below 25")
        took = time.perf_counter() - started
        terminal.press("q")
        terminal.end()
    return took


def bare_app(environ: Mapping[str, str]) -> float:
    started = time.perf_counter()
    with Terminal(size=SIZE, environ=environ, command=[sys.executable, "-c", _BARE_APP]) as terminal:
        terminal.until("here it is")
        took = time.perf_counter() - started
        terminal.press("q")
        terminal.end()
    return took


def bare_python(environ: Mapping[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], env=dict(environ), check=True)
    return time.perf_counter() - started


def keys(environ: Mapping[str, str], expected: list[str], key: str) -> list[float]:
    """Seconds from each key to the words of the photo that follows."""
    took = []
    with app(environ, "--images", "blocks") as terminal:
        terminal.until(f"photo {expected[0]}", "▀")
        if key == "a":  # the first approval of a pile asks why
            terminal.press("a")
            terminal.until("why do you approve?")
            terminal.press("1")
            terminal.until(f"photo {expected[1]}")
            expected = expected[1:]
        for name in expected[1:]:
            time.sleep(0.25)  # A person looks at a photo for longer than that.
            started = time.perf_counter()
            terminal.press(key)
            terminal.until_written(f"photo {name}")
            took.append(time.perf_counter() - started)
        terminal.press("q")
        terminal.end()
    return took


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--photos", type=int, default=100_000)
    asked.add_argument("--starts", type=int, default=11)
    asked.add_argument("--keys", type=int, default=100)
    asked.add_argument("--bare", action="store_true", help="without the indexes for lomi review")
    wanted = asked.parse_args()
    with (
        services.running_postgres() as url,
        services.running_redis() as redis,
        tempfile.TemporaryDirectory(prefix="lomi-review-") as folder,
    ):
        prepare(url)
        room = Room(url, Path(folder) / "objects")
        room.plain.execute("ALTER ROLE lomi SET search_path = public")
        room.close()
        room = Room(url, Path(folder) / "objects")
        fill(room, wanted.photos)
        environ = _environ(folder, url, redis.url, room)
        for index in UNASKED:
            room.plain.execute(script(f"proposed/drop_{index.name}.sql"))
        if not wanted.bare:
            subprocess.run([sys.executable, "-m", "lomi_ops", "migrate", "apply"], env=environ, check=True)
        say(f"{room.count('media'):,} photos lie there")
        print(table(_figures(room, environ, wanted.starts, wanted.keys)))
        room.close()


def _environ(folder: str, url: str, redis_url: str, room: Room) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
    return kept | {
        "HOME": folder, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "LOMI_ACTOR": "Hana",
        "LOMI_DATABASE_URL": url, "LOMI_REDIS_URL": redis_url, "LOMI_OBJECTS": str(room.objects),
    }  # fmt: skip


def _figures(room: Room, environ: Mapping[str, str], starts: int, presses: int) -> list[Figure]:
    python: list[float] = []
    bare: list[float] = []
    ours: list[float] = []
    for turn in range(starts + 1):
        taken = bare_python(environ), bare_app(environ), first_photo(environ)
        say(f"start {turn} of {starts}")
        if turn:
            for times, each in zip((python, bare, ours), taken, strict=True):
                times.append(each * 1000)

    def following() -> list[str]:
        lying = room.desk().queue_of(Pile.REJECTED, limit=presses + 200)
        return [str(each.photo.media_id)[:8] for each in lying if not each.looked_at][: presses + 1]

    skipped = [each * 1000 for each in keys(environ, following(), "s")]
    say("keys: skip done")
    approved = [each * 1000 for each in keys(environ, following(), "a")]
    return [
        Figure("bare Python", middle(python), "ms", note=_spread(python)),
        Figure("a bare Textual app", middle(bare), "ms", note=_spread(bare)),
        _under(
            "`lomi review`: first photo on the screen, more than that", middle(ours) - middle(bare), 400,
            f"{middle(ours):.0f} ms in all; {_spread(ours)}; {room.count('media'):,} photos",
        ),
        _under("approve: key to paint, p95", percentile(approved, 0.95), 50, _longest(approved)),
        _under("skip: key to paint, p95", percentile(skipped, 0.95), 50, _longest(skipped)),
    ]  # fmt: skip


def _under(what: str, value: float, goal: float, note: str) -> Figure:
    return Figure(what, value, "ms", f"≤ {goal:.0f} ms", value <= goal, note)


def _longest(times: list[float]) -> str:
    return f"p50 {middle(times):.0f} ms, longest {max(times):.0f}; {len(times)} keys"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _spread(times: list[float]) -> str:
    return f"p10 {percentile(times, 0.1):.0f}, p90 {percentile(times, 0.9):.0f}"


if __name__ == "__main__":
    main()
