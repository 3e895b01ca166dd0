"""Smaller forms of an ONNX tower: weights in half precision, and dynamic int8."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SMALLEST = 16  # values; what is smaller is no matrix and gains nothing
_STORED = "{}_fp16"


def halve(graph: Any) -> None:
    """Store the weights of a graph in half precision, rounded to nearest; it computes as before.

    Each becomes a constant of half the size behind a cast, which onnxruntime folds while it loads.
    Graphs that compute in half precision are no use on a processor: onnxruntime 1.32 crashes while
    it optimises such a text tower.

    Args:
        graph: ``onnx.ModelProto`` in float32, changed in place.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in graph.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type == TensorProto.FLOAT and values.size >= _SMALLEST:
            name, stored = weight.name, _STORED.format(weight.name)
            weight.CopyFrom(numpy_helper.from_array(values.astype("f2"), stored))
            casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)


def quantise(
    source: Path, target: Path, *, operators: Sequence[str], per_channel: bool, reduce_range: bool
) -> None:
    """Weights of some operators as int8, their inputs quantised while they run.

    The work is onnxruntime's own; the values go to a file beside ``target``.

    Args:
        source: ONNX file in float32; temporary files appear beside it.
        target: ONNX file to write.
        operators: operator types of ONNX that are quantised.
        per_channel: a scale for each output instead of one for a whole matrix.
        reduce_range: seven bits instead of eight.
    """
    from onnxruntime.quantization import quantize_dynamic

    with _only_errors():  # it advises to run its own preparation, which changes nothing here
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=list(operators),
            per_channel=per_channel,
            reduce_range=reduce_range,
            use_external_data_format=True,
        )


@contextmanager
def _only_errors() -> Iterator[None]:
    """Quantisation tells its advice to the root logger."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
