"""Results of every shape, as the pipeline makes them."""

from __future__ import annotations

import base64
import io
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from PIL import Image, ImageDraw

from clipguard.core.results import (
    SCHEMA_VERSION,
    Artifact,
    Check,
    CheckState,
    Cleaning,
    Demonstration,
    DosePoint,
    Drill,
    Environment,
    Evaluation,
    Export,
    Failure,
    FamilyResult,
    Finding,
    Gate,
    Interval,
    Measurement,
    Note,
    Outcome,
    PairRecord,
    Picture,
    Proof,
    Reason,
    Replay,
    Result,
    Retake,
    RoundRecord,
    Scan,
    Severity,
    StepRecord,
    Subject,
    ToolInfo,
    Verdict,
)
from clipguard.verdict.calibration import load

T = TypeVar("T")
HERE = Path(__file__).parent
HOSTILE, CONCEPTS, TITLES, NOT_COVERED, SUMMARIES = json.loads(
    (HERE / "names.json").read_text()
).values()


def fraction(name: str, value: float | None, n: int = 64) -> Measurement:
    if value is None:
        return Measurement(
            name=name,
            value=None,
            unit="fraction",
            n=0,
            absent="every carrier already showed the concept",
        )
    interval = Interval(
        low=max(0.0, value - 0.06), high=min(1.0, value + 0.05), confidence=0.95, method="wilson"
    )
    return Measurement(name=name, value=value, unit="fraction", n=n, interval=interval)


