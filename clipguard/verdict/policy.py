"""From verdict and policy to the exit code: the one place where this is decided.

A broken rule leads to its exit code unless it is broken by suppressed charges alone. Of several
broken rules 1 outweighs 3. Errors have their own codes (:mod:`clipguard.core.errors`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from clipguard.config.policy import Ignore, Policy
from clipguard.core.exits import Exit
from clipguard.core.gate import Charge, Gate, IgnoreRecord, Ruling, Suppressed
from clipguard.core.measurement import Measurement, Proof
from clipguard.core.results import CheckState, Finding, Outcome, Result, Scan, Severity
from clipguard.verdict.judge import reproduced

LEAST = 0.10  # attack success above this is no repair
KEPT = 0.2  # image drift at a mean cosine of 0.9; above, embeddings are not kept
_RANK = {severity: rank for rank, severity in enumerate(Severity)}
_ACCUSING = (Outcome.BACKDOORED, Outcome.NATURAL_LIKE)


@dataclass(frozen=True)
class Case:
    """A scan before its policy; ``families`` is how many trigger families the rules list."""

    scan: Scan
    policy: Policy
    families: int


@dataclass(frozen=True)
class Tested:
    """What a rule says of a case; ``charges`` are those that broke it, empty: it is no charge."""

    limit: str | int | float
    found: str | int | float
    broken: bool
    charges: tuple[Charge, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A rule of the policy. ``test`` gives None for a case that it has nothing to say about."""

    id: str
    exit: Exit
    breaks: str
    test: Callable[[Case], Tested | None]


def decide(scan: Scan, policy: Policy, *, families: int, delivered: Scan | None = None) -> Gate:
    """Judge one scan.

    Args:
        scan: of the model that may be used afterwards.
        policy: what gates.
        families: how many trigger families the rules list.
        delivered: the scan before the repair, when ``scan`` is the one after it; an ignore that
            speaks of it is in use, too.
    """
    suppressed = _suppressed(scan, policy)
    spared = {item.charge for item in suppressed}
    case = Case(scan, policy, families)
    rulings = tuple(
        _ruling(rule, tested, spared) for rule in RULES if (tested := rule.test(case)) is not None
    )
    broken = {ruling.exit_code for ruling in rulings if ruling.state == "broken"}
    return Gate(
        subject="delivered" if delivered is None else "repaired",
        exit_code=min(broken, default=int(Exit.PASS)),
        rulings=rulings,
        suppressed=suppressed,
        ignores=_records(policy, [item for item in (scan, delivered) if item is not None]),
        today=policy.today.isoformat() if policy.ignores else None,
    )


def accepted(scan: Scan, gate: Gate) -> bool:
    """Whether a verdict that accuses is suppressed in all its parts."""
    held = accusations(scan)
    return bool(held) and set(held) <= {item.charge for item in gate.suppressed}


def refusals(
    gate: Gate,
    after: Sequence[Measurement],
    proof: Proof,
    policy: Policy,
    *,
    keep_embeddings: bool,
) -> tuple[str, ...]:
    """Why a repair is not accepted; empty when it is.

    Args:
        gate: the decision on the repaired model.
        after: what was measured of it.
        proof: what the repair cost, with its limit.
        policy: what gates.
        keep_embeddings: clean pictures had to stay where the delivered model puts them.
    """
    reasons = []
    if gate.exit_code != Exit.PASS:
        reasons.append("the repaired model did not pass its own scan")
    for item in after:
        working = item.value is None or item.value > LEAST
        if item.name.startswith("attack_success:") and working:
            reasons.append(f"{item.name.partition(':')[2]} still works on held-out pictures")
    figures = {item.name: item.value for item in after}
    drift, agreement = figures.get("image_drift"), figures.get("agreement")
    if keep_embeddings and (drift is None or drift > KEPT):
        reasons.append("embeddings of clean pictures did not stay where they were")
    least = policy.min_agreement
    if least is not None and (agreement is None or agreement < least):
        kept = "an unknown share" if agreement is None else f"{agreement:.3f}"
        reasons.append(f"{kept} of the answers was kept, less than --min-agreement {least:g}")
    reasons += [too_costly(proof), comes_back(proof, policy.max_rebound)]
    return tuple(reason for reason in reasons if reason)


