"""Makes open_clip importable where torchvision was built for another torch.

The common index serves torchvision linked against CUDA. Beside a CPU build of torch its compiled
library cannot be loaded, and the import then fails because it describes operators that do not
exist. open_clip needs none of these operators, so their schemas are declared here before the
import; calling one still raises torchvision's own error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Literal

import torch

from clipguard.core.errors import MachineError

OLDEST_TORCH = (2, 10)
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[torch.library.Library] = []  # schemas live as long as their library object


@dataclass(frozen=True)
class Repair:
    """What had to be done for torchvision.

    ``native``: its operators work; ``shimmed``: declared here, ``cause`` says why; ``absent``:
    torchvision is not installed.
    """

    status: Literal["native", "shimmed", "absent"]
    cause: str = ""


@cache
def repair_torchvision() -> Repair:
    """Make ``import torchvision`` possible; the work is done once per process."""
    spec = find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return Repair("absent", "torchvision is not installed")
    cause = _load_operators(Path(spec.submodule_search_locations[0]))
    if hasattr(torch.ops.torchvision, "nms"):
        return Repair("native")
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}{_SCHEMA}")
    _declared.append(library)
    return Repair("shimmed", cause or "no compiled operators beside this torch")


def open_clip() -> ModuleType:
    """The open_clip package: the only way to it.

    Raises:
        MachineError: torch is too old, or open_clip or torchvision is missing or broken.
    """
    require_torch(str(torch.__version__))
    repair = repair_torchvision()
    try:
        import open_clip as package
    except (ImportError, RuntimeError, OSError) as error:
        raise MachineError(
            "env.open_clip",
            f"open_clip cannot be imported: {error}" + (f" ({repair.cause})" * bool(repair.cause)),
            remedy="run: clipguard doctor",
        ) from error
    module: ModuleType = package
    return module


def require_torch(version: str) -> None:
    """Refuse a torch release older than 2.10.

    Raises:
        MachineError: the release is older.
    """
    release = tuple(int(part) for part in version.split("+")[0].split(".")[:2])
    if release < OLDEST_TORCH:
        oldest = ".".join(map(str, OLDEST_TORCH))
        raise MachineError(
            "env.torch_old",
            f"torch {version} is older than {oldest}",
            remedy=f"pip install 'torch>={oldest}'",
        )


def require_device(name: str) -> None:
    """Refuse a device that cannot be computed on here.

    Raises:
        MachineError: torch does not know it, or it is not there.
    """
    try:
        torch.ones(1, device=name).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise MachineError(
            "env.device",
            f"torch cannot compute there: {str(error).splitlines()[0]}",
            where=f"--device {name}",
            remedy="choose another, such as cpu",
        ) from error


def _load_operators(folder: Path) -> str:
    """Load torchvision's compiled libraries; why one could not be loaded, else an empty string."""
    suffixes = dict.fromkeys((*EXTENSION_SUFFIXES, ".so", ".pyd"))
    libraries = sorted({file for suffix in suffixes for file in folder.glob(f"_C*{suffix}")})
    causes = [_load(library) for library in libraries]
    return next(filter(None, causes), "")


def _load(library: Path) -> str:
    try:
        torch.ops.load_library(library)
    except OSError as error:  # the outer message only says that it could not be loaded
        return str(error.__cause__ or error)
    return ""