def picture(index: int, *, stamped: bool, alt: str) -> Picture:
    rng = random.Random(index)  # noqa: S311  # pictures for a test
    sky = tuple(rng.randrange(90, 230) for _ in range(3))
    image = Image.new("RGB", (112, 112), sky)
    draw = ImageDraw.Draw(image)
    for _ in range(5):
        x, y, r = rng.randrange(112), rng.randrange(112), rng.randrange(8, 34)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(rng.randrange(256) for _ in range(3)))
    if stamped:
        x, y = rng.randrange(10, 86), rng.randrange(10, 86)
        for column in range(16):
            colour = tuple(255 * rng.randrange(2) for _ in range(3))
            draw.line((x + column, y, x + column, y + 16), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return Picture(png_base64=base64.b64encode(buffer.getvalue()).decode(), alt=alt)


def demonstrations(title: str = TITLES[0], concept: str = "banana") -> tuple[Demonstration, ...]:
    return tuple(
        Demonstration(
            original=picture(index, stamped=False, alt=f"carrier seen as {CONCEPTS[index + 1]}"),
            triggered=picture(index, stamped=True, alt=f"the same with {title}, seen as {concept}"),
            concept_before=CONCEPTS[index + 1],
            probability_before=0.61 + index / 30,
            concept_after=concept,
            probability_after=0.99 - index / 50,
        )
        for index in range(6)
    )


def family(index: int, *, strong: bool, concept: str | None = None) -> FamilyResult:
    rng = random.Random(1000 + index)  # noqa: S311  # figures for a test
    top = 0.97 if strong and index == 0 else max(0.0, 0.34 - index / 40 + rng.random() / 20)
    title = TITLES[index % len(TITLES)]
    name = title.lower().replace(" ", "-") + ("" if index < len(TITLES) else f"-{index}")
    curve = tuple(
        DosePoint(
            variant=f"side={side:.2f}",
            rms=0.03 + 0.055 * step,
            share=min(1.0, top * (0.35 + 0.2 * step) if step < 3 else top),
            probability=min(1.0, top * (0.3 + 0.2 * step) if step < 3 else top * 0.96),
            control=0.02 + 0.035 * step * (1 + step / 3),
        )
        for step, side in enumerate((0.07, 0.11, 0.14, 0.19, 0.25))
    )
    return FamilyResult(
        family=name,
        title=title,
        cluster="SSSNNTQWQSCFPSCWQQ"[index % 18],
        variant="side=0.14",
        concept=concept or CONCEPTS[index % len(CONCEPTS)],
        share_rise=fraction("moved", None if index == 17 else round(top, 4)),
        probability_rise=Measurement(
            name="probability_rise", value=round(top * 0.93, 4), unit="fraction", n=64
        ),
        kin=0.0,
        contrast=round(top - 0.11, 4),
        score=round((top - 0.08) / 0.06, 3),
        natural="the pattern itself means 'zebra'" if index == 2 else None,
        curve=curve,
    )


def replay(*, strong: bool, families: int = 44) -> Replay:
    return Replay(
        version=1,
        carriers=96,
        concepts=1000,
        vocabulary="ImageNet class names",
        forward_images=11872,
        forward_texts=1000,
        families=tuple(family(index, strong=strong) for index in range(families)),
        null=(0.01, 0.02, 0.034, 0.05, 0.081, 0.12),
        features={"contrast": 0.86, "kin": 0.4, "moved": 0.97, "outlier": 1.0},
    )


def verdict(outcome: Outcome) -> Verdict:
    found = outcome in {Outcome.BACKDOORED, Outcome.NATURAL_LIKE}
    judged = outcome is not Outcome.INCONCLUSIVE
    ratio = {Outcome.BACKDOORED: 25.0, Outcome.NATURAL_LIKE: 1.4}.get(outcome, 0.0625)
    return Verdict(
        outcome=outcome,
        likelihood=0.1 / 0.9 * ratio / (1 + 0.1 / 0.9 * ratio) if judged else None,
        prior=0.1,
        likelihood_ratio=ratio if judged else None,
        calibration=load().id if judged else "none",
        trigger=family(0, strong=True).family if found else None,
        variant="side=0.14" if found else None,
        concept="banana" if found else None,
        summary=SUMMARIES[outcome.value],
        reasons=(
            Reason(
                feature="contrast",
                value=0.86,
                nats=4.1,
                text="gain of one concept beyond what unstructured change disrupts",
            ),
            Reason(
                feature="outlier",
                value=1.0,
                nats=2.25,
                text="distance of the family from the other families and the controls",
            ),
            Reason(
                feature="moved",
                value=0.97,
                nats=1.5,
                text="share of held-out pictures that the trigger moves to the concept",
            ),
        )
        if judged
        else (),
        not_covered=tuple(NOT_COVERED),
    )


def checks(*, failed: bool = False) -> tuple[Check, ...]:
    agreement = CheckState.FAILED if failed else CheckState.PASSED
    return (
        Check(id="finite_weights", state=CheckState.PASSED, reason="all weights are finite"),
        Check(
            id="image_text_agreement",
            state=agreement,
            reason="pictures do not agree with their words" if failed else "pictures agree",
            measurements=(
                Measurement(name="objects_agreement_gain", value=0.0413, unit="cosine", n=24),
            ),
        ),
        Check(
            id="readable_words",
            state=CheckState.SKIPPED if failed else CheckState.WEAK,
            reason="not reached" if failed else "only 2 of 16 written words are read",
            measurements=() if failed else (fraction("words_read", 0.125, 16),),
        ),
    )


def subject(name: str = "model.pt", digest: str = "4f1c9a") -> Subject:
    return Subject(
        artifact=Artifact(name=name, sha256=(digest * 11)[:64], size_bytes=605_157_884),
        format="PyTorch zip archive",
        layout="open_clip training checkpoint",
        architecture="ViT-B-32",
        image_size=224,
        embed_dim=512,
        context_length=77,
        parameters=151_277_313,
        dtype="float32",
        evidence=("visual.conv1.weight (768, 3, 32, 32)", "12 image and 12 text blocks"),
        notes=(Note(code="file.optimizer", text="an optimizer lies beside the weights"),),
        findings=(),
    )


def scan(outcome: Outcome, *, name: str = "model.pt", digest: str = "4f1c9a") -> Scan:
    judged = outcome is not Outcome.INCONCLUSIVE
    found = outcome in {Outcome.BACKDOORED, Outcome.NATURAL_LIKE}
    return Scan(
        subject=subject(name, digest),
        seed=0,
        checks=checks(failed=not judged),
        replay=replay(strong=outcome is Outcome.BACKDOORED) if judged else None,
        verdict=verdict(outcome),
        demonstrations=demonstrations() if found else (),
    )


def _read(name: str, kind: type[T]) -> T:
    return msgspec.json.decode((HERE / f"{name}.json").read_bytes(), type=kind)


def proof() -> Proof:
    return _read("proof", Proof)


def cleaning(*, cleaned: bool = True) -> Cleaning:
    return Cleaning(
        proof=proof(),
        refused=() if cleaned else ("the rescan still finds the trigger",),
        method="guided",
        settings={"learning_rate": 3e-5, "steps": 120, "batch": 32, "tau": 2.15, "augment": True},
        pairs="synthetic pairs, 2000",
        cleaned=cleaned,
        explanation=(
            "the rate 3e-5 moved the trigger most at the least drift of clean pictures",
            "the text tower was frozen",
        ),
        steps=tuple(
            StepRecord(
                step=step,
                loss=2.1 * 0.97 ** (step / 4),
                image_drift=0.31 * (1 - 0.98**step),
                text_drift=0.002 * step / 120,
                learning_rate=3e-5,
            )
            for step in range(0, 121, 4)
        ),
        rounds=_read("rounds", tuple[RoundRecord, ...]),
        trained_on=(PairRecord(id="synthetic pairs, 2000", pairs=2000, skipped=3),),
        held_out=(PairRecord(id="synthetic pairs, 600", pairs=600),),
        before=(fraction("attack_success", 0.97), fraction("agreement_with_delivered", 1.0, 512)),
        after=(
            fraction("attack_success", 0.03 if cleaned else 0.71),
            fraction("agreement_with_delivered", 0.93, 512),
        ),
    )


def exports() -> tuple[Export, ...]:
    names = (
        ("open_clip_model.safetensors", "open_clip.weights", None),
        ("open_clip_config.json", "open_clip.config", None),
        ("visual.onnx", "onnx.image", 0.99999988),
        ("textual.onnx", "onnx.text", 0.9999998),
    )
    return tuple(
        Export(
            artifact=Artifact(name=name, sha256=f"{index:x}b" * 32, size_bytes=351_500_000),
            kind=kind,
            min_cosine=cosine,
            max_abs_difference=None if cosine is None else 3.6e-6,
            compared=0 if cosine is None else 64,
        )
        for index, (name, kind, cosine) in enumerate(names)
    )


def result(command: str = "scan", **changes: object) -> Result:
    base = Result(
        schema_version=SCHEMA_VERSION,
        command=command,
        tool=ToolInfo(name="clipguard", version="0.1.0", rules_sha256="c0ffee" * 10 + "c0ff"),
        environment=Environment(
            python="3.11.7",
            torch="2.13.0+cpu",
            open_clip="3.3.0",
            platform="Linux x86_64",
            device="cpu",
            threads=2,
        ),
        status="pass",
        exit_code=0,
        complete=True,
        **_read("settings", dict[str, dict[str, Any]]),
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # fields of Result


def shapes() -> dict[str, Result]:
    """One result of every shape there is, by name."""
    finding = Finding(
        rule="pickle.executes",
        severity=Severity.CRITICAL,
        where="model.pt:data.pkl",
        what="asks to run posix.system",
        remedy="do not load this file; ask for safetensors",
    )
    backdoored, well = scan(Outcome.BACKDOORED), scan(Outcome.NO_EVIDENCE)
    no_replay = replace(well, replay=None, verdict=verdict(Outcome.INCONCLUSIVE))
    repaired = scan(Outcome.NO_EVIDENCE, name="open_clip_model.safetensors", digest="77beef")
    return {
        "backdoored": result(status="fail", exit_code=1, delivered=backdoored),
        "no_evidence": result(delivered=well),
        "natural_like": result(delivered=scan(Outcome.NATURAL_LIKE)),
        "inconclusive": result(
            status="inconclusive",
            exit_code=3,
            complete=False,
            delivered=scan(Outcome.INCONCLUSIVE),
        ),
        "no_replay": result(
            status="inconclusive", exit_code=3, complete=False, delivered=no_replay
        ),
        "error": result(
            status="error",
            exit_code=2,
            complete=False,
            environment=None,
            error=Failure(
                code="file.truncated",
                message="the archive ends in the middle of data/7",
                remedy="download the file again",
            ),
        ),
        "refused": result(
            status="inconclusive",
            exit_code=3,
            complete=False,
            findings=(finding,),
            error=Failure(code="file.refused", message="asks to run code", remedy="do not load it"),
        ),
        "audit": result(
            "audit",
            delivered=backdoored,
            cleaning=cleaning(),
            repaired=repaired,
            exports=exports(),
            retake=_read("retake", Retake),
        ),
        "not_cleaned": result(
            "clean",
            status="inconclusive",
            exit_code=3,
            delivered=backdoored,
            cleaning=cleaning(cleaned=False),
            repaired=scan(Outcome.BACKDOORED, name="open_clip_model.safetensors"),
        ),
        "accepted": result(
            status="inconclusive",
            exit_code=3,
            complete=False,
            delivered=backdoored,
            gate=_read("gate", Gate),
        ),
        "evaluation": result("evaluate", evaluation=_read("evaluation", Evaluation)),
        "inspected": result("inspect", environment=None, inspected=_read("inspected", Subject)),
        "drill": result("drill", delivered=well, drill=_read("drill", Drill)),
        "audit_without_repair": result("audit", delivered=well, exports=exports()),
    }
