"""`lomi help TOPIC`: the few pages that belong to no single command."""

from __future__ import annotations

from typing import Annotated

import typer

from lomi_ops.cli import output
from lomi_ops.errors import UsageError

TOPICS = {
    "exit-codes": """\
0    fine
1    what was asked about is bad: a check failed, a photo is not approved
2    usage or configuration
3    could not tell: something was unreachable, too slow, or broken in lomi
4    warnings, only with --fail-on warning
5    refused by a guard: a confirmation is missing, somebody else was first
75   another run holds the lock
129  the terminal was closed
130  interrupted (Ctrl-C)
141  the reader of our output went away
143  terminated
The same in every output format.""",
    "services": """\
Where a command finds Redis, Postgres and the objects, first match wins:
  1  flags and environment: LOMI_REDIS_URL, LOMI_DATABASE_URL, LOMI_OBJECTS,
     or REDIS_HOST, DB_HOST, S3_ENDPOINT … (also from the file named by
     --env-file or LOMI_ENV_FILE)
  2  the configuration file: --config, LOMI_CONFIG,
     ~/.config/lomi/config.yaml, /etc/lomi/config.yaml
  3  --data DIR or LOMI_DATA: a local stack
  4  the default local stack: /var/lib/lomi as root, else ~/.local/share/lomi
`lomi config show --origin` says where each value came from; `lomi up` makes
a local stack.""",
    "environment": """\
LOMI_DATA, LOMI_CONFIG, LOMI_ENV_FILE   where settings are
LOMI_REDIS_URL, LOMI_DATABASE_URL, LOMI_OBJECTS, LOMI_COMPREFACE_URL
                                        services
LOMI_POLICY, LOMI_MODELS                the active policy, the models' folder
LOMI_<SECTION>__<KEY>                   any setting: LOMI_WORKER__SLOTS=2
LOMI_ACTOR                              who acts, for the audit trail
LOMI_ASCII=1, NO_COLOR=1                plain signs, no colour
LOMI_DEBUG=1                            tracebacks""",
    "filters": """\
A filter chooses jobs: lomi queue list|retry|delete|cancel FILTER.
All of its terms must hold.

  state:dead error:timeout            two terms
  state:dead,delayed                  one of several values
  'user:5f0c*' 'error:*_failed'       * stands for anything
  'age>10m' 'held>5m' 'tries>=2'      spans (ms, s, m, h, d, w) and numbers
                                      are compared: > < >= <=
  state:dead not error:poison_crash   `not` before a term; also a dash, within
                                      quotes: 'state:dead -error:poison_crash'
  '"went silent"'                     any other word is looked for in the id,
                                      the code and the error

Quote what has >, < or *, one term or the whole filter: a shell takes them for
its own. Without state: ready, delayed, running and dead jobs.

More than ten are only touched with --confirm-count N, their true number;
--dry-run tells it. What was done can be taken back for a week:
lomi queue undo OP.

Fields:
""",
}


def _page(topic: str) -> str:
    if topic != "filters":
        return TOPICS[topic]
    from lomi_ops.domain.job_filter import FIELDS

    return TOPICS[topic] + "\n".join(f"  {name:<9} {field.help}" for name, field in FIELDS.items())


def manual(
    topic: Annotated[
        str | None, typer.Argument(help="exit-codes, services, environment or filters.", metavar="TOPIC")
    ] = None,
) -> int:
    """Explain what belongs to no single command."""
    if topic is None:
        output.text("lomi help TOPIC, one of: " + ", ".join(TOPICS))
        return 0
    if topic not in TOPICS:
        raise UsageError(f"there is no help on {topic!r}", hint=f"lomi help, then one of: {', '.join(TOPICS)}")
    output.text(_page(topic))
    return 0
