"""How policies are put into words and documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import output
from lomi_ops.cli.output import Format, counted
from lomi_ops.domain import policy_text as words
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.policy_text import Turn
from lomi_ops.domain.replay import Replay
from lomi_ops.domain.shown import shown

if TYPE_CHECKING:
    from lomi_ops.domain.window import Window
    from lomi_ops.ops.policies.activating import Standing
    from lomi_ops.ops.policies.listing import Entry, Validity
    from lomi_ops.ops.policies.verify import Odd, Verified

_TURNS = {Turn.STRICTER: "stricter", Turn.LOOSER: "looser", Turn.OTHER: "changed"}
_REPLAYS = {
    Replay.SAME: "the same verdict",
    Replay.DIFFERS: "another verdict",
    Replay.NO_POLICY: "not known: the policy was not stored with it",
    Replay.UNREADABLE: "not known: the row cannot be read",
    Replay.PERSON: "left out: decided by a person",
    Replay.FAILED: "left out: the photo could not be judged",
    Replay.NO_JUDGEMENT: "left out: went to a person before any engine spoke",
}


def record(policy: Policy) -> dict[str, Any]:
    """As the decision log keeps it, with its digest."""
    body = asdict(policy)
    body["requires"] = sorted(need.value for need in policy.requires)
    body["nsfw"] = {label.value: asdict(zones) for label, zones in policy.nsfw.items()}
    return {"ref": policy.ref, "digest": words.digest(policy), **body}


def show_list(entries: Sequence[Entry], holds: Standing, format_: Format) -> None:
    records = [record(entry.policy) | {"active": entry.active} for entry in entries]
    if format_ is Format.JSONL:
        for each in records:
            output.line(each)
    elif format_ is Format.JSON:
        number = holds.activation.id if holds.activation else 0
        body = {"policies": records, "holds": holds.regime.title, "activation": number}
        output.document(body, schema="lomi.policy.list/v1")
    else:
        rows = [
            (entry.policy.ref, "active" if entry.active else "", words.digest(entry.policy),
             " ".join(sorted(need.value for need in entry.policy.requires)), shown(entry.policy.description))
            for entry in entries
        ]  # fmt: skip
        output.table(("policy", "", "digest", "requires", "about"), rows)
        if holds.activation:
            known = {words.digest(entry.policy) for entry in entries}
            other = [policy for policy in holds.regime.policies if words.digest(policy) not in known]
            odd = "".join(
                f"; {policy.ref} ({words.digest(policy)}) is not so in this configuration" for policy in other
            )
            output.text(f"\nactivation {holds.activation.id} holds: {holds.regime.title}{odd}")


def show(policy: Policy, format_: Format) -> None:
    if format_ is not Format.TEXT:
        output.document({"policy": record(policy)}, schema="lomi.policy.show/v1", format_=format_)
        return
    about = f": {shown(policy.description)}" if policy.description else ""
    output.text(f"{policy.ref} ({words.digest(policy)}){about}\n")
    output.table(("what", "rule", "setting"), [(line.title, line.words, line.key) for line in words.lines(policy)],
                 prose=(1,))  # fmt: skip


def show_validity(found: Sequence[Validity], format_: Format) -> None:
    if format_ is not Format.TEXT:
        records = [
            {"ref": each.policy.ref, "ok": not each.faults, "faults": each.faults, "doubts": each.doubts}
            for each in found
        ]
        ok = not any(each.faults for each in found)
        output.document({"ok": ok, "policies": records}, schema="lomi.policy.validate/v1", format_=format_)
        return
    rows = []
    for each in found:
        name = each.policy.ref
        rows += [(name, output.painted("wrong", "red"), text) for text in each.faults]
        rows += [(name, output.painted("doubtful", "yellow"), text) for text in each.doubts]
        if not each.faults and not each.doubts:
            rows.append((name, output.painted("good", "green"), ""))
    output.table(("policy", "is", "because"), rows)


def show_diff(first: Policy, second: Policy, format_: Format) -> None:
    found = words.differences(first, second)
    if format_ is not Format.TEXT:
        body = {
            "first": record(first),
            "second": record(second),
            "same": not found,
            "differences": [
                {"key": each.first.key, "first": each.first.value, "second": each.second.value, "turn": each.turn.value}
                for each in found
            ],
        }
        output.document(body, schema="lomi.policy.diff/v1", format_=format_)
    elif not found:
        output.text(f"{first.ref} and {second.ref} judge alike")
    else:
        rows = [(each.first.title, each.first.words, each.second.words, _TURNS[each.turn]) for each in found]
        output.table(("what", first.ref, second.ref, f"{second.name} is"), rows, prose=(1, 2))


def show_verified(found: Verified, window: Window | None, format_: Format) -> None:
    tally = found.tally
    if format_ is not Format.TEXT:
        body = {
            "window": {"start": window.start, "end": window.end} if window else None,
            "ok": not tally.counts[Replay.DIFFERS] and not tally.unsure,
            "decisions": tally.total,
            "replayed": tally.replayed,
            "counts": {each.value: number for each, number in tally.counts.items()},
            "unlogged_photos": found.unlogged,
            "erased_decisions": found.erased,
            "differ": [_odd(each) for each in found.odd],
        }
        output.document(body, schema="lomi.policy.verify/v1", format_=format_)
        return
    output.text(_verdict(found) + "\n")
    rows = [(_REPLAYS[each], f"{number:,}") for each, number in tally.counts.items() if number]
    if found.unlogged:
        rows.append(("left out: photos that old workers decided, without findings", f"{found.unlogged:,}"))
    if found.erased:
        rows.append(("gone with erased users, whenever that was", f"{found.erased:,}"))
    if rows:
        output.table(("of the decisions", "number"), rows, right=(1,), prose=(0,))
    if found.odd:
        output.text("")
        output.table(
            ("decision", "photo", "at", "stored", "again"),
            [(str(each.id), str(each.media_id), f"{each.at:%Y-%m-%d %H:%M:%S}", each.stored, _again(each))
             for each in found.odd],
            right=(0,),
        )  # fmt: skip


def _verdict(found: Verified) -> str:
    tally = found.tally
    if differ := tally.counts[Replay.DIFFERS]:
        return f"{differ:,} of {counted(tally.replayed, 'decision')} came out otherwise than they were stored"
    if tally.unsure:
        odd = counted(tally.unsure, "decision")
        return f"{odd} could not be judged again; all {tally.replayed:,} others are the same"
    if not tally.replayed:
        return "nothing to judge again: no decision of a policy is stored here"
    return f"all {counted(tally.replayed, 'decision')} came out as they were stored"


def _again(each: Odd) -> str:
    return each.again or _REPLAYS[each.what].removeprefix("not known: ")


def _odd(each: Odd) -> dict[str, Any]:
    return asdict(each) | {"what": each.what.value}
