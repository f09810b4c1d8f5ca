"""`python -m tests.chaos`: the chaos run with any amounts, its seed, and its tables."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Mapping

from tests.chaos.plan import Amounts
from tests.chaos.run import Outcome, Setup, play
from tests.chaos.uploads import make

LONG = {"jobs": 20_000, "kills": 200, "redis_restarts": 20, "postgres_restarts": 10}
SHORT = {"jobs": 2_000, "kills": 20, "redis_restarts": 5, "postgres_restarts": 3}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--long", action="store_true", help="20,000 jobs, 200 kills, 20 and 10 restarts")
    for name, default in SHORT.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=f"{default}; with --long {LONG[name]}")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument(
        "--raw-kills", action="store_true", help="let Redis forget what it acknowledged (docs/chaos.md)"
    )
    given = parser.parse_args(arguments)
    usual = LONG if given.long else SHORT
    sizes = {name: usual[name] if (own := getattr(given, name)) is None else own for name in SHORT}
    jobs = sizes.pop("jobs")
    again = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in ({"jobs": jobs} | sizes).items())
    print(f"python -m tests.chaos {again} --seed {given.seed}", flush=True)
    factor = max(1, jobs // 2000)
    amounts = Amounts(
        **sizes,
        freezes=3 * factor,
        drains=4 * factor,
        cuts=6 * factor,
        losses=8 * factor,
        partitions=factor,
        absences=2 * factor,
    )
    setup = Setup(given.seed, make(given.seed, jobs), amounts, raw_kills=given.raw_kills)
    outcome = play(setup, lambda line: print(line, flush=True))
    show(outcome)
    return 0 if outcome.passed else 1


def show(outcome: Outcome) -> None:
    """The tables, then the verdict."""
    _table("what was done to it", outcome.faults)
    _table("how workers ended before the last drain", outcome.exits)
    _table("what workers said", outcome.logged)
    _table("what was found", outcome.findings.counts)
    for sentence in outcome.findings.sentences():
        print(f"WRONG  {sentence}")
    print(f"\n{'passed' if outcome.passed else 'FAILED'} in {outcome.seconds:.1f} s", flush=True)


def _table(title: str, rows: Mapping[str, int]) -> None:
    print(f"\n{title}")
    for name, number in sorted(rows.items()):
        print(f"  {name:52} {number:>8}")


if __name__ == "__main__":
    sys.exit(main())
