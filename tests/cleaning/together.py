"""One of two processes that embed one batch together; prints how far they are from one alone.

Called as torchrun calls it, with RANK and WORLD_SIZE in the environment.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from tiny import SIZE, TinyClip, TinyPairs, task

from clipguard.cleaning.engine import Engine, Frozen
from clipguard.cleaning.gradcache import Tape
from clipguard.cleaning.loop import trainable
from clipguard.cleaning.losses import clip_loss, par_loss
from clipguard.cleaning.options import ParSettings, load
from clipguard.cleaning.par import Par
from clipguard.model.processes import joined

ROWS = 11  # shares of 5 and 6


def gradients(engine: Engine, tau: float | None) -> tuple[torch.Tensor, float, float]:
    """All gradients in one row, the loss, and the mean that the gate compares with tau."""
    model, reference = TinyClip(1), Frozen(TinyClip(0), engine)
    pairs = TinyPairs(0, ROWS).read(range(ROWS), SIZE)
    pixels, texts = pairs.pixels, pairs.texts
    weights = [weight for _, weight in trainable(model)]
    with model.gradients():
        tape = Tape(model, engine)
        image, text = tape.encode_image(pixels), tape.encode_text(texts)
        delivered = reference.encode_image(pixels), reference.encode_text(texts)
        terms = par_loss(image, text, *delivered, 14.3, tau=tau or 4.0)
        total = terms.total if tau else clip_loss(image, text, 14.3)
        tape.backward(total, weights)
        found = torch.cat([weight.grad.flatten() for weight in weights])
    return found, float(total.detach()), float(terms.image_drift.detach())


def cleaned(engine: Engine) -> torch.Tensor:
    """The weights after four steps of PAR."""
    job = task(TinyClip(1), pairs=TinyPairs(10, 32), steps=4, learning_rate=1e-4)
    Par(load("par", ParSettings)).clean(replace(job, engine=engine))
    return torch.cat([weight.detach().flatten() for _, weight in trainable(job.model)])


def main() -> None:
    torch.set_num_threads(1)
    with joined("cpu") as (processes, _):
        alone, both = Engine(), Engine(processes=processes, micro_batch=2)
        mean = gradients(alone, 4.0)[2]
        lines = []
        for name, tau in (("clip", None), ("below", mean + 1e-3), ("above", mean - 1e-3)):
            one, two = gradients(alone, tau), gradients(both, tau)
            scale = max(1.0, float(one[0].abs().max()))
            far = float((one[0] - two[0]).abs().max()) / scale
            lines.append((name, far, abs(one[1] - two[1]), float(one[0].norm())))
        far = float((cleaned(alone) - cleaned(both)).abs().max())
        lines.append(("cleaned", far, 0.0, 1.0))
        if processes.main:
            for line in lines:
                print(*line)


if __name__ == "__main__":
    main()
