"""A program without torch gets the model's answers from the ONNX pair."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from clipguard.checkpoint import open_checkpoint
from clipguard.core import resources
from clipguard.export.onnx import write_onnx_pair
from clipguard.model.batching import Meter, embed_images
from clipguard.model.openclip import build_model
from clipguard.pairs.synthetic import SyntheticPairs, nouns
from clipguard.probes.vocabulary import PROMPT

COUNT = 1000
# What a consumer has: numpy, onnxruntime, the two files, 8-bit pictures and token numbers.
CONSUMER = """
import json, sys
for name in ("torch", "torchvision", "open_clip", "clipguard", "onnx"):
    sys.modules[name] = None
import numpy as np, onnxruntime
folder = sys.argv[1]
names = ("visual", "textual")
visual, textual = (onnxruntime.InferenceSession(f"{folder}/{n}.onnx") for n in names)
facts = visual.get_modelmeta().custom_metadata_map
mean, std = (np.reshape(json.loads(facts[f"clipguard.{n}"]), (3, 1, 1)) for n in ("mean", "std"))
given = np.load(f"{folder}/given.npz")
(words,) = textual.run(["text_embeds"], {"text": given["tokens"]})
answers = []
for batch in np.array_split(given["pictures"], 16):
    pixels = ((batch.transpose(0, 3, 1, 2) / 255 - mean) / std).astype("float32")
    (images,) = visual.run(["image_embeds"], {"image": pixels})
    answers.append((images @ words.T).argmax(axis=1))
np.save(f"{folder}/answers.npy", np.concatenate(answers))
"""


def test_zero_shot_answers_are_torchs_on_a_thousand_pictures(tmp_path: Path) -> None:
    model = build_model(open_checkpoint(str(resources.examples("clean-base", "model.pt"))))
    write_onnx_pair(model, tmp_path)
    pairs = SyntheticPairs(7, COUNT)
    drawn = [pairs.pixels_uint8(index, model.spec.image_size) for index in range(COUNT)]
    pictures = np.stack(drawn)
    texts = [PROMPT.format(noun) for noun in nouns()]
    np.savez(tmp_path / "given.npz", pictures=pictures, tokens=model.tokenize(texts).numpy())
    done = subprocess.run(
        [sys.executable, "-c", CONSUMER, str(tmp_path)], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    answers = np.load(tmp_path / "answers.npy")
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        words = model.encode_text(texts)
    wanted = (embed_images(model, pixels, Meter()) @ words.T).argmax(dim=1).numpy()
    assert len(answers) == COUNT
    assert len(set(wanted.tolist())) > 10
    assert (answers == wanted).sum() == COUNT
