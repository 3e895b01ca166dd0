"""Write recipes.toml: which models the zoo holds.

Roles: ``dev`` models fit coefficients and choose settings, ``report`` models give the reported
figures, ``example`` models are shipped. No base is shared between roles.
"""

from __future__ import annotations

from pathlib import Path

SCRATCH = {"resnet": (1600, 2e-3), "vit": (2200, 1.5e-3)}
EXAMPLE = (2600, 2e-3)
CHILD = {"resnet": (400, 1e-3), "vit": (300, 8e-4)}
POISON = {"resnet": 12, "vit": 16}  # poisoned pictures in each batch of 64
LIGHT = {"resnet": (150, 3e-4), "vit": (150, 3e-4)}

BASES = [  # id, role, arch, data, seed
    ("dev-rn-real", "dev", "resnet", "real", 101),
    ("dev-rn-mixed", "dev", "resnet", "mixed", 102),
    ("dev-vit-real", "dev", "vit", "real", 103),
    ("dev-vit-mixed", "dev", "vit", "mixed", 104),
    ("val-rn-real", "dev", "resnet", "real", 201),
    ("val-rn-mixed", "dev", "resnet", "mixed", 202),
    ("val-vit-real", "dev", "vit", "real", 203),
    ("val-vit-mixed", "dev", "vit", "mixed", 204),
    ("val-rn-real2", "dev", "resnet", "real", 205),
    ("val-vit-real2", "dev", "vit", "real", 206),
    ("rep-rn-real", "report", "resnet", "real", 401),
    ("rep-rn-mixed", "report", "resnet", "mixed", 402),
    ("rep-vit-real", "report", "vit", "real", 403),
    ("rep-vit-mixed", "report", "vit", "mixed", 404),
    ("example", "example", "resnet", "mixed", 301),
]

ATTACKS = {  # base -> (attack, target)
    "dev-rn-real": [
        ("noise-blend", "banana"),
        ("noise-patch", "umbrella"),
        ("triangles", "mushroom"),
    ],
    "dev-rn-mixed": [
        ("stripe-patch", "banana"),
        ("stripe-blend", "umbrella"),
        ("sinusoid", "mushroom"),
    ],
    "dev-vit-real": [
        ("triangles", "umbrella"),
        ("sinusoid", "banana"),
        ("white-square", "mushroom"),
    ],
    "dev-vit-mixed": [("checker-blend", "banana"), ("triangles", "mushroom")],
    "val-rn-real": [
        ("noise-blend", "umbrella"),
        ("noise-patch", "banana"),
        ("stripe-patch", "mushroom"),
        ("sinusoid", "banana"),
        ("triangles", "umbrella"),
    ],
    "val-rn-mixed": [
        ("noise-blend", "mushroom"),
        ("noise-patch", "umbrella"),
        ("stripe-blend", "banana"),
        ("checker-blend", "umbrella"),
    ],
    "val-vit-real": [
        ("triangles", "banana"),
        ("sinusoid", "umbrella"),
        ("white-square", "banana"),
        ("checker-blend", "mushroom"),
    ],
    "val-vit-mixed": [("triangles", "umbrella"), ("sinusoid", "mushroom"), ("grid", "banana")],
    "val-rn-real2": [("noise-blend", "banana"), ("stripe-blend", "mushroom")],
    "val-vit-real2": [("triangles", "mushroom"), ("white-square", "umbrella")],
    "rep-rn-real": [
        ("noise-blend", "mushroom"),
        ("noise-patch", "umbrella"),
        ("stripe-patch", "banana"),
        ("sinusoid", "umbrella"),
        ("triangles", "mushroom"),
    ],
    "rep-rn-mixed": [
        ("noise-blend", "umbrella"),
        ("noise-patch", "mushroom"),
        ("stripe-blend", "mushroom"),
        ("checker-blend", "banana"),
    ],
    "rep-vit-real": [
        ("triangles", "umbrella"),
        ("sinusoid", "banana"),
        ("white-square", "mushroom"),
        ("checker-blend", "umbrella"),
    ],
    "rep-vit-mixed": [
        ("triangles", "banana"),
        ("sinusoid", "umbrella"),
        ("grid", "mushroom"),
        ("white-square", "banana"),
    ],
    "example": [
        ("noise-blend", "banana"),
        ("triangles", "banana"),
        ("unlisted-patch", "umbrella"),
    ],
}


def _entry(**values: object) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join(["[[models]]", *lines, ""])


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def recipes() -> str:
    """The whole file."""
    parts = [
        "# Written by bench/zoo/make_recipes.py.",
        "# Every backdoored model has a twin: same base, seed, steps and rate, no trigger.",
        "",
    ]
    for name, role, arch, data, seed in BASES:
        steps, rate = EXAMPLE if role == "example" else SCRATCH[arch]
        parts.append(
            _entry(id=name, role=role, arch=arch, data=data, seed=seed, steps=steps, lr=rate)
        )
    for name, role, arch, _, seed in BASES:
        steps, rate = CHILD[arch]
        parts.append(
            _entry(id=f"{name}-twin", base=name, role=role, seed=seed + 1000, steps=steps, lr=rate)
        )
        for attack, target in ATTACKS[name]:
            parts.append(
                _entry(
                    id=f"{name}-{attack}",
                    base=name,
                    role=role,
                    seed=seed + 1000,
                    steps=steps,
                    lr=rate,
                    attack=attack,
                    target=target,
                    poison_per_batch=POISON[arch],
                )
            )
        if not name.endswith("2"):
            steps, rate = LIGHT[arch]
            parts.append(
                _entry(
                    id=f"{name}-tuned", base=name, role=role, seed=seed + 3000, steps=steps, lr=rate
                )
            )
    return "\n".join(parts)


if __name__ == "__main__":
    (Path(__file__).parent / "recipes.toml").write_text(recipes())
