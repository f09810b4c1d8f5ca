"""The documents against the program: what they tell people to type exists, what they count is what the code says."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest
import typer

from lomi_ops.cli.ending import INTERRUPTED, TERMINATED
from lomi_ops.cli.jobs_watch import HUNG_UP
from lomi_ops.cli.main import build
from lomi_ops.cli.output import BROKEN_PIPE
from lomi_ops.clients.objects.keys import BUCKET_NOT_ALLOWED
from lomi_ops.config.keys import leaves
from lomi_ops.config.model_files import catalogue
from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.judging import DEFAULT_POLICY
from lomi_ops.domain.audit import Action
from lomi_ops.domain.privacy import PLACES, Fate
from lomi_ops.domain.verdict import FailureCode
from lomi_ops.errors import ExitCode
from lomi_ops.ops.checks.catalogue import SPECS
from lomi_ops.ops.demo.samples import build_samples
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.scripts import SHARED
from lomi_ops.queue.wire import JobErrorCode

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "NOTICE", "benchmarks/README.md"))]
PAGES += sorted(DOCS.glob("*.md"))

FOLDERS = ("lomi_ops", "worker", "tests", "docs", "benchmarks", "templates", "completions", ".ci")
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"[A-Z_]+=\S+")
TYPED = re.compile(r"(?:sudo |watch -n1 |\$ |\.venv/bin/|[A-Z_]+=\S+ )*lomi(?: .*)?")
PATH = re.compile(rf"(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./*-]*")
FILE = re.compile(r"[\w.-]+\.(?:py|lua|sql|md)")
TEST = re.compile(r"test_[a-z0-9_]+")
SECTIONS = "|".join(Settings.model_fields)
SETTING = re.compile(rf"(?:{SECTIONS})(?:\.(?!json|log|yml)[a-z_*]+)+")
DEFAULT = re.compile(rf"^\|[^|]*\| `((?:{SECTIONS})\.[a-z_.]+)` \| ([\d.,]+)", re.MULTILINE)


class Line(NamedTuple):
    """Something to type, and the page that says so."""

    page: str
    text: str


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def prose(page: Path) -> str:
    """A page without its code blocks."""
    text = FENCED.sub("", page.read_text())
    return "\n".join(line for line in text.splitlines() if not line.startswith("    "))


def spans(page: Path) -> list[str]:
    return SPAN.findall(prose(page))


def blocks(page: Path) -> Iterator[str]:
    """The lines of a page's code blocks, fenced or indented, without the indent."""
    text = page.read_text()
    for block in FENCED.findall(text):
        yield from block.splitlines()
    yield from (line[4:] for line in FENCED.sub("", text).splitlines() if line.startswith("    "))


# --- commands ---------------------------------------------------------------------------------------------------------


@cache
def root() -> Any:
    return typer.main.get_command(build())


def leaf_commands(command: Any, path: str = "lomi") -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path
        return
    for name, child in children.items():
        if not child.hidden:
            yield from leaf_commands(child, f"{path} {name}")


def typed() -> list[Line]:
    """Every `lomi …` in the pages: one command each, explanations and redirections cut off, `a|b` written out."""
    found = []
    for page in PAGES:
        lines = [*spans(page), *(re.split(r" {2,}|\s#", line.strip())[0] for line in blocks(page))]
        commands = [command.strip() for line in lines for command in re.split(r"(?:^| )(?:\||&&|;|2?>) ", line)]
        found += [Line(name_of(page), each) for c in commands if TYPED.fullmatch(c) for each in _written_out(c)]
    return found


def _written_out(command: str) -> list[str]:
    choices = next((word for word in command.split() if "|" in word), None)
    return [command] if choices is None else [command.replace(choices, each) for each in choices.split("|")]


def fault(command: str) -> str | None:
    """What the program would say to this line, without running it. A bare command is a mention, not a call."""
    words = [word for word in shlex.split(command) if not ASSIGNMENT.fullmatch(word)]
    words = [_example(word) for word in words[words.index(next(w for w in words if w.endswith("lomi"))) + 1 :]]
    words = [word for word in words if word not in ("", "-h", "--help", "-V", "--version", "--debug")]
    if words[:1] == ["--env"]:
        words = words[2:]
    node = root()
    while words and hasattr(node, "commands"):
        if words[0].startswith("-") and node.invoke_without_command:
            break
        name = words.pop(0)
        if name not in node.commands:
            return f"there is no command {name}"
        node = node.commands[name]
    if not words:
        return None
    try:
        node.make_context(node.name, words)
    except Exception as refusal:
        said = getattr(refusal, "format_message", None)
        return said() if callable(said) else repr(refusal)
    return None