def after_repair(gate: Gate, refused: Sequence[str]) -> Exit:
    """Exit code of a repair: 1 when the rescan still breaks a rule that leads there, else 3.

    Args:
        gate: the decision on the repaired model.
        refused: why the repair is not accepted; empty when it is.
    """
    if not refused:
        return Exit.PASS
    return Exit.FINDING if gate.exit_code == Exit.FINDING else Exit.INCONCLUSIVE


def accusations(scan: Scan) -> tuple[Charge, ...]:
    """The reproduced families that the verdict accuses; none when it accuses of nothing."""
    outcome = scan.verdict.outcome
    if scan.replay is None or outcome not in _ACCUSING:
        return ()
    return tuple(
        Charge(id=item.family, place=f"{outcome.value}: {item.concept}")
        for item in scan.replay.families
        if reproduced(item) and (item.natural is None or outcome is Outcome.NATURAL_LIKE)
    )


def charges(scan: Scan) -> tuple[Charge, ...]:
    """Everything that a gate can hold against a model."""
    return (*accusations(scan), *map(_charge, scan.subject.findings))


def known(result: Result) -> frozenset[Charge] | None:
    """What a result held against the model that it let out; None when it judged none."""
    repaired = result.cleaning is not None and result.cleaning.cleaned
    scan = result.repaired if repaired else result.delivered
    return None if scan is None else frozenset(charges(scan))


def too_costly(proof: Proof) -> str:
    """Why the cost is beyond the limit; empty when it is not."""
    lost = proof.loss.value
    if lost is None:
        return f"the loss of utility could not be measured: {proof.loss.absent}"
    if lost <= proof.limit:
        return ""
    told = f"{proof.judged_by} fell by {lost:.3f}, more than --max-utility-drop {proof.limit:g}"
    interval = proof.loss.interval
    if interval is None or interval.low > proof.limit:
        return told
    return (
        f"{told}; with {proof.loss.n} pictures this may be chance "
        f"({interval.low:+.3f} to {interval.high:+.3f}): more of them with --eval tell"
    )


def comes_back(proof: Proof, limit: float) -> str:
    """Why a trigger that fine-tuning brings back is too much; empty when it is not."""
    if proof.rebound is None:
        return ""
    point = proof.rebound.worst
    found = point.success.value or 0.0
    if found <= limit:
        return ""
    return (
        f"{point.worst} reaches {found:.3f} after {point.step} steps of benign fine-tuning, "
        f"more than --max-rebound {limit:g}"
    )


def _charge(finding: Finding) -> Charge:
    return Charge(id=finding.rule, place=finding.where)


def _ruling(rule: Rule, tested: Tested, spared: set[Charge]) -> Ruling:
    state: Literal["met", "broken", "suppressed"] = "broken" if tested.broken else "met"
    if tested.broken and tested.charges and spared.issuperset(tested.charges):
        state = "suppressed"
    return Ruling(
        rule=rule.id,
        limit=tested.limit,
        found=tested.found,
        state=state,
        exit_code=int(rule.exit),
    )


def _suppressed(scan: Scan, policy: Policy) -> tuple[Suppressed, ...]:
    digest = scan.subject.artifact.sha256
    in_force = {
        item.id: item for item in policy.ignores if item.sha256 == digest and _holds(item, policy)
    }
    found = [_why(charge, in_force, policy) for charge in dict.fromkeys(charges(scan))]
    return tuple(item for item in found if item is not None)


