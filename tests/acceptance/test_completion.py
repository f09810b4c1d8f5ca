"""Completion in real shells: bash always, zsh and fish where they are."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lomi_ops.queue.jobs import JobQueue
from tests.acceptance.conftest import environment
from tests.conftest import need
from tests.integration.ops.black_hole import black_hole

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "completions"
Complete = Callable[..., list[str]]

BASH = """
source {script}
COMP_LINE=$1 COMP_POINT=${{#1}}
COMP_WORDS=($1) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_lomi
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def bash(line: str, environ: dict[str, str]) -> list[str]:
    code = BASH.format(script=SCRIPTS / "lomi.bash")
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", code, "bash", line],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


def fish(line: str, environ: dict[str, str]) -> list[str]:
    code = f"source {SCRIPTS / 'lomi.fish'}; complete -C {json.dumps(line)}"
    done = subprocess.run(["fish", "--no-config", "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return [found.partition("\t")[0] for found in done.stdout.splitlines()]


ZSH_SETUP = """
PS1='> '
unsetopt zle_bracketed_paste 2>/dev/null
autoload -Uz compinit && compinit -u -d {dump}
fpath=({folder} $fpath)
source {script}
zstyle ':completion:*' list-prompt ''
zstyle ':completion:*' select-prompt ''
# What would be offered goes to a file, through the builtin that offers it.
compadd() {{
  local -a kept
  # With -D it only sorts out, for those who describe words.
  if (( ! ${{@[(I)-[DOA]]}} )); then
    builtin compadd -O kept "$@"
    if (( ${{#kept}} )); then printf '%s\\n' "${{kept[@]}}" >>{out}; fi
  fi
  builtin compadd "$@"
}}
press() {{
  zle expand-or-complete
  print -n >{out}.done
}}
zle -N press
bindkey '^I' press
print ready
"""


def zsh(line: str, environ: dict[str, str]) -> list[str]:
    """An interactive zsh on a terminal; a tab is pressed behind the line."""
    home = Path(environ["HOME"])
    out = home / "offered"
    out.write_text("")
    out.with_name("offered.done").unlink(missing_ok=True)
    setup = ZSH_SETUP.format(dump=home / "dump", folder=SCRIPTS, script=SCRIPTS / "_lomi", out=out)
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"], env=environ | {"TERM": "dumb"}, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    (home / "setup.zsh").write_text(setup)
    os.write(ours, f"source {home / 'setup.zsh'}\n".encode())
    _until(ours, lambda seen: seen.count(b"ready") > 0)
    os.write(ours, line.encode() + b"\t")
    _until(ours, lambda _: out.with_name("offered.done").exists())
    os.write(ours, b"\x15exit\n")
    shell.wait(20)
    os.close(ours)
    return list(dict.fromkeys(out.read_text().split("\n")[:-1]))


def _until(terminal: int, reached: Callable[[bytes], bool]) -> None:
    """Reads what the shell draws until something is so: a terminal that nobody reads stands still."""
    seen, ends = b"", time.monotonic() + 30
    while not reached(seen):
        assert time.monotonic() < ends, seen
        if select.select([terminal], [], [], 0.05)[0]:
            seen += os.read(terminal, 65536)


SHELLS: dict[str, Callable[[str, dict[str, str]], list[str]]] = {"bash": bash, "zsh": zsh, "fish": fish}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine of its own, with this environment's `lomi` first on the path."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    kept = environment(PATH=path, HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
    return {name: value for name, value in kept.items() if name != "XDG_CONFIG_HOME"}


@pytest.fixture(params=list(SHELLS))
def complete(request: pytest.FixtureRequest, environ: dict[str, str], tmp_path: Path) -> Complete:
    need(shutil.which(request.param), request.param)

    def run(line: str, **variables: str) -> list[str]:
        return SHELLS[request.param](line, environ | variables)

    return run


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("lomi re", ["report", "reconcile", "remoderate", "retention", "review"]),
        ("lomi queue re", ["resume", "retry"]),
        ("lomi queue dead ", ["list", "retry", "delete"]),
        ("lomi config show --or", ["--origin"]),
        ("lomi check --env", ["--env", "--env-file"]),
        ("lomi report -o j", ["json", "jsonl"]),
        ("lomi report --output ", ["text", "json", "jsonl", "csv", "markdown", "html"]),
        ("lomi --env staging review appr", ["approve"]),
        ("lomi review --help li", ["list"]),
        ("lomi nonsense ", []),
        ("lomi completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_commands_options_and_fixed_words_need_no_program(complete: Complete, line: str, offered: list[str]) -> None:
    """The path has no lomi on it."""
    without = ":".join(p for p in os.environ["PATH"].split(":") if not (Path(p) / "lomi").exists())

    assert sorted(complete(line, PATH=without)) == sorted(offered)


def test_a_value_behind_an_equals_sign(complete: Complete, request: pytest.FixtureRequest) -> None:
    offered = complete("lomi report --output=j")

    # bash replaces what stands behind the sign, the others offer it or the whole word.
    assert sorted(word.removeprefix("--output=") for word in offered) == ["json", "jsonl"]


def test_files_and_folders_where_they_are_wanted(
    complete: Complete, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "prod.env").touch()
    monkeypatch.chdir(tmp_path)

    assert [word.rstrip("/") for word in complete("lomi check --env-file pr")] == ["prod.env"]
    assert [word.rstrip("/") for word in complete("lomi up --data p")] == ["photos"]


def test_profiles_come_from_the_configuration_file(complete: Complete, tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "lomi"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("profiles:\n  production: {}\n  staging: {}\n")

    assert patiently(complete, "lomi queue stats --env st") == ["staging"]
    assert patiently(complete, "lomi --env ") == ["production", "staging"]


def test_job_ids_come_from_the_cluster_and_odd_ones_are_left_out(
    complete: Complete, redis_url: str, queue: JobQueue, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    for name in ("b9f0", "b9f1", "c000", f"b9$(touch {trap})"):
        push(queue, name)
    where = {"LOMI_REDIS_URL": redis_url}

    assert sorted(patiently(complete, "lomi queue show b9", **where)) == ["b9f0", "b9f1"]
    assert not trap.exists()


def test_a_filter_has_fields_and_words(complete: Complete, redis_url: str) -> None:
    found = patiently(complete, "lomi queue list state:de", LOMI_REDIS_URL=redis_url)

    assert sorted(word.removeprefix("state:") for word in found) == ["dead", "delayed"]
    assert patiently(complete, "lomi queue list err", LOMI_REDIS_URL=redis_url) == ["error:"]


def patiently(complete: Complete, line: str, **variables: str) -> list[str]:
    """The first answer may be empty: a busy machine takes longer to look than a shell waits."""
    ends = time.monotonic() + 20
    while not (found := complete(line, **variables)) and time.monotonic() < ends:
        time.sleep(0.2)
    return found


def push(queue: JobQueue, name: str) -> None:
    body = {
        "job_id": name, "batch_id": str(uuid.UUID(int=2)), "user_id": str(uuid.UUID(int=3)), "telegram_id": 1,
        "photos": [{"media_id": str(uuid.UUID(int=1)), "r2_url": "https://x", "r2_key": "k", "bucket": "b"}],
        "created_at": "2025-11-24T10:00:00Z", "retry_count": 0, "priority": 1,
    }  # fmt: skip
    queue._client.lpush(queue.keys.ready, json.dumps(body))


@pytest.fixture
def queue(redis_url: str) -> Iterator[JobQueue]:
    import redis

    with redis.Redis.from_url(redis_url) as client:
        yield JobQueue(client)


# --- the program's part -----------------------------------------------------------------------------------------------


def words(kind: str, *line: str, environ: dict[str, str]) -> tuple[list[str], str]:
    done = subprocess.run(
        [sys.executable, "-m", "lomi_ops", "_complete", kind, *line],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return [each.partition("\t")[0] for each in done.stdout.splitlines()], done.stderr


def test_when_nothing_answers_the_line_stays_empty_and_the_next_key_does_not_ask_again(environ: dict[str, str]) -> None:
    with black_hole() as hole:
        where = environ | {"LOMI_REDIS_URL": f"redis://127.0.0.1:{hole.port}"}
        first = words("jobs", environ=where)
        assert hole.entered.wait(30)
        hole.entered.clear()
        second = words("jobs", environ=where)

        assert first == second == ([], "")
        assert not hole.entered.wait(0.5)


@pytest.mark.parametrize("kind", ["jobs", "profiles", "nonsense", "../../etc/passwd", ""])
@pytest.mark.parametrize(
    "where", [{"LOMI_REDIS_URL": "nonsense"}, {"HOME": "", "XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": "/dev/null"}]
)
def test_nothing_that_is_wrong_here_is_a_text_on_somebodys_line(
    environ: dict[str, str], kind: str, where: dict[str, str]
) -> None:
    assert words(kind, environ=environ | where) == ([], "")


def test_a_stale_answer_is_told_at_once_and_mended_behind(environ: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("profiles: {old: {}}\n")
    line = ("lomi", "--config", str(config))
    ends = time.monotonic() + 30
    while words("profiles", *line, environ=environ)[0] != ["old"] and time.monotonic() < ends:
        time.sleep(0.1)
    config.write_text("profiles: {new: {}}\n")
    (kept,) = [path for path in (tmp_path / "cache" / "lomi").iterdir() if path.suffix != ".lock"]

    assert words("profiles", *line, environ=environ)[0] == ["old"], "young enough"
    os.utime(kept, (time.time() - 120,) * 2)
    assert words("profiles", *line, environ=environ)[0] == ["old"], "told at once"
    while kept.read_text() != "new\n" and time.monotonic() < ends:
        time.sleep(0.1)
    assert words("profiles", *line, environ=environ)[0] == ["new"]
    assert kept.stat().st_mode & 0o777 == 0o600


def test_each_cluster_has_words_of_its_own(environ: dict[str, str], tmp_path: Path) -> None:
    from lomi_ops.cli.completing import cache_file, common

    assert common(["queue", "--env", "a", "--config=x", "--data"]) == {"--env": "a", "--config": "x"}
    staging, production = cache_file("jobs", {"--env": "staging"}), cache_file("jobs", {"--env": "production"})
    assert staging != production


def test_it_loads_nothing_of_the_rest(environ: dict[str, str], tmp_path: Path) -> None:
    words("topics", environ=environ)
    code = (
        "import sys; sys.argv = ['lomi', '_complete', 'topics']; import lomi_ops.__main__ as m; m.main();"
        "print(sorted(n for n in sys.modules if n in ('typer', 'rich', 'json', 're', 'pathlib', 'pydantic')))"
    )
    # Measuring coverage loads some of these by itself.
    bare = {name: value for name, value in environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def test_the_script_is_printed_for_a_shell_to_load(environ: dict[str, str]) -> None:
    for shell, name in (("bash", "lomi.bash"), ("zsh", "_lomi"), ("fish", "lomi.fish")):
        done = subprocess.run(
            [sys.executable, "-m", "lomi_ops", "completion", shell],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == (SCRIPTS / name).read_text()