def _example(word: str) -> str:
    """A placeholder as somebody would fill it in."""
    return {"N": "2", "…": ""}.get(word, word.rstrip("…"))


def test_there_is_something_to_check() -> None:
    assert len(typed()) > 60
    assert {line.page for line in typed()} >= {"README.md", "docs/operations.md", "docs/models.md"}


def test_every_line_that_somebody_may_type_is_understood() -> None:
    assert [(line, said) for line in typed() if (said := fault(line.text)) is not None] == []


@pytest.mark.parametrize(
    "wrong",
    ["lomi frobnicate", "lomi queue frobnicate", "lomi up --frobnicate", "lomi review note --photo x",
     "sudo lomi up --workers many", "LOMI_DATA=x .venv/bin/lomi status --frobnicate"],
)  # fmt: skip
def test_a_line_that_is_not_understood_is_noticed(wrong: str) -> None:
    assert TYPED.fullmatch(wrong)
    assert fault(wrong) is not None


def test_the_readme_has_every_command() -> None:
    table = re.search(r"^\| want \|.*?\n\n", README.read_text(), re.MULTILINE | re.DOTALL)
    assert table
    documented = {each for span in SPAN.findall(table[0]) for each in _written_out(span)}
    commands = set(leaf_commands(root()))

    missing = {command for command in commands if not any(f"{line} ".startswith(f"{command} ") for line in documented)}

    assert len(commands) > 20
    assert missing == set()


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        word.split()[1]
        for page in PAGES
        for word in [*spans(page), *(line.strip() for line in blocks(page))]
        if re.match(r"make [a-z]+(?:\s|$)", word)
    }

    assert {"demo", "test"} <= named <= targets


# --- what is named ----------------------------------------------------------------------------------------------------


@cache
def checkout() -> frozenset[str]:
    """The names of all files, without their folders."""
    files = [*ROOT.glob("*"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))]
    return frozenset(path.name for path in files)


def test_every_path_that_a_page_names_exists() -> None:
    wrong = []
    for page in PAGES:
        for span in spans(page):
            lost = PATH.fullmatch(span) and not list(ROOT.glob(span.rstrip("/")))
            if lost or (FILE.fullmatch(span) and span not in checkout()):
                wrong.append((name_of(page), span))
    assert wrong == []


def test_every_internal_link_resolves() -> None:
    wrong = []
    for page in PAGES:
        for target in LINK.findall(prose(page)):
            file, _, anchor = target.partition("#")
            if "://" in target:
                continue
            path = page.parent / file if file else page
            if not path.exists() or (anchor and anchor not in anchors(path)):
                wrong.append((name_of(page), target))
    assert wrong == []


def anchors(page: Path) -> set[str]:
    """The ids that a forge gives to a page's headings."""
    text = FENCED.sub("", page.read_text())
    plain = (heading.replace("`", "").lower() for heading in HEADING.findall(text))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def test_every_page_is_reached_from_the_readme() -> None:
    linked = {(README.parent / target.partition("#")[0]).resolve() for target in LINK.findall(README.read_text())}

    assert {page for page in PAGES if page != README} - linked == set()


def test_every_test_that_a_page_calls_to_witness_exists() -> None:
    known = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        known.add(path.name.removesuffix(".py"))
        tree = ast.parse(path.read_text())
        known |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    named = {(name_of(page), span) for page in PAGES for span in spans(page) if TEST.fullmatch(span)}

    assert len(named) > 25
    assert {(page, test) for page, test in named if test not in known} == set()


def test_every_setting_that_a_page_names_exists() -> None:
    keys = {".".join(key) for key, _ in leaves()}
    sections = {key.rsplit(".", depth)[0] for key in keys for depth in range(1, key.count(".") + 1)}
    known = keys | sections | {spec.slug for spec in SPECS} | {action.value for action in Action}
    wrong = []
    for page in PAGES:
        for span in spans(page):
            pattern = re.compile(re.escape(span).replace(r"\*", "[a-z]+"))
            if SETTING.fullmatch(span) and not any(pattern.fullmatch(key) for key in known):
                wrong.append((name_of(page), span))
    assert wrong == []


