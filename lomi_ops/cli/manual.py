"""`lomi help TOPIC`: the few pages that belong to no single command, and one for each check."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import output
from lomi_ops.errors import UsageError

if TYPE_CHECKING:
    from lomi_ops.domain.check import CheckSpec

PHOTO_FILTERS = "photo-filters"
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
The same in every output format but `lomi check -o nagios`, which ends with 0
to 3 as Nagios wants it.""",
    "services": """\
Where a command finds Redis, Postgres and the objects, first match wins:
  1  --data DIR: that local stack; or --env NAME: that profile
  2  environment: LOMI_REDIS_URL, LOMI_DATABASE_URL, LOMI_OBJECTS, or
     REDIS_HOST, DB_HOST, S3_ENDPOINT … (also from the file named by
     --env-file or LOMI_ENV_FILE)
  3  the configuration file: --config, LOMI_CONFIG, lomi.yaml here,
     ~/.config/lomi/config.yaml, /etc/lomi/config.yaml
  4  LOMI_DATA: a local stack
  5  the default local stack: /var/lib/lomi as root, else ~/.local/share/lomi
`lomi config show --origin` says where each value came from; `lomi up` makes
a local stack.""",
    "environment": """\
LOMI_DATA, LOMI_CONFIG, LOMI_ENV_FILE   where settings are
LOMI_ENV                                the profile that holds, as --env
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
    PHOTO_FILTERS: """\
A filter chooses photos: lomi review list|approve|reject FILTER --queue PILE,
and lomi media list FILTER however they stand. All of its terms must hold.

  reason:blurry 'blur>40'             two terms
  reason:blurry,no_face               one of several values
  'porn>0.4' 'porn<0.6'               a band of scores
  'age<2d' 'decided<1h'               uploaded, decided in that time
  status:approved                     how it stands; of what waits for a person
                                      status:waiting
  'user:5f0c*'                        * stands for anything
  reason:nsfw not ground:underage     `not` before a term; also a dash, within
                                      quotes: 'reason:nsfw -ground:underage'
  '"reaches below"'                   list only: any other word is looked for
                                      in the ids, the reason and the grounds

Quote what has >, < or *. More than ten are only decided with
--confirm-count N, their true number; --dry-run tells it and names them.
What was decided can be taken back: lomi review undo --step STEP.

Fields:
""",
}


CHECKS = "checks"


def manual(
    topic: Annotated[
        str | None,
        typer.Argument(
            help="exit-codes, services, environment, filters, photo-filters, checks, or a check.", metavar="TOPIC"
        ),
    ] = None,
) -> int:
    """Explain what belongs to no single command.

    Also every check, by its id or its name: `lomi help LOMI-REDIS-003`, `lomi help redis.maxmemory_policy`.
    """
    if topic is None:
        output.text(f"lomi help TOPIC, one of: {', '.join(TOPICS)}, {CHECKS}; or the id of a check")
    elif topic in TOPICS:
        output.text(_page(topic))
    elif topic == CHECKS:
        _checks()
    else:
        output.text(_check(_spec(topic)))
    return 0


def _page(topic: str) -> str:
    from lomi_ops.domain import job_filter, review_filter

    fields = {
        "filters": [(name, field.help) for name, field in job_filter.FIELDS.items()],
        PHOTO_FILTERS: [(name, field.help) for name, field in review_filter.FIELDS.items()],
    }
    return TOPICS[topic] + "\n".join(f"  {name:<9} {about}" for name, about in fields.get(topic, []))


def _checks() -> None:
    from lomi_ops.ops.checks.catalogue import SPECS

    output.table(("id", "check", "what should be true"), [(spec.id, spec.slug, spec.sentence) for spec in SPECS])


def _spec(topic: str) -> CheckSpec:
    """The check of that id or slug, upper or lower case. Raises UsageError with the nearest name."""
    from lomi_ops.ops.checks.catalogue import SPECS

    names = {name: spec for spec in SPECS for name in (spec.id.lower(), spec.slug)}
    if found := names.get(topic.lower()):
        return found
    nearest = get_close_matches(topic.lower(), [*TOPICS, *names], 1, 0.7)
    hint = f"lomi help {nearest[0]}" if nearest else f"lomi help, then one of: {', '.join(TOPICS)}, {CHECKS}"
    raise UsageError(f"there is no help on {topic!r}", hint=hint)


def _check(spec: CheckSpec) -> str:
    from lomi_ops.ops.checks.pages import page

    found = page(spec)
    head = [f"{spec.id}  {spec.slug}", spec.sentence, ""]
    prose = [*found.paragraphs, *([found.aside] if found.aside else [])]
    return "\n".join([*head, "\n\n".join(map(output.paragraph, prose)), "", *_facts(spec)])


def _facts(spec: CheckSpec) -> list[str]:
    from lomi_ops.domain.check import EVERYWHERE, Cost, Severity

    scopes = "at any time" if spec.scopes == EVERYWHERE else "with --scope " + " or ".join(sorted(spec.scopes))
    facts = {
        "severity": "error, it fails a run" if spec.severity is Severity.ERROR else "warning, it never fails a run",
        "cost": "cheap, it only reads" if spec.cost is Cost.CHEAP else "deep, only with --deep or by its own name",
        "when": scopes + (", --wait looks again" if spec.eventual else ""),
        "needs": ", ".join(spec.needs) or "nothing",
        "limit": f"{spec.timeout_s:g} s",
        "fix": spec.fix,
        "again": f"lomi check --only {spec.slug}",
    }
    return [f"{name:<10}{fact}" for name, fact in facts.items()]
