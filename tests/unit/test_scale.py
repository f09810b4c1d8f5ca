"""From so many workers to so many others, as a plan."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.container import Container, ContainerState, Health
from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.host_memory import GIB, Claim, Demand, HostMemory, room, size, tight, too_little
from lomi_ops.domain.scale import Deed, Plan, plan
from lomi_ops.domain.standing import Standing, stand
from lomi_ops.domain.worker import WorkerInfo, WorkerMode, WorkerRecord
from lomi_ops.domain.worker_log import WorkerLog
from tests.unit.containers import NOW, WORKERS, container, stopped

MODES = {MemberState.QUIET: WorkerMode.QUIET, MemberState.DRAINING: WorkerMode.DRAINING}
UNREGISTERED = (
    MemberState.STARTING, MemberState.FAILING, MemberState.RESTARTING, MemberState.STOPPED, MemberState.UNKNOWN,
)  # fmt: skip


def member(number: int, state: MemberState = MemberState.READY, jobs: int = 0, **changed: Any) -> Member:
    made = (
        stopped(WORKERS, number, **changed) if state is MemberState.STOPPED else container(WORKERS, number, **changed)
    )
    if state in UNREGISTERED:
        return Member(state, made)
    held = tuple(f"j{job}" for job in range(jobs))
    info = WorkerInfo(f"b{number}", made.short_id, 1, "1", 1)
    return Member(state, made, WorkerRecord(info, MODES.get(state, WorkerMode.RUNNING), 1, 1.0, held))


def old(number: int) -> Member:
    made = container(WORKERS, number)
    return Member(MemberState.READY, made, log=WorkerLog(made, NOW))


def stranger(number: int, state: MemberState) -> Member:
    """Of an image that nobody who registered has."""
    return member(number, state, image_digest="sha256:old")


def planned(*members: Member, to: int, **options: Any) -> Plan:
    return plan(WORKERS, members, to, **options)


def deeds(found: Plan) -> list[tuple[str, int]]:
    return [(each.deed.value, each.container.place.number if each.container else 0) for each in found.steps]


def test_as_many_as_there_are_needs_nothing() -> None:
    assert planned(member(1), member(2), to=2).steps == ()


def test_new_ones_are_made_like_one_that_works() -> None:
    found = planned(member(1, MemberState.FAILING), member(2), to=4)

    assert deeds(found) == [("create", 0), ("create", 0)]
    assert found.model is not None
    assert found.model.place.number == 2


def test_whoever_has_stopped_is_started_first_the_lowest_number_before_others() -> None:
    found = planned(member(1), member(4, MemberState.STOPPED), member(3, MemberState.STOPPED), to=2)

    assert deeds(found) == [("start", 3)]
    assert found.steps[0].why == "it has stopped with exit code 1"
    assert found.model is None


def test_one_of_another_image_is_not_woken() -> None:
    found = planned(member(1), member(2, MemberState.STOPPED, image_digest="sha256:old"), to=2)

    assert deeds(found) == [("create", 0)]
    assert found.notes == ("left alone, for they have stopped with another image: app-moderator-worker-2",)


def test_two_images_at_work_are_told() -> None:
    found = planned(member(1), member(2, image_digest="sha256:other"), to=3)

    assert "2 images are at work; new ones are made like" in found.notes[0]


def test_where_all_have_stopped_they_are_the_model() -> None:
    assert deeds(planned(member(1, MemberState.STOPPED), to=2)) == [("start", 1), ("create", 0)]


def test_whoever_does_no_work_goes_first_then_the_idle_then_those_that_hold_least() -> None:
    members = [
        member(1), member(2, MemberState.BUSY, jobs=2), member(3, MemberState.BUSY, jobs=1), old(4),
        member(5, MemberState.QUIET), member(6, MemberState.STARTING), member(7, MemberState.RESTARTING),
        member(8, MemberState.PAUSED), member(9),
    ]  # fmt: skip

    found = planned(*members, to=0)

    assert deeds(found) == [
        ("drain", 7), ("drain", 6), ("drain", 5), ("drain", 9), ("drain", 1), ("drain", 3), ("drain", 2), ("drain", 4),
        ("stop", 8),
    ]  # fmt: skip
    assert [each.name for each in found.losing] == ["app-moderator-worker-4"]


def test_one_that_is_not_ready_yet_may_be_by_the_time_it_is_stopped() -> None:
    """One of ours would finish its job; a worker of another program has no handler for a SIGTERM."""
    here, failing = member(4, MemberState.STARTING), stranger(3, MemberState.FAILING)

    found = planned(member(1), stranger(2, MemberState.STARTING), failing, here, to=1)

    assert deeds(found) == [("drain", 4), ("drain", 1), ("drain", 3)]
    assert [each.name for each in found.losing] == ["app-moderator-worker-3"]
    assert len(planned(old(1), member(2, MemberState.STARTING), to=0).losing) == 2
    assert planned(stranger(1, MemberState.RESTARTING), to=0).losing == ()


def test_the_label_of_our_image_tells_whose_it_is() -> None:
    assert len(planned(member(1, MemberState.UNKNOWN), to=0).losing) == 1
    assert planned(member(1, MemberState.UNKNOWN, ours=True), to=0).losing == ()


def test_a_silent_one_has_lost_its_job_anyway() -> None:
    found = planned(member(1), member(2, MemberState.SILENT, jobs=1), member(3), to=2)

    assert deeds(found) == [("drain", 2)]
    assert found.steps[0].why == "it does not beat; what it held goes to others"
    assert found.losing == ()


def test_what_has_stopped_is_taken_away_when_there_shall_be_fewer() -> None:
    found = planned(member(1), member(2), member(3, MemberState.STOPPED), to=1)

    assert deeds(found) == [("remove", 3), ("drain", 2)]


def test_quiet_ones_that_stay_take_jobs_again_unless_nobody_wants_that() -> None:
    members = (member(1, MemberState.QUIET), member(2), member(3))

    assert deeds(planned(*members, to=3)) == [("resume", 1)]
    assert deeds(planned(*members, to=2)) == [("drain", 1)]
    assert planned(*members, to=3, resume=False).steps == ()


def test_workers_without_a_container_are_nobodys_to_scale_here() -> None:
    alone = Member(MemberState.READY, registered=member(1).registered)

    assert (planned(alone, member(1), to=1).now, planned(alone, to=1).model) == (1, None)


STATES = st.sampled_from(list(MemberState))


@given(st.lists(st.tuples(STATES, st.integers(0, 2)), min_size=1, max_size=8), st.integers(0, 12))
def test_after_the_plan_there_are_as_many_as_were_wanted(kinds: list[tuple[MemberState, int]], to: int) -> None:
    found = planned(*(member(number, *kind) for number, kind in enumerate(kinds, 1)), to=to)

    after = found.now + found.grows_by - len(found.of(Deed.DRAIN, Deed.STOP))
    assert after == to
    touched = [each.name for each in found.steps if each.name]
    assert len(touched) == len(set(touched))
    assert bool(found.model) == bool(found.of(Deed.CREATE))
    assert not (found.grows_by and found.of(Deed.DRAIN, Deed.STOP))


# --- memory -----------------------------------------------------------------------------------------------------------

WORKER = Claim(GIB // 2, GIB)


def test_what_fits_is_not_spoken_of() -> None:
    host = HostMemory(8 * GIB, (WORKER,) * 4, available=4 * GIB)

    assert (too_little(host, Demand((WORKER,) * 2)), tight(host, Demand((WORKER,) * 2))) == ("", "")
    assert too_little(HostMemory(0), Demand(())) == ""


def test_what_is_reserved_already_counts() -> None:
    host = HostMemory(4 * GIB, (Claim(GIB, GIB), *(WORKER,) * 4))

    assert too_little(host, Demand((WORKER,) * 3)) == (
        "3 more workers need 1.5 GiB; of 4.0 GiB of this machine 3.0 GiB are reserved by 5 containers"
    )


def test_one_that_reserves_nothing_needs_what_the_guide_gives() -> None:
    needed = Demand((Claim(0, 0),))

    assert (needed.reservation, needed.limit) == (GIB // 2, GIB)
    assert too_little(HostMemory(GIB // 4), needed).endswith("of 256 MiB of this machine none is reserved")


def test_what_is_free_now_counts_where_it_is_known() -> None:
    host = HostMemory(8 * GIB, (WORKER,), available=GIB // 4)

    assert too_little(host, Demand((WORKER,))) == "1 more worker needs 512 MiB; 256 MiB of 8.0 GiB are free now"


def test_how_many_fit_is_what_is_neither_reserved_nor_in_use() -> None:
    four = Demand((WORKER,) * 4)

    assert room(HostMemory(4 * GIB, (WORKER,) * 4), four) == 4
    assert room(HostMemory(4 * GIB, (WORKER,) * 4, available=GIB), four) == 2
    assert room(HostMemory(GIB, (WORKER,) * 4), four) == 0


def test_limits_beyond_the_machine_are_a_word_of_warning() -> None:
    host = HostMemory(4 * GIB, (WORKER,) * 4)

    assert too_little(host, Demand((WORKER,))) == ""
    assert tight(host, Demand((WORKER,))).startswith("limits will add up to 5.0 GiB of 4.0 GiB")


@pytest.mark.parametrize(("number", "words"), [(0, "0 MiB"), (512 << 20, "512 MiB"), (GIB, "1.0 GiB")])
def test_sizes_are_said_as_people_say_them(number: int, words: str) -> None:
    assert size(number) == words


# --- standing ---------------------------------------------------------------------------------------------------------


def standing(found: Member | None, *, fresh: bool = True) -> Standing:
    return stand(found, fresh=fresh).standing


def changed(state: MemberState, /, **how: Any) -> Member:
    made: Container = container(WORKERS, **how)
    return Member(state, made)


def test_a_worker_that_takes_jobs_is_ready_unless_its_health_check_says_otherwise() -> None:
    assert standing(member(1)) is Standing.READY
    assert standing(member(1, health=Health.NONE)) is Standing.READY
    assert standing(member(1, health=Health.STARTING)) is Standing.READY, "its registration says more"
    assert standing(member(1, health=Health.UNHEALTHY)) is Standing.FAILED, "several of them have failed in a row"
    assert standing(member(1, health=Health.UNHEALTHY), fresh=False) is Standing.COMING
    assert standing(changed(MemberState.READY, health=Health.STARTING)) is Standing.COMING
    assert standing(changed(MemberState.READY, health=Health.HEALTHY)) is Standing.READY


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (None, "its container is gone"),
        (member(1, MemberState.STOPPED, exit_code=3), "it ended with exit code 3"),
        (member(1, oom_killed=True), "it was killed for want of memory"),
        (member(1, restart_count=1), "it ended, and was started again"),
        (member(1, error="no such device"), "no such device"),
        (changed(MemberState.PAUSED, state=ContainerState.PAUSED), "somebody froze it: docker unpause"),
    ],
)
def test_what_will_not_be_ready_by_itself_says_why(found: Member | None, why: str) -> None:
    assert stand(found, fresh=True).why == why
    assert standing(found) is Standing.FAILED


def test_what_happened_long_ago_does_not_count() -> None:
    assert standing(member(1, restart_count=5), fresh=False) is Standing.READY
    assert standing(member(1, oom_killed=True), fresh=False) is Standing.READY


@pytest.mark.parametrize("state", [MemberState.STARTING, MemberState.FAILING, MemberState.SILENT, MemberState.QUIET])
def test_others_may_still_come(state: MemberState) -> None:
    assert standing(member(1, state)) is Standing.COMING


def test_without_any_source_a_health_check_tells_and_else_nothing_does() -> None:
    assert standing(changed(MemberState.UNKNOWN)) is Standing.READY
    assert standing(changed(MemberState.UNKNOWN, health=Health.NONE)) is Standing.UNKNOWN