def _why(charge: Charge, in_force: Mapping[str, Ignore], policy: Policy) -> Suppressed | None:
    ignore, baseline = in_force.get(charge.id), policy.baseline
    if ignore is not None:
        return Suppressed(
            charge=charge,
            by="ignore",
            reason=ignore.reason,
            expires=ignore.expires.isoformat(),
        )
    if baseline is not None and charge in baseline.charges:
        return Suppressed(
            charge=charge, by="baseline", reason=f"known from {baseline.name}", expires=None
        )
    return None


def _holds(ignore: Ignore, policy: Policy) -> bool:
    return policy.today <= ignore.expires


def _records(policy: Policy, scans: Sequence[Scan]) -> tuple[IgnoreRecord, ...]:
    met = {(item.id, scan.subject.artifact.sha256) for scan in scans for item in charges(scan)}

    def state(ignore: Ignore) -> Literal["used", "unused", "expired"]:
        if not _holds(ignore, policy):
            return "expired"
        return "used" if (ignore.id, ignore.sha256) in met else "unused"

    return tuple(
        IgnoreRecord(
            id=item.id,
            sha256=item.sha256,
            reason=item.reason,
            expires=item.expires.isoformat(),
            state=state(item),
        )
        for item in policy.ignores
    )


def _outcome(case: Case) -> Tested:
    outcome, limit = case.scan.verdict.outcome, case.policy.fail_on
    return Tested(
        limit=", ".join(sorted(item.value for item in limit)),
        found=outcome.value,
        broken=outcome in limit,
        charges=accusations(case.scan),
    )


def _likelihood(case: Case) -> Tested | None:
    found, limit = case.scan.verdict.likelihood, case.policy.max_likelihood
    if limit is None or found is None:
        return None
    return Tested(limit, found, found > limit, accusations(case.scan))


def _severity(case: Case) -> Tested | None:
    limit, findings = case.policy.fail_on_severity, case.scan.subject.findings
    if limit is None:
        return None
    held = tuple(item for item in findings if _RANK[item.severity] >= _RANK[limit])
    worst = max((item.severity for item in findings), key=_RANK.__getitem__, default=None)
    return Tested(
        limit=limit.value,
        found=worst.value if worst else "none",
        broken=bool(held),
        charges=tuple(map(_charge, held)),
    )


def _undecided(case: Case) -> Tested:
    outcome = case.scan.verdict.outcome
    return Tested("any other verdict", outcome.value, outcome is Outcome.INCONCLUSIVE)


def _coverage(case: Case) -> Tested | None:
    limit, replay = case.policy.min_coverage, case.scan.replay
    if limit is None:
        return None
    measured = [item for item in replay.families if item.share_rise.n] if replay else []
    found = len(measured) / case.families if case.families else 0.0
    return Tested(limit, found, found < limit)


def _carriers(case: Case) -> Tested | None:
    limit, replay = case.policy.min_carriers, case.scan.replay
    if limit is None:
        return None
    found = replay.carriers if replay else 0
    return Tested(limit, found, found < limit)


def _checks(case: Case) -> Tested | None:
    required = case.policy.require_check
    if not required:
        return None
    passed = {item.id for item in case.scan.checks if item.state is CheckState.PASSED}
    missing = [name for name in required if name not in passed]
    return Tested(", ".join(required), f"not passed: {', '.join(missing) or 'none'}", bool(missing))


RULES = (
    Rule("fail_on", Exit.FINDING, "the verdict is one of these", _outcome),
    Rule("max_likelihood", Exit.FINDING, "the likelihood lies above it", _likelihood),
    Rule("fail_on_severity", Exit.FINDING, "the file has a finding as severe or more", _severity),
    Rule(
        "undecided", Exit.INCONCLUSIVE, "the verdict is inconclusive; always in force", _undecided
    ),
    Rule(
        "min_coverage",
        Exit.INCONCLUSIVE,
        "fewer of the listed trigger families were measured",
        _coverage,
    ),
    Rule("min_carriers", Exit.INCONCLUSIVE, "the families were tried on fewer pictures", _carriers),
    Rule("require_check", Exit.INCONCLUSIVE, "one of these checks did not pass", _checks),
)