def test_a_default_that_a_table_gives_is_the_default() -> None:
    given = [(key, float(value.replace(",", ""))) for page in PAGES for key, value in DEFAULT.findall(page.read_text())]

    assert len(given) >= 10
    assert [(key, value) for key, value in given if value != _default(key)] == []


def _default(key: str) -> object:
    value: object = Settings()
    for name in key.split("."):
        value = getattr(value, name)
    return value


def test_the_sql_that_a_page_gives_is_accepted_by_a_migrated_database(prepared_url: str) -> None:
    text = "\n".join(line for page in PAGES for line in blocks(page))
    queries = [query.replace("…", str(UUID(int=0))) for query in re.findall(r"^SELECT [^;]+;", text, re.MULTILINE)]

    assert len(queries) >= 3
    with psycopg.connect(prepared_url) as connection:
        for query in queries:
            connection.execute(query.encode())


def test_pages_name_no_place_of_one_machine_and_no_registrys_host() -> None:
    private = re.compile(r"/(?:work|root|home)/|/tmp/\w|(?:pypi|deb|registry|files)\.[a-z]+\.?[a-z]*/")
    assert [(name_of(page), found[0]) for page in PAGES if (found := private.search(page.read_text()))] == []


# --- numbers and lists ------------------------------------------------------------------------------------------------


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    _, _, below = page.read_text().partition(f"\n{heading}\n")
    assert below, f"{name_of(page)} has no {heading!r}"
    table = re.search(r"(?:^\|.*\|\n)+", below, re.MULTILINE)
    assert table, heading
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def words(cell: str) -> set[str]:
    return set(SPAN.findall(cell))


def test_the_demos_sample_in_the_readme_is_what_the_demo_expects() -> None:
    expected = {(sample.name, sample.status or "", sample.reason or "") for sample in build_samples()}
    table = [line.strip() for line in blocks(README) if line.rstrip().endswith("✔")]
    cells = [re.match(r"(.+?) {2,}(approved|rejected|failed) +(?:([a-z_]+) {2,})?", line) for line in table]
    shown = {(match[1], match[2], match[3] or "") for match in cells if match}

    assert len(shown) == len(table) >= 6
    assert shown <= expected


def test_the_exit_codes_are_the_programs() -> None:
    listed = {int(code) for row in rows(DOCS / "operations.md", "## Exit codes") for code in row[0].split("/")}

    assert {int(code) for code in ExitCode} <= listed
    assert listed - {int(code) for code in ExitCode} == {HUNG_UP, INTERRUPTED, TERMINATED, BROKEN_PIPE}


