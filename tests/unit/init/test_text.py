"""Adding a profile to a file that a person wrote: everything else of it stays, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.config.load import LoadOptions, load
from lomi_ops.config.yaml_file import parse_yaml
from lomi_ops.errors import ConfigError, Refused
from lomi_ops.ops.init.proposal import propose
from lomi_ops.ops.init.text import Block, added, whole

PATH = Path("/etc/lomi/config.yaml")
BLOCK = Block(
    "staging", Path("/srv/a b/.env.staging"), {("redis", "host"): "127.0.0.1", ("redis", "port"): 16379},
    {("redis", "host"): "compose.yaml:8", ("redis", "port"): "compose.yaml:8"},
)  # fmt: skip
WRITTEN = """\
  staging:
    colour: yellow
    env_file: "/srv/a b/.env.staging"
    redis:
      host: 127.0.0.1  # compose.yaml:8
      port: 16379  # compose.yaml:8
"""


def test_a_new_file_has_one_profile_that_holds_by_itself() -> None:
    text = whole(BLOCK)

    assert text.endswith(f"profile: staging\n\nprofiles:\n{WRITTEN}")
    found = parse_yaml(text, PATH, {})
    assert found.problems == []
    assert {key: entry.value for key, entry in found.profiles["staging"].items()} == {
        ("colour",): "yellow", ("env_file",): Path("/srv/a b/.env.staging"),
        ("redis", "host"): "127.0.0.1", ("redis", "port"): "16379",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("worker: {slots: 2}", f"worker: {{slots: 2}}\n\nprofiles:\n{WRITTEN}"),
        ("# mine\nprofiles: {}\nworker: {slots: 2}\n", f"# mine\nprofiles:\n{WRITTEN}worker: {{slots: 2}}\n"),
        ("profiles:\n", f"profiles:\n{WRITTEN}"),
        (
            "profiles:\n  # ours\n  production: {colour: red}  # careful\nworker: {slots: 2}\n",
            f"profiles:\n  # ours\n{WRITTEN}  production: {{colour: red}}  # careful\nworker: {{slots: 2}}\n",
        ),
        (
            "profiles:\n  staging:\n    redis:\n      host: old\n\n  # ours\n  production: {colour: red}\n",
            f"profiles:\n{WRITTEN}\n  # ours\n  production: {{colour: red}}\n",
        ),
        ("profiles:\n  staging: {colour: red}\n", f"profiles:\n{WRITTEN}"),
        ("profiles:\n  staging:\n", f"profiles:\n{WRITTEN}"),
        ("profiles:\n  staging:\n    colour: red", f"profiles:\n{WRITTEN}"),
        ("", f"\nprofiles:\n{WRITTEN}"),
        ("# only words\n", f"# only words\n\nprofiles:\n{WRITTEN}"),
    ],
)  # fmt: skip
def test_one_profile_more_or_another_one_in_its_place(before: str, after: str) -> None:
    assert added(before, BLOCK, PATH) == after


def test_the_profile_takes_the_indent_of_its_neighbours() -> None:
    text = added("profiles:\n    production:\n        colour: red\n", BLOCK, PATH)

    assert parse_yaml(text, PATH, {}).problems == []
    assert text.startswith("profiles:\n    staging:\n      colour: yellow\n")


@pytest.mark.parametrize("before", ["{worker: {slots: 2}}", "profiles: {production: {colour: red}}", "profiles: [a]"])
def test_a_file_that_cannot_be_added_to_line_by_line_is_left_alone(before: str) -> None:
    with pytest.raises(Refused, match="without rewriting it"):
        added(before, BLOCK, PATH)


names = st.sampled_from(["production", "staging", "other", "x"])
pieces = st.sampled_from(
    [
        "worker: {slots: 2}\n",
        "# words\n",
        "\n",
        "log:\n  level: debug\n",
        "profile: other\n",
        "redis: {host: h}  # why\n",
    ]
)


@given(above=st.lists(pieces, max_size=3, unique=True), below=st.lists(pieces, max_size=3, unique=True),
       there=st.lists(names, max_size=3, unique=True), indent=st.integers(1, 6), flow=st.booleans())  # fmt: skip
def test_whatever_the_file_says_elsewhere_it_says_afterwards(
    above: list[str], below: list[str], there: list[str], indent: int, flow: bool
) -> None:
    below = [piece for piece in below if piece not in above or piece.startswith(("#", "\n"))]
    gap = " " * indent
    body = [f"{gap}{name}: {{colour: red}}\n" if flow else f"{gap}{name}:\n{gap} colour: red\n\n" for name in there]
    before = "".join([*above, "profiles:\n", *body, *below])
    after = added(before, BLOCK, PATH)

    old, new = yaml.safe_load(before), yaml.safe_load(after)
    assert {key: value for key, value in new.items() if key != "profiles"} == {
        key: value for key, value in old.items() if key != "profiles"
    }
    kept = {name: value for name, value in (old["profiles"] or {}).items() if name != "staging"}
    assert {name: value for name, value in new["profiles"].items() if name != "staging"} == kept
    assert new["profiles"]["staging"]["redis"] == {"host": "127.0.0.1", "port": 16379}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def test_a_profile_that_says_the_same_is_no_change(path: Path) -> None:
    path.write_text(f"# by hand\n{whole(BLOCK)}\nworker: {{slots: 2}}\n")
    proposal = propose(path, BLOCK, {}, force=False)

    assert not proposal.changed
    assert proposal.default == "staging"


def test_a_profile_that_says_something_else_is_replaced_by_force_alone(path: Path) -> None:
    path.write_text("profile: production\nprofiles:\n  production: {colour: red}\n  staging: {redis: {host: mine}}\n")

    with pytest.raises(Refused, match="says something else of profile staging") as caught:
        propose(path, BLOCK, {}, force=False)
    assert caught.value.hint.startswith("lomi init --force")
    proposal = propose(path, BLOCK, {}, force=True)
    assert "mine" not in proposal.text
    assert "production: {colour: red}" in proposal.text
    assert proposal.default == "production"


def test_a_file_with_mistakes_is_not_added_to(path: Path) -> None:
    path.write_text("redis: {hots: x}\n")

    with pytest.raises(ConfigError, match="1 mistake"):
        propose(path, BLOCK, {}, force=True)


def test_an_anchor_that_would_change_another_profile_is_noticed(path: Path) -> None:
    path.write_text("profiles:\n  staging: &s\n    worker: {slots: 7}\n  production:\n    <<: *s\n")

    with pytest.raises((Refused, ConfigError)):
        propose(path, BLOCK, {}, force=True)
    assert "slots: 7" in path.read_text()


def test_what_is_missing_is_what_a_command_would_miss(path: Path, tmp_path: Path) -> None:
    env = tmp_path / ".env.staging"
    env.write_text("REDIS_HOST=redis\nDB_HOST=postgres\nDB_USER=u\nDB_PASSWORD=geheim77\n")
    block = Block("staging", env, BLOCK.settings, BLOCK.reasons)
    proposal = propose(path, block, {"HOME": str(tmp_path)}, force=False)

    assert not path.exists()
    assert ["missing DB_NAME" in proposal.missing[0], "objects: is not configured" in proposal.missing[1]] == [True] * 2
    assert "geheim77" not in proposal.text + " ".join(proposal.missing)
    env.write_text(env.read_text() + "DB_NAME=d\nS3_ENDPOINT=s\nS3_ACCESS_KEY=k\nS3_SECRET_KEY=k\n")
    whole_now = propose(path, block, {"HOME": str(tmp_path)}, force=False)
    assert whole_now.missing == ()
    path.write_text(whole_now.text)
    loaded = load(LoadOptions(config=path, environ={}, cwd=tmp_path, needs=frozenset({"redis", "database", "objects"})))
    assert (loaded.settings.redis.host, loaded.settings.redis.port) == ("127.0.0.1", 16379)
