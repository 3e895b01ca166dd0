"""What the files of an ONNX pair are called, and their inputs and outputs. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Form = Literal["fp32", "fp16", "int8"]
"""How the weights of a pair are kept."""

FORMS: tuple[Form, ...] = ("fp32", "fp16", "int8")


@dataclass(frozen=True)
class Convention:
    """What the consumers of a pair look for; the image tower's part comes first.

    ``files`` have a place for the form, which ``mark`` precedes. ``tokens`` is the type of token
    ids. Embeddings are unit-norm where ``normalized``; texts may be shorter than the context where
    ``any_length``.
    """

    files: tuple[str, str]
    mark: str = "."
    inputs: tuple[str, str] = ("image", "text")
    outputs: tuple[str, str] = ("image_embeds", "text_embeds")
    tokens: Literal["int64", "int32"] = "int64"
    normalized: bool = True
    any_length: bool = False


OWN = Convention(files=("visual{}.onnx", "textual{}.onnx"))
CONVENTIONS: Mapping[str, Convention] = {
    "open_clip": OWN,
    "hf": OWN,
    "immich": Convention(
        files=("visual/model{}.onnx", "textual/model{}.onnx"),
        outputs=("embedding", "embedding"),
        tokens="int32",
    ),
    "transformers.js": Convention(
        files=("onnx/vision_model{}.onnx", "onnx/text_model{}.onnx"),
        mark="_",
        inputs=("pixel_values", "input_ids"),
        normalized=False,
        any_length=True,
    ),
}
"""By the name of the layout that has it."""


def file_names(form: Form, convention: Convention = OWN) -> tuple[str, str]:
    """The files of the image tower and of the text tower, relative to the folder."""
    infix = "" if form == "fp32" else f"{convention.mark}{form}"
    image, text = (name.format(infix) for name in convention.files)
    return image, text


def data_name(name: str) -> str:
    """The file beside an ONNX file that holds the weights which do not fit into it."""
    return f"{name}.data"
