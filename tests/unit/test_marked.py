"""Ids that tell a test's rows from everybody else's."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain import marked

NOW = datetime(2026, 11, 26, 3, 4, 5, tzinfo=UTC)


@given(st.integers(0, 2**70), st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))
def test_every_id_is_a_uuid_of_version_three_between_the_bounds(chance: int, at: datetime) -> None:
    for found in (marked.any_id(chance), marked.user_id(at.replace(tzinfo=UTC), chance)):
        assert (found.version, found.variant) == (3, uuid.RFC_4122)
        assert marked.FIRST <= found <= marked.LAST
        assert marked.is_marked(found)
        assert str(found).startswith("6c6f6d69-2d65-3265-")


def test_an_id_of_the_backend_is_never_marked() -> None:
    assert not any(marked.is_marked(uuid.uuid4()) for _ in range(1000))


def test_a_user_says_when_they_were_made() -> None:
    assert marked.made_at(marked.user_id(NOW, 2**30 - 1)) == NOW


@given(st.integers(0, 2**62 - 1), st.integers(0, 2**62 - 1))
def test_other_chances_are_other_ids_and_other_jobs(one: int, other: int) -> None:
    same = one == other
    assert (marked.any_id(one) == marked.any_id(other)) == same
    assert (marked.job_id(marked.any_id(one)) == marked.job_id(marked.any_id(other))) == same


def test_a_batch_leads_to_its_job() -> None:
    batch = marked.any_id(7)
    assert marked.job_id(batch) == marked.job_id(batch)
    assert marked.is_marked(uuid.UUID(marked.job_id(batch)))
    assert marked.job_id(batch) != str(batch)


@given(st.integers(0, 2**30 - 1))
def test_the_telegram_id_of_a_row_is_an_int64_below_every_chat(chance: int) -> None:
    assert -(2**63) <= marked.telegram_id(marked.user_id(NOW, chance)) <= -(2**62) < -(5 * 10**12)


def test_the_bounds_are_those_that_statements_and_documents_write_out() -> None:
    assert str(marked.FIRST) == "6c6f6d69-2d65-3265-0000-000000000000"
    assert str(marked.LAST) == "6c6f6d69-2d65-3265-ffff-ffffffffffff"
