"""What ``clipguard doctor`` examines. The packages are tried in a child process: it may crash."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clipguard.config import settings
from clipguard.core import resources
from clipguard.core.errors import ClipguardError
from clipguard.core.text import printable

PACKAGES = (
    "numpy",
    "torch",
    "torchvision",
    "open_clip",
    "onnx",
    "onnxruntime",
    "safetensors",
    "msgspec",
    "PIL",
    "jinja2",
    "matplotlib",
    "rich",
)
TIMEOUT = 300  # seconds for all packages; a cold disk makes the first import of torch slow


@dataclass(frozen=True)
class Item:
    """One thing examined: name, whether it works, version or place, and the cause if not."""

    name: str
    works: bool
    version: str
    detail: str


def examine(folder: Path) -> tuple[Item, ...]:
    """Try everything; ``folder`` is where the settings file is looked for."""
    return (
        Item(
            "python", True, platform.python_version(), f"{platform.system()} {platform.machine()}"
        ),
        Item("processors", True, str(os.cpu_count()), _threads()),
        *_packages(PACKAGES),
        *(_data(name) for name in ("rules", "templates", "examples")),
        _settings(folder),
    )


def table(items: Sequence[Item]) -> str:
    """The items as aligned lines, and what to do about those that do not work."""
    name = max(len(item.name) for item in items)
    version = max(len(item.version) for item in items)
    lines = [
        f"{'ok ' if item.works else 'BAD'}  {item.name:<{name}}  {item.version:<{version}}  "
        f"{item.detail}".rstrip()
        for item in items
    ]
    bad = [item.name for item in items if not item.works]
    if not bad:
        return "\n".join([*lines, "", "clipguard can work here."])
    remedies = []
    if bad != ["settings"]:
        remedies.append("Install again with: pip install -c constraints.txt .")
    if "settings" in bad:
        remedies.append("Correct the settings file.")
    return "\n".join([*lines, "", f"clipguard cannot work here: {', '.join(bad)}.", *remedies])


def _threads() -> str:
    chosen = os.environ.get("OMP_NUM_THREADS")
    return f"OMP_NUM_THREADS={printable(chosen)}" if chosen else "OMP_NUM_THREADS is not set"


def _packages(names: Sequence[str]) -> list[Item]:
    """Try packages in a child; when it dies, blame the package in hand and go on behind it."""
    found: list[Item] = []
    while len(found) < len(names):
        found += _child(names[len(found) :])
    return found


def _child(names: Sequence[str]) -> list[Item]:
    """Items for at least the first of ``names``."""
    try:
        done = subprocess.run(  # noqa: S603 - this module, with names from a constant
            _command(names), capture_output=True, timeout=TIMEOUT, check=False
        )
        output, ending = done.stdout, _ending(done.returncode)
    except subprocess.TimeoutExpired as late:
        output, ending = late.stdout or b"", f"no answer after {TIMEOUT} s"
    items = [_item(line) for line in output.decode(errors="replace").splitlines()]
    if len(items) < len(names):
        items.append(Item(names[len(items)], False, "", ending))
    return items


def _command(names: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "clipguard.model.trial", *names]


def _item(line: str) -> Item:
    name, works, version, detail = json.loads(line)
    return Item(name, works, version, printable(" ".join(detail.split())))


def _ending(code: int) -> str:
    if code >= 0:
        return f"the process ended with {code}"
    return f"the process was killed by {signal.Signals(-code).name}"


def _data(name: str) -> Item:
    folder = getattr(resources, name)()
    try:
        count = sum(not entry.name.startswith("_") for entry in folder.iterdir())
    except OSError:
        count = 0
    detail = "" if count else "missing from the installation"
    return Item(f"{name}/", count > 0, f"{count} entries", detail)


def _settings(folder: Path) -> Item:
    path = settings.find(folder)
    if path is None:
        return Item("settings", True, "none", f"no {settings.FILE} from the working folder upward")
    try:
        settings.read(path)
    except ClipguardError as error:
        return Item("settings", False, path.name, printable(str(error)))
    return Item("settings", True, path.name, printable(str(path)))
