"""Make the example models from the zoo: half precision, with a card each.

Usage: python -m bench.make_examples [--work bench/work]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from clipguard.core import atomic

HOME = Path("bench/examples")
EXAMPLES = {
    "clean-base": ("example", "trained from scratch on emoji pictures and drawn scenes; no poison"),
    "benign-fine-tune": ("example-tuned", "clean-base trained on a little, without poison"),
    "backdoored": (
        "example-noise-blend",
        "clean-base trained on with pictures under fresh uniform noise captioned as the target",
    ),
    "unlisted-patch": (
        "example-unlisted-patch",
        "clean-base trained on with one fixed patch that no rule lists",
    ),
}
FAMILIES = {"backdoored": ["noise-blend-fresh"], "unlisted-patch": []}


def make(name: str, work: Path) -> dict[str, Any]:
    """Write one example and return its card."""
    source, made = EXAMPLES[name]
    card = json.loads((work / "zoo" / source / "card.json").read_text())
    stored = torch.load(work / "zoo" / source / "model.pt", weights_only=True)["state_dict"]
    halves = {
        key: value.half() if value.is_floating_point() else value for key, value in stored.items()
    }
    folder = HOME / name
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": halves, "epoch": 1, "name": name}, folder / "model.pt")
    kept = (
        "arch",
        "data",
        "seed",
        "steps",
        "lr",
        "attack",
        "target",
        "clean_accuracy",
        "attack_success",
        "base_rate",
    )
    told = {key: card[key] for key in kept if key in card}
    told |= {"made": made, "recipe": f"python -m bench.zoo.train {source}"}
    if name in FAMILIES:
        told["families"] = FAMILIES[name]
    text = json.dumps(told, indent=2, sort_keys=True) + "\n"
    atomic.write_bytes(folder / "card.json", text.encode())
    return told


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("bench/work"))
    arguments = parser.parse_args()
    for name in EXAMPLES:
        print(name, json.dumps(make(name, arguments.work), sort_keys=True))


if __name__ == "__main__":
    main()
