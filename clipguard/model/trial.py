"""Uses packages and tells how it went, one JSON line each: the child of ``clipguard doctor``.

It lives behind the seam, the only place that may import them.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

_DISTRIBUTIONS: Mapping[str, str] = {"open_clip": "open_clip_torch", "PIL": "pillow"}


def _torch() -> str:
    import torch

    from clipguard.model import compat

    compat.require_torch(str(torch.__version__))
    if float((torch.ones(8, 8) @ torch.ones(8, 8)).sum()) != 512:
        raise ArithmeticError("a matrix product came out wrong")
    where = "with CUDA" if torch.cuda.is_available() else "CPU"
    return f"{where}, {torch.get_num_threads()} threads"


def _torchvision() -> str:
    from clipguard.model import compat

    repair = compat.repair_torchvision()
    import_module("torchvision.transforms")
    return repair.status + (f": {repair.cause}" if repair.cause else "")


def _open_clip() -> str:
    from clipguard.model import compat

    tokens = compat.open_clip().SimpleTokenizer()(["a dog"])
    return f"tokenizer works, {tokens.shape[-1]} tokens"


def _onnxruntime() -> str:
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper

    shape = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "trial", [shape], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    if session.run(None, {"x": np.ones(1, np.float32)})[0][0] != -1:
        raise ArithmeticError("a graph computed something else")
    return "runs a graph"


_TRIALS: Mapping[str, Callable[[], str]] = {
    "torch": _torch,
    "torchvision": _torchvision,
    "open_clip": _open_clip,
    "onnxruntime": _onnxruntime,
}


def attempt(name: str) -> tuple[str, bool, str, str]:
    """Name, whether it works, version, and what was done or why it does not work."""
    try:
        number = version(_DISTRIBUTIONS.get(name, name))
    except PackageNotFoundError:
        return name, False, "", "not installed"
    try:
        trial = _TRIALS.get(name)
        detail = trial() if trial else import_module(name) and ""
    except Exception as error:
        return name, False, number, f"{type(error).__name__}: {error}"
    return name, True, number, str(detail)


def main(names: list[str]) -> None:
    """Try each, and tell at once: the next one may take the process with it."""
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what packages print themselves is no answer
    for name in names:
        print(json.dumps(attempt(name)), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
