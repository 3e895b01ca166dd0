"""What the files of an ONNX pair are called, and their inputs and outputs. Needs no torch."""

from __future__ import annotations

from typing import Literal

Form = Literal["fp32", "fp16", "int8"]
"""How the weights of a pair are kept."""

FORMS: tuple[Form, ...] = ("fp32", "fp16", "int8")
IMAGE_INPUT, IMAGE_OUTPUT = "image", "image_embeds"
TEXT_INPUT, TEXT_OUTPUT = "text", "text_embeds"


def file_names(form: Form) -> tuple[str, str]:
    """The files of the image tower and of the text tower."""
    infix = "" if form == "fp32" else f".{form}"
    return f"visual{infix}.onnx", f"textual{infix}.onnx"


def data_name(name: str) -> str:
    """The file beside an ONNX file that holds the weights which do not fit into it."""
    return f"{name}.data"
