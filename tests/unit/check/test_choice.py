"""Which checks run, and why others do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.check import EVERYWHERE, CheckSpec, Cost, Scope
from lomi_ops.domain.check_choice import Choice, choose, matches, unknown_patterns
from lomi_ops.ops.checks.catalogue import SPECS

NAMES = [name for spec in SPECS for name in (spec.id, spec.slug, spec.category)]
PATTERNS = st.one_of(
    st.sampled_from(NAMES), st.sampled_from(NAMES).map(str.swapcase), st.just("*.ping"), st.just("re*")
)
CHOICES = st.builds(
    Choice, st.lists(PATTERNS, max_size=3).map(tuple), st.lists(PATTERNS, max_size=3).map(tuple),
    st.none() | st.sampled_from(Scope), st.booleans(),
)  # fmt: skip


def left_out(choice: Choice) -> dict[str, str]:
    return {each.spec.slug: each.left_out for each in choose(SPECS, choice)}


@given(CHOICES)
def test_the_order_is_the_declared_one_and_nothing_is_there_twice(choice: Choice) -> None:
    chosen = [each.spec.slug for each in choose(SPECS, choice)]

    assert chosen == [spec.slug for spec in SPECS if spec.slug in chosen]


@given(CHOICES)
def test_what_a_check_needs_is_in_the_run_with_it(choice: Choice) -> None:
    chosen = choose(SPECS, choice)
    slugs = {each.spec.slug for each in chosen}

    assert all(set(each.spec.needs) <= slugs for each in chosen)


@given(CHOICES)
def test_without_only_every_check_is_there_with_a_reason_where_it_is_left_out(choice: Choice) -> None:
    everything = Choice((), choice.skip, choice.scope, choice.deep)

    assert len(choose(SPECS, everything)) == len(SPECS)


@given(CHOICES)
def test_what_is_skipped_is_never_looked_at(choice: Choice) -> None:
    for each in choose(SPECS, choice):
        if any(matches(each.spec, pattern) for pattern in choice.skip):
            assert each.left_out == "left out with --skip"


@given(CHOICES)
def test_what_writes_needs_deep_or_its_own_name(choice: Choice) -> None:
    named = {pattern.lower() for pattern in choice.only}
    for each in choose(SPECS, choice):
        if each.spec.cost is Cost.DEEP and not each.left_out:
            assert choice.deep or named & {each.spec.id.lower(), each.spec.slug}


@given(CHOICES)
def test_a_scope_lets_only_its_own_through(choice: Choice) -> None:
    for each in choose(SPECS, choice):
        if not each.left_out and choice.scope is not None:
            assert choice.scope in each.spec.scopes


def test_a_category_or_a_pattern_takes_no_check_along_that_writes() -> None:
    for only in ("objects", "objects.*", "LOMI-OBJECTS-*", "*"):
        assert left_out(Choice(only=(only,)))["objects.canary"] == "only with --deep"
    for only in ("objects.canary", "lomi-objects-004"):
        assert left_out(Choice(only=(only,))) == {"objects.read": "", "objects.canary": ""}


def test_what_belongs_to_a_workers_machine_is_left_out_elsewhere() -> None:
    assert left_out(Choice())["host.models"] == "only with --scope worker"
    assert left_out(Choice(scope=Scope.WORKER))["host.models"] == ""
    assert left_out(Choice(scope=Scope.POST_DEPLOY))["host.models"] == "not for --scope post-deploy"


@pytest.mark.parametrize("scope", Scope)
def test_every_scope_has_something_to_look_at(scope: Scope) -> None:
    looked_at = {slug for slug, reason in left_out(Choice(scope=scope)).items() if not reason}

    assert {"config.complete", "redis.ping", "postgres.ping", "objects.read"} <= looked_at


@given(st.text(max_size=12))
def test_a_pattern_is_unknown_exactly_where_it_chooses_nothing(pattern: str) -> None:
    unknown = unknown_patterns(SPECS, [pattern])

    assert (pattern in unknown) == (not any(matches(spec, pattern) for spec in SPECS))


def test_the_nearest_name_is_guessed() -> None:
    assert unknown_patterns(SPECS, ["redis.memroy", "zzzzzzzz"]) == {"redis.memroy": "redis.memory", "zzzzzzzz": ""}


def test_a_star_does_not_need_the_whole_name() -> None:
    spec = CheckSpec("LOMI-X-001", "redis.ping", "", "", scopes=EVERYWHERE)

    assert all(matches(spec, pattern) for pattern in ("redis", "REDIS.*", "*ping", "lomi-x-00?", "redis.ping"))
    assert not any(matches(spec, pattern) for pattern in ("redi", "ping", "LOMI-X", "redis.pin"))
