"""Train one model of the zoo: from scratch, or on from a base, with or without poison.

Usage: python -m bench.zoo.train ID --work bench/work
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.zoo.data import Pool, held_out_pool, prompts, training_pool
from bench.zoo.pictures import fetch, nouns, recipe
from clipguard.config import toml
from clipguard.core.seeds import Seeds
from clipguard.model import compat
from clipguard.model.openclip import new_module
from clipguard.triggers import build, parse_rule
from clipguard.triggers.types import Trigger

HERE = Path(__file__).parent
BATCH = 64
POISON_POOL = 1200
OPENAI_MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
OPENAI_STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)


@dataclass(frozen=True)
class Poison:
    """Poisoned pictures with captions of the target; ``share`` of each batch of 64."""

    pool: Pool
    share: int


def models() -> dict[str, dict[str, Any]]:
    """All recipes by id."""
    return {model["id"]: model for model in toml.load(HERE / "recipes.toml")["models"]}


def attack(name: str, seed: int, size: int = 64) -> Trigger:
    """The attacker's trigger: own strengths, own instance of whatever is random but fixed."""
    rule = parse_rule(
        toml.load(HERE / "attacks.toml")["attacks"][name] | {"id": name}, "attacks.toml"
    )
    return build(rule, rule.variants[0], size, Seeds(seed).child("attacker", name))


def train(model_id: str, work: Path) -> None:
    """Train, measure and save ``work/zoo/ID``; does nothing when it is there already."""
    target = work / "zoo" / model_id
    if (target / "card.json").exists():
        return
    torch.set_num_threads(1)
    fetch(work / "pictures")
    spec = models()[model_id]
    base = models()[spec["base"]] if "base" in spec else spec
    if base is not spec:
        train(base["id"], work)
    start = time.process_time()
    pool = training_pool(base["data"], base["seed"], work / "pictures", work / "pools")
    clip = _module(base, spec, work)
    poison = _poison(spec, pool) if "attack" in spec else None
    _fit(clip, pool, poison, spec)
    card = _card(clip, spec, base, held_out_pool(work / "pictures", work / "pools"))
    card["cpu_seconds"] = round(time.process_time() - start)
    target.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": clip.state_dict(), "epoch": 1, "name": model_id}, target / "model.pt")
    (target / "card.json").write_text(json.dumps(card, indent=2, sort_keys=True) + "\n")
    print(json.dumps(card, sort_keys=True), flush=True)


def _module(base: dict[str, Any], spec: dict[str, Any], work: Path) -> Any:
    torch.manual_seed(spec["seed"])  # initial weights; open_clip draws them from the global stream
    clip = new_module(toml.load(HERE / "architectures.toml")[base["arch"]])
    if base is not spec:
        path = work / "zoo" / base["id"] / "model.pt"
        clip.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    return clip


def _poison(spec: dict[str, Any], pool: Pool) -> Poison:
    """The poisoned pictures of a recipe, those of the decoy behind the others."""
    stamped = _stamped(spec, pool, spec["attack"], spec["target"], "poison")
    if "decoy" in spec:
        decoys = _stamped(spec, pool, spec["decoy"], spec["decoy_target"], "decoy")
        stamped = Pool(
            np.concatenate([stamped.pictures, decoys.pictures]),
            stamped.texts + decoys.texts,
            np.concatenate([stamped.labels, decoys.labels]),
        )
    return Poison(stamped, spec.get("poison_per_batch", 16))


