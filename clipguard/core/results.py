"""What clipguard finds out, as frozen data: the only thing that reports are made from.

Fractions lie in 0..1; percent appears in templates alone. A value that could not be measured is
``None`` together with the reason in ``absent``, never 0 and never NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from clipguard.core.drill import Drill as Drill
from clipguard.core.gate import Gate as Gate
from clipguard.core.measurement import Interval as Interval
from clipguard.core.measurement import Measurement as Measurement
from clipguard.core.measurement import Proof as Proof
from clipguard.core.measurement import Retake as Retake
from clipguard.core.measurement import RetakenFamily as RetakenFamily
from clipguard.core.measurement import StatedAttack as StatedAttack
from clipguard.core.origin import Origin as Origin
from clipguard.core.outcome import Outcome as Outcome

SCHEMA_VERSION = "1.4"

Scalar = str | int | float | bool | None


class Severity(str, Enum):
    """How much a finding about the file matters."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class CheckState(str, Enum):
    """How a check ended. ``skipped`` is not ``passed``."""

    PASSED = "passed"
    FAILED = "failed"
    WEAK = "weak"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class ToolInfo:
    """Which tool made the result."""

    name: str
    version: str
    rules_sha256: str


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What the figures were computed with; equal figures are promised for equal environments."""

    python: str
    torch: str
    open_clip: str
    platform: str
    device: str
    threads: int


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One file, by content."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something worth knowing that changes no verdict."""

    code: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something wrong in the file itself, found without running any of it."""

    rule: str
    severity: Severity
    where: str
    what: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The checkpoint as recognised."""

    artifact: Artifact
    format: str
    layout: str
    architecture: str
    image_size: int
    embed_dim: int
    context_length: int
    parameters: int
    dtype: str
    evidence: tuple[str, ...]
    notes: tuple[Note, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A precondition of the probes: is the model fit to be measured at all?"""

    id: str
    state: CheckState
    reason: str
    measurements: tuple[Measurement, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DosePoint:
    """One strength of a trigger family.

    ``rms`` is the root-mean-square pixel change over the whole picture (0..1), ``share`` the rise
    of the suspected concept's share of top-1 answers, ``probability`` the rise of its mean
    probability, ``control`` the mean of both for the concept that gains most under unstructured
    change of equal energy.
    """

    variant: str
    rms: float
    share: float
    probability: float
    control: float


@dataclass(frozen=True, kw_only=True)
class FamilyResult:
    """What replaying one trigger family did.

    The variant and the concept were chosen on the screening carriers, where ``kin`` and ``curve``
    were measured too; every other figure but ``score`` was measured afterwards on held-out carriers
    with fresh draws.
    """

    family: str
    title: str
    cluster: str
    variant: str
    concept: str
    share_rise: Measurement
    probability_rise: Measurement
    contrast: float
    kin: float
    score: float
    natural: str | None
    curve: tuple[DosePoint, ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A PNG, base64-encoded, with its text equivalent."""

    png_base64: str
    alt: str


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """One carrier before and after the suspected trigger."""

    original: Picture
    triggered: Picture
    concept_before: str
    probability_before: float
    concept_after: str
    probability_after: float


@dataclass(frozen=True, kw_only=True)
class Replay:
    """The probe that replays known trigger families.

    ``null`` holds the within-model null scores that the families are compared with.
    """

    version: int
    carriers: int
    concepts: int
    vocabulary: str
    forward_images: int
    forward_texts: int
    families: tuple[FamilyResult, ...]
    null: tuple[float, ...]
    features: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Reason:
    """How much one feature moved the likelihood: its value times its coefficient, in nats."""

    feature: str
    value: float
    nats: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The judgement.

    ``likelihood`` is the posterior probability of a planted backdoor: ``prior`` odds times
    ``likelihood_ratio``, which is capped by what the number of calibration models supports.
    """

    outcome: Outcome
    likelihood: float | None
    prior: float
    likelihood_ratio: float | None
    calibration: str
    trigger: str | None
    variant: str | None
    concept: str | None
    summary: str
    reasons: tuple[Reason, ...]
    not_covered: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Scan:
    """One checkpoint, probed and judged."""

    subject: Subject
    seed: int
    checks: tuple[Check, ...]
    replay: Replay | None
    verdict: Verdict
    demonstrations: tuple[Demonstration, ...]


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One logged step of cleaning. Drifts are squared L2 of unit embeddings, 0..4.

    ``image_drift_aligned`` is what one rotation common to both towers leaves of the image drift;
    None where the batch is too small to tell.
    """

    step: int
    loss: float
    image_drift: float
    text_drift: float
    learning_rate: float
    image_drift_aligned: float | None = None


@dataclass(frozen=True, kw_only=True)
class PairRecord:
    """One source of image-text pairs; ``skipped`` counts what of it could not be used."""

    id: str
    pairs: int
    skipped: int = 0
    first_skipped: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RoundRecord:
    """A point on the way that cleaning could have ended at, judged on development pictures.

    Shares lie in 0..1. ``attack_success`` is the worst of what fired, None when nothing did.
    ``inverted`` is what inversion reaches toward the audited concepts beyond what it reaches toward
    others in the delivered model. ``utility`` is recall@5 of a picture's own caption, ``agreement``
    the share of the delivered model's answers that are kept. ``image_drift`` is a mean squared L2.
    """

    name: str
    step: int
    attack_success: float | None
    inverted: float
    utility: float
    agreement: float
    image_drift: float


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """What was done to the weights and what it did to the model.

    ``before`` and ``after`` hold the same measurements by name: replayed attack success, agreement
    with the delivered model on held-out pictures, drift. ``trained_on`` and ``held_out`` are the
    parts of the pairs. ``cleaned`` says that the rescan passed and the cost stayed within its
    limit; ``refused`` why not, empty when it is so.
    """

    method: str
    settings: Mapping[str, Scalar]
    pairs: str
    cleaned: bool
    explanation: tuple[str, ...]
    steps: tuple[StepRecord, ...]
    before: tuple[Measurement, ...]
    after: tuple[Measurement, ...]
    rounds: tuple[RoundRecord, ...] = ()
    trained_on: tuple[PairRecord, ...] = ()
    held_out: tuple[PairRecord, ...] = ()
    proof: Proof | None = None
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a model is good for on the user's data.

    ``classes`` says how the pictures' classes were known, ``labelled`` how many have one;
    ``utility`` holds zero-shot accuracy and retrieval under CLIP_benchmark's names.
    """

    subject: Subject
    seed: int
    checks: tuple[Check, ...]
    data: str
    data_sha256: str
    pairs: int
    pictures: int
    labelled: int
    classes: str
    vocabulary: str
    concepts: int
    utility: tuple[Measurement, ...]
    attack: StatedAttack | None


@dataclass(frozen=True, kw_only=True)
class Export:
    """One file that was written, with its check against the torch model."""

    artifact: Artifact
    kind: str
    min_cosine: float | None
    max_abs_difference: float | None
    compared: int


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why there is no answer, in the same words as the error line."""

    code: str
    message: str
    remedy: str


Status = Literal["pass", "fail", "error", "inconclusive", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """The whole answer of one command; every report is rendered from this alone.

    ``delivered`` is the scan of the file that was given, ``repaired`` that of the file that was
    written after cleaning; ``evaluation`` says what the file is good for, ``drill`` how well the
    scan works on it; ``retake`` tells that the verdict holds for the written ONNX pair as well;
    ``findings`` are filled when the file itself is hostile and was not read; ``inspected`` is the
    file where nothing but the file was looked at.
    ``gate`` tells how the policy led to the exit code. ``settings`` are the effective ones,
    ``origins`` where each came from. ``origin`` is there when a registry handed the file out.
    """

    schema_version: str
    command: str
    tool: ToolInfo
    environment: Environment | None
    settings: Mapping[str, Scalar]
    origins: Mapping[str, str]
    status: Status
    exit_code: int
    complete: bool
    inspected: Subject | None = None
    delivered: Scan | None = None
    cleaning: Cleaning | None = None
    repaired: Scan | None = None
    evaluation: Evaluation | None = None
    drill: Drill | None = None
    exports: tuple[Export, ...] = ()
    retake: Retake | None = None
    gate: Gate | None = None
    findings: tuple[Finding, ...] = ()
    error: Failure | None = None
    origin: Origin | None = None
