"""The database away in the middle: said, nothing lost, and resumed; nothing written twice when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from lomi_ops.db.bootstrap import prepare
from lomi_ops.domain.macro import SHIPPED
from lomi_ops.domain.pile import Pile
from lomi_ops.errors import ObjectsUnavailable
from lomi_ops.tui.review.work import Order
from tests import services
from tests.integration.tui.conftest import Session
from tests.review_room import Room, evidence

BLURRED = evidence(sharpness=12)


@pytest.fixture
def server() -> Iterator[services.PostgresServer]:
    with services.postgres_server() as found:
        yield found


@pytest.fixture
def room(server: services.PostgresServer, tmp_path: Path) -> Iterator[Room]:
    prepare(server.url)
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("ALTER ROLE lomi SET search_path = public")
    found = Room(server.url, tmp_path / "objects")
    yield found
    found.close()


def look(room: Room, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(room.url) as connection:
        return connection.execute(query).fetchall()


def test_what_is_decided_while_the_database_is_away_is_kept_and_written_once(
    room: Room, server: services.PostgresServer
) -> None:
    for _ in range(4):
        room.batch([BLURRED])

    async def steps() -> None:
        app = room.app(beat_s=1.0)
        async with app.run_test(size=(120, 40)) as pilot:
            session = Session(room, pilot, app)
            await session.until(lambda: len(app.reviewing.table.open_items) == 4, "four photos")
            await session.shown()
            await asyncio.to_thread(server.stop)
            await session.press("a", "2")
            await session.until(lambda: "THE DATABASE IS AWAY" in session.text, "the news")
            assert len(app.reviewing.deciding.waiting) == 2
            await session.press("q")
            await session.until(lambda: "leaving now loses that" in session.text, "a warning")
            await asyncio.to_thread(server.start)
            await session.until(
                lambda: not app.reviewing.state.away and not app.reviewing.deciding.waiting, "the database"
            )
            await session.press("a")
            await session.settled()

    asyncio.run(steps())

    found = look(room, "SELECT status, reason FROM lomi.decisions WHERE actor = 'Hana' ORDER BY id")
    assert found == [("approved", None), ("rejected", "no_face"), ("approved", None)]
    assert look(room, "SELECT count(*) FROM lomi.outbox") == [(3,)]


def asked_at_its_last_size(session: Session) -> bool:
    """Nothing more comes that would change the lines on the screen, and with them the size of the photo."""
    place = (session.picture.size.width, session.picture.size.height)
    known = session.current in session.app.reviewing.looking.stories
    return known and any((wish.columns, wish.rows) == place for wish in session.app._gallery._kept)


def test_a_photo_that_the_object_store_could_not_give_is_asked_for_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.batch([BLURRED])
    away = [ObjectsUnavailable("it is away")]

    async def steps() -> None:
        app = room.app(beat_s=1.0)
        get = room.store.get

        def weather(bucket: str, key: str, max_bytes: int) -> bytes:
            if away:
                raise away[0]
            return get(bucket, key, max_bytes)

        monkeypatch.setattr(room.store, "get", weather)
        async with app.run_test(size=(120, 40)) as pilot:
            session = Session(room, pilot, app)
            await session.until(lambda: "the object store does not answer" in session.text, "the news")
            await session.until(lambda: asked_at_its_last_size(session), "all that it asks by itself")
            away.clear()
            await session.shown()
            await session.press("a")
            await session.settled()

    asyncio.run(steps())

    assert look(room, "SELECT status FROM lomi.decisions WHERE actor = 'Hana'") == [("approved",)]


def test_an_answer_that_was_lost_is_found_and_the_decision_not_written_twice(room: Room) -> None:
    """As when the server went away between its commit and its answer."""
    from lomi_ops.errors import DatabaseUnavailable

    room.batch([BLURRED] * 2)
    work = room.work()
    dealt = work.deal(Pile.REJECTED, 2)
    order = Order(dealt, SHIPPED[0])
    decide = work._desk.decide
    losing = [True]

    def lossy(*arguments: object, **options: object) -> object:
        answer = decide(*arguments, **options)  # type: ignore[arg-type]
        if losing.pop():
            raise DatabaseUnavailable("the answer was lost")
        return answer

    work._desk.decide = lossy  # type: ignore[method-assign, assignment]
    with pytest.raises(DatabaseUnavailable):
        work.decide(order)

    taken = work.decide(order)

    assert set(taken.done) == {each.media_id for each in dealt}
    assert not taken.refused
    assert room.count("lomi.decisions", "actor = 'Hana'") == 2
    assert work.undo(taken).words == "taken back; nobody had been told"
    assert room.count("lomi.outbox") == 0


def test_a_claim_that_ran_out_in_the_outage_is_taken_anew_unless_the_photo_changed(room: Room) -> None:

    same, changed = room.batch([BLURRED])[0], room.batch([BLURRED])[0]
    dealt = room.work().deal(Pile.REJECTED, 2)
    order, work = Order(dealt, SHIPPED[0]), room.work()
    room.plain.execute("UPDATE media SET moderation_reason = 'nsfw' WHERE id = %s", [changed])
    over = max(each.until for each in dealt)
    work._desk.now = lambda: over
    work._progress_of(order).interrupted = True

    taken = work.decide(order)

    assert taken.done == (same,)
    assert list(taken.refused) == [changed]
    assert room.row(changed)["moderation_status"] == "rejected"
