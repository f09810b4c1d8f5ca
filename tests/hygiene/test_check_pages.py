"""The help pages of the checks against the checks and the program: `lomi help LOMI-…` at 3 a.m. must not be wrong."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from lomi_ops.config.keys import leaves
from lomi_ops.domain.check import CheckSpec
from lomi_ops.ops.checks import pages
from lomi_ops.ops.checks.catalogue import SPECS
from tests.commands import Lomi, lomi, quiet_machine
from tests.hygiene.test_docs import SETTING, SPAN, fault

__all__ = ["lomi", "quiet_machine"]

FOLDER = Path(str(files("lomi_ops.ops.checks"))) / "help"
PROGRAMS = ("lomi ", "redis-cli ", "psql ", "docker ", "sudo systemctl ", "df ", "du ", "timedatectl")
CHECK_ID = re.compile(r"LOMI-[A-Z]+-\d{3}")


def texts() -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(FOLDER.glob("*.md"))}


def each(spec: CheckSpec) -> str:
    return spec.slug


def test_every_check_has_exactly_one_page_and_every_page_a_check() -> None:
    written = [(path.stem, title) for path in sorted(FOLDER.glob("*.md")) for title in pages.titles(path.stem)]

    assert sorted(written) == sorted((spec.category, f"{spec.id} {spec.slug}") for spec in SPECS)
    sections = [line for text in texts().values() for line in text.splitlines() if line.startswith("## ")]
    assert len(sections) == len(written)


@pytest.mark.parametrize("spec", SPECS, ids=each)
def test_a_page_says_what_and_why_and_what_to_do_and_when_to_let_it_be(spec: CheckSpec) -> None:
    first, *rest = pages.page(spec).paragraphs

    assert first.endswith(".")
    assert [paragraph.split()[0] for paragraph in rest] == list(pages.LABELS)
    assert all(len(paragraph.split()) > 1 for paragraph in rest)


@pytest.mark.parametrize("spec", SPECS, ids=each)
def test_a_page_is_short(spec: CheckSpec) -> None:
    _, _, below = (FOLDER / f"{spec.category}.md").read_text().partition(f"## {spec.id} ")
    lines = [line for line in below.partition("\n## ")[0].splitlines()[1:] if line]

    assert 4 <= len(lines) <= 9
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("spec", SPECS, ids=each)
def test_the_fix_is_a_command_that_exists(spec: CheckSpec) -> None:
    assert spec.fix.startswith(PROGRAMS)
    assert not spec.fix.startswith("lomi ") or fault(spec.fix) is None


@pytest.mark.parametrize("name", texts())
def test_every_command_of_ours_in_a_page_is_understood(name: str) -> None:
    commands = [span for span in SPAN.findall(texts()[name]) if span.startswith("lomi ")]

    assert [(command, said) for command in commands if (said := fault(command)) is not None] == []


@pytest.mark.parametrize("name", texts())
def test_every_check_and_setting_that_a_page_names_exists(name: str) -> None:
    text = texts()[name]
    keys = {".".join(key) for key, _ in leaves()} | {spec.slug for spec in SPECS}

    assert set(CHECK_ID.findall(text)) <= {spec.id for spec in SPECS}
    assert {span for span in SPAN.findall(text) if SETTING.fullmatch(span)} <= keys


@pytest.mark.parametrize("spec", SPECS, ids=each)
def test_the_help_is_found_by_id_and_by_name_in_any_case(spec: CheckSpec, lomi: Lomi) -> None:
    said = lomi("help", spec.id)

    assert said.code == 0
    assert said.out.splitlines()[:2] == [f"{spec.id}  {spec.slug}", spec.sentence]
    assert f"severity  {spec.severity}" in said.out
    assert f"\nfix       {spec.fix}\n" in said.out
    assert lomi("help", spec.id.lower()).out == lomi("help", spec.slug).out == said.out


def test_a_command_in_a_page_is_never_broken(lomi: Lomi) -> None:
    whole = "`docker compose -f docker-compose.prod.yml exec redis redis-cli`"

    assert whole in lomi("help", "redis.ping").out


def test_the_list_of_checks_has_all_of_them(lomi: Lomi) -> None:
    listed = lomi("help", "checks").out

    assert all(re.search(rf"^{spec.id} +{spec.slug} +{re.escape(spec.sentence)}$", listed, re.M) for spec in SPECS)


def test_a_check_that_is_nearly_named_is_guessed(lomi: Lomi) -> None:
    said = lomi("help", "redis.memori")

    assert said.code == 2
    assert said.err.splitlines()[-1] == "  try: lomi help redis.memory"
