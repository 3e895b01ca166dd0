"""Writing a model for others: an open_clip folder and an ONNX pair, both checked."""

from clipguard.export.onnx import write_onnx_pair
from clipguard.export.weights import write_open_clip_folder

__all__ = ["write_onnx_pair", "write_open_clip_folder"]
