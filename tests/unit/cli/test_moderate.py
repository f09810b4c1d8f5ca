"""What the exit code of `lomi moderate` says about many photos."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.cli.moderate import STYLES, Seen, _exit_code, _summary
from lomi_ops.errors import ExitCode

WORDS = st.lists(st.sampled_from(sorted(STYLES)), min_size=1)


@given(WORDS)
def test_a_rejection_beats_doubt_and_only_approval_is_fine(words: list[str]) -> None:
    code = _exit_code([Seen(word, {}, ()) for word in words])

    if "rejected" in words:
        assert code is ExitCode.BAD
    elif {"failed", "unjudged"} & set(words):
        assert code is ExitCode.UNKNOWN
    else:
        assert code is (ExitCode.OK if set(words) == {"approved"} else ExitCode.BAD)


@given(WORDS)
def test_the_summary_counts_every_photo_once(words: list[str]) -> None:
    counts = _summary([Seen(word, {}, ()) for word in words])

    assert counts.pop("total") == sum(counts.values()) == len(words)
