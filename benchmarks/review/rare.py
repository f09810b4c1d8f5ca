"""How long does whoever reviews wait for a filter that few photos match, in a pile of over a million?

    .venv/bin/python -m benchmarks.review.rare --keep FOLDER [--claims 60]

FOLDER is what `benchmarks.report --keep FOLDER` has filled. Claims photo after photo as the app does, behind the keys,
and gives each back, until so many claims were made or the pile is through. Prints Markdown: milliseconds of the first
claim, the median, 95 % and the longest, how many photos were found, and how far they looked.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from benchmarks.report.kept import SETTINGS, kept_server
from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.db.pool import Database
from lomi_ops.domain import review_filter
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review_filter import ReviewFilter
from lomi_ops.ops.reviews.desk import Desk

FILTERS = ("", "porn>0.5", "porn>0.9", "porn>0.99", "porn>0.9999")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", required=True)
    parser.add_argument("--claims", type=int, default=60)
    wanted = parser.parse_args()
    print("| filter | claims | the first, ms | median | 95 % | longest | found | looked at |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with kept_server(wanted.keep, *SETTINGS) as server, Database(server.url) as database:
        Desk(database, None, "hana", ReviewSection()).claim_next(1, Pile.FAILED)  # a connection, and its plans
        for text in FILTERS:
            admitted = review_filter.parse([text]) if text else ReviewFilter(())
            print(line(text or "none", database, admitted, wanted.claims), flush=True)


def line(name: str, database: Database, wanted: ReviewFilter, most: int) -> str:
    desk = Desk(database, None, "hana", ReviewSection())
    took: list[float] = []
    found, looked_at = 0, "all"
    while len(took) < most:
        began = time.perf_counter()
        held = desk.claim_next(1, Pile.REJECTED, wanted)
        took.append((time.perf_counter() - began) * 1000)
        found += len(held.photos)
        desk.release(held.token, [each.media_id for each in held.seen])
        if held.so_far:
            looked_at = f"{held.so_far.photos:,}"
        elif not held.photos:
            break
    ordered = sorted(took)
    late = ordered[int(0.95 * (len(ordered) - 1))]
    numbers = f"{took[0]:.0f} | {statistics.median(took):.0f} | {late:.0f} | {ordered[-1]:.0f}"
    return f"| {name} | {len(took)} | {numbers} | {found} | {looked_at if wanted.terms else '-'} |"


if __name__ == "__main__":
    main()