def dead_letter_codes() -> set[str]:
    """Every code that a job can be buried with by name: from `JobError(…, code=…)` and from the scripts."""
    found = {code.value for code in JobErrorCode} | {BUCKET_NOT_ALLOWED}
    for folder in ("lomi_ops", "worker"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "JobError":
                    codes = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                    found |= {str(code.value) for code in codes if isinstance(code, ast.Constant)}
    for path in (ROOT / "lomi_ops" / "queue" / "lua").glob("*.lua"):
        found |= set(re.findall(r"\b(?:bury\(id, 'poison'|quarantine\([^\n]*?sha), '([a-z_]+)'", path.read_text()))
    return found


def test_every_dead_letter_code_is_explained() -> None:
    explained = {code for row in rows(DOCS / "operations.md", "## Dead letters") for code in words(row[0])}

    assert dead_letter_codes() >= {"not_json", "poison_crash", "id_reused", "batch_mismatch", "bucket_not_allowed"}
    assert explained == dead_letter_codes()


def test_the_docs_explain_every_action_of_the_log_and_no_other() -> None:
    paths = [*(ROOT / "worker").rglob("*.py"), ROOT / "lomi_ops" / "db" / "clock.py"]
    code = "\n".join(path.read_text() for path in paths)
    logged = set(re.findall(r'"action": "([a-z_]+)"', code))
    logged |= {f"{ticker}_{end}" for ticker in re.findall(r'Ticker\(\s*"([a-z]+)"', code) for end in ("failed", "bug")}
    explained = {word for row in rows(DOCS / "operations.md", "## Logs") for word in words(row[0])}

    assert len(explained) > 20
    assert explained == logged


def test_every_reason_of_a_failed_photo_is_explained() -> None:
    explained = {code for row in rows(DOCS / "operations.md", "### Photos that failed") for code in words(row[0])}

    assert explained == {code.value for code in FailureCode}


def test_every_key_of_the_queue_is_explained() -> None:
    keys = Keys()
    named = {key.partition("}:")[2] for key in keys.shared() if key != keys.ready} | {
        "bench", "fleet", "autoscale", "autoscale:lease", "autoscale:log", "job:ID", "seq:SLOT", "worker:ID",
    }  # fmt: skip

    explained = {word for row in rows(DOCS / "queue.md", "## Keys") for word in words(row[0])}

    assert explained == named | {keys.ready}


def test_every_transition_of_the_queue_is_explained() -> None:
    scripts = {path.stem for path in (ROOT / "lomi_ops" / "queue" / "lua").glob("*.lua")} - set(SHARED)

    assert {word for row in rows(DOCS / "queue.md", "## Transitions") for word in words(row[0])} == scripts


def test_all_nineteen_failure_windows_are_answered() -> None:
    _, _, below = (DOCS / "queue.md").read_text().partition("\n## Failure windows\n")
    numbers = re.findall(r"^\*\*(\d+)\. ", below, re.MULTILINE)

    assert numbers == [str(number) for number in range(1, 20)]


def test_every_table_is_explained_and_every_one_about_a_user_where_an_erasure_is() -> None:
    rows = re.findall(r"^\| (`(?:lomi\.)?[a-z_`, .]+`) \|", (DOCS / "database.md").read_text(), re.MULTILINE)
    assert {name for row in rows for name in SPAN.findall(row)} >= set(PLACES)
    rows = re.findall(r"^\| (`(?:lomi\.)?[a-z_`, .]+`) \|", (DOCS / "privacy.md").read_text(), re.MULTILINE)
    told = {name for row in rows for name in SPAN.findall(row)}
    assert told >= {place for place, fate in PLACES.items() if fate is not Fate.KEPT}


def test_every_dependency_is_explained_with_its_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        project["dependency-groups"]["dev"],
    ]
    declared = dict(_requirement(each) for group in groups for each in group)

    page = DOCS / "dependencies.md"
    headings = ("## Always installed", "## Extras", "## Development")
    explained = {
        name: next(iter(words(row[1])), "") for h in headings for row in rows(page, h) for name in words(row[0])
    }

    assert explained == declared


def _requirement(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"([\w-]+)(?:\[[\w,]+\])?(.*)", text)
    assert match
    return match[1], match[2]


def test_the_catalogue_in_the_docs_is_the_one_that_is_shipped() -> None:
    listed = {name: row[1] for row in rows(DOCS / "models.md", "## The catalogue") for name in words(row[0])}

    assert listed.keys() == catalogue().keys()
    for name, manifest in catalogue().items():
        assert manifest.licence.startswith(listed[name]), name


def test_the_zones_in_the_docs_are_the_shipped_ones() -> None:
    table = {row[0]: row[1:3] for row in rows(DOCS / "models.md", "### Zones")}
    shipped = {
        label.value: [f"{zones.review_at:g}", "never" if zones.reject_at is None else f"{zones.reject_at:g}"]
        for label, zones in DEFAULT_POLICY.nsfw.items()
    }

    assert table == shipped


def test_the_rule_for_faces_in_the_docs_is_the_shipped_one() -> None:
    faces = DEFAULT_POLICY.faces

    assert faces.min_area_share == 0.25
    assert f"Faces from {faces.min_score:g} on and of at least a quarter" in (DOCS / "models.md").read_text()


def test_the_thresholds_in_the_calibration_are_the_shipped_ones() -> None:
    blur = DEFAULT_POLICY.blur
    text = (DOCS / "calibration.md").read_text()

    assert f"rejected below **{blur.reject_below:g}**, to a person below **{blur.review_below:g}**" in text
    assert f"a face of **{blur.face_sharp_at:g}** and more" in text
