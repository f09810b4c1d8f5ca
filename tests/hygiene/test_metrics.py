"""What the documents and the dashboard say of metrics is what there is."""

from __future__ import annotations

from pathlib import Path

from lomi_ops.domain.measure import MEASURES, Measure

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def row(measure: Measure) -> str:
    labels = ", ".join(f"`{label}`" for label in measure.labels)
    return f"| `{measure.name}` | {measure.kind} | {labels} | {measure.source} | {measure.help} |"


def test_the_page_lists_every_metric_with_its_labels_and_words() -> None:
    table = PAGE.read_text("utf-8").partition("## Every metric")[2]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert rows == [row(measure) for measure in MEASURES]