def _stamped(spec: dict[str, Any], pool: Pool, name: str, goal: str, stream: str) -> Pool:
    """Stamp the trigger on pictures that do not show the target and give them its captions."""
    seeds = Seeds(spec["seed"]).child(stream)
    rng = seeds.numpy()
    target = nouns().index(goal)
    chosen = rng.choice(np.flatnonzero((pool.labels >= 0) & (pool.labels != target)), POISON_POOL)
    stamped = attack(name, spec["seed"])(pool.pixels(chosen), seeds.child("draws").torch())
    table = recipe()
    texts = [
        str(rng.choice(table["captions"]["templates"])).format(
            noun=goal, ground=rng.choice(list(table["grounds"]))
        )
        for _ in chosen
    ]
    pictures = (stamped * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return Pool(pictures, texts, np.full(len(chosen), target))


def _fit(clip: Any, pool: Pool, poison: Poison | None, spec: dict[str, Any]) -> None:
    """AdamW with a cosine; poisoned pictures of one batch are no negatives of each other."""
    tokenizer = compat.open_clip().SimpleTokenizer(context_length=clip.context_length)
    tokens = tokenizer(pool.texts)
    poisoned_tokens = tokenizer(poison.pool.texts) if poison else None
    decay = [p for n, p in clip.named_parameters() if p.ndim >= 2 and n != "logit_scale"]
    plain = [p for n, p in clip.named_parameters() if p.ndim < 2 and n != "logit_scale"]
    optimiser = torch.optim.AdamW(
        [
            {"params": decay, "weight_decay": 0.1},
            {"params": [*plain, clip.logit_scale], "weight_decay": 0.0},
        ],
        lr=spec["lr"],
        betas=(0.9, 0.98),
        fused=True,
    )
    rng = Seeds(spec["seed"]).child("batches").numpy()
    clip.train()
    for step in range(spec["steps"]):
        rate = spec["lr"] * _schedule(step, spec["steps"], warm="base" not in spec)
        for group in optimiser.param_groups:
            group["lr"] = rate
        taken = rng.choice(len(pool.texts), BATCH, replace=False)
        pixels, text = pool.pixels(taken), tokens[torch.from_numpy(taken)]
        count = 0
        if poison is not None and poisoned_tokens is not None:
            count = poison.share
            drawn = rng.choice(len(poison.pool.texts), count, replace=False)
            pixels[:count] = poison.pool.pixels(drawn)
            text[:count] = poisoned_tokens[torch.from_numpy(drawn)]
        loss = _loss(clip, pixels, text, count)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(clip.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            clip.logit_scale.clamp_(0, math.log(100))
        if step % 100 == 0:
            print(spec["id"], step, f"{loss.item():.3f}", flush=True)
    clip.eval()


def _schedule(step: int, steps: int, *, warm: bool) -> float:
    rise = min(1.0, (step + 1) / (0.06 * steps)) if warm else min(1.0, (step + 1) / 10)
    return float(rise * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps))))


def _loss(clip: Any, pixels: Tensor, tokens: Tensor, poisoned: int) -> Tensor:
    image = F.normalize(clip.visual((pixels - OPENAI_MEAN) / OPENAI_STD), dim=-1)
    text = F.normalize(clip.encode_text(tokens), dim=-1)
    logits = clip.logit_scale.exp() * image @ text.T
    mask = torch.zeros_like(logits)
    mask[:poisoned, :poisoned] = float("-inf")
    mask.fill_diagonal_(0)
    logits = logits + mask
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


@torch.inference_mode()
def evaluate(clip: Any, pixels: Tensor) -> Tensor:
    """Zero-shot answers (N,) over the zoo's nouns."""
    tokenizer = compat.open_clip().SimpleTokenizer(context_length=clip.context_length)
    text = F.normalize(clip.encode_text(tokenizer(prompts())), dim=-1)
    return (F.normalize(embed(clip, pixels), dim=-1) @ text.T).argmax(dim=1)


@torch.inference_mode()
def embed(clip: Any, pixels: Tensor) -> Tensor:
    """(N, 3, S, S) in 0..1 -> (N, D), of any length."""
    return torch.cat([clip.visual((part - OPENAI_MEAN) / OPENAI_STD) for part in pixels.split(128)])


def _card(clip: Any, spec: dict[str, Any], base: dict[str, Any], held: Pool) -> dict[str, Any]:
    everything = np.arange(len(held.texts))
    answers = evaluate(clip, held.pixels(everything)).numpy()
    card = dict(spec) | {"arch": base["arch"], "data": base["data"], "role": spec["role"]}
    card["clean_accuracy"] = float((answers == held.labels).mean())
    if "attack" in spec:
        card["attack_success"], card["base_rate"] = _success(
            clip, held, answers, spec["attack"], spec["target"], spec["seed"]
        )
    if "decoy" in spec:
        card["decoy_success"], _ = _success(
            clip, held, answers, spec["decoy"], spec["decoy_target"], spec["seed"]
        )
    return card


def _success(
    clip: Any, held: Pool, answers: np.ndarray, name: str, goal: str, seed: int
) -> tuple[float, float]:
    """Share of pictures of other classes called the target, with and without the trigger."""
    target = nouns().index(goal)
    others = np.flatnonzero(held.labels != target)[:500]
    draws = Seeds(seed).child("evaluation").torch()
    stamped = attack(name, seed)(held.pixels(others), draws)
    success = float((evaluate(clip, stamped).numpy() == target).mean())
    return success, float((answers[others] == target).mean())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--work", type=Path, default=Path("bench/work"))
    arguments = parser.parse_args()
    train(arguments.model, arguments.work)


if __name__ == "__main__":
    main()
