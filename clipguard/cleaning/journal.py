"""What a cleaning has done so far, kept on disk so that a killed one can go on.

A method is a pure function of its task, so a resumed one runs from its start: what is finished
answers from the journal, and the walk that was under way goes on behind its last kept step. All
entries are safetensors files with their facts as JSON in the header, written whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipguard.core import atomic
from clipguard.core.errors import InputError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

IDENTITY = "run.json"
_ALONE = "remove the folder to start anew"


@dataclass(frozen=True)
class Entry:
    """Tensors, and facts that survive JSON."""

    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


class Journal:
    """Entries of one run in one folder; without a folder, nothing is kept.

    Args:
        folder: where entries lie; it is made with the first one.
        identity: everything that the result depends on, by name.
        circumstances: what changes its rounding alone, by name.
        every: steps between two kept ones.
        writes: whether this process is the one that writes.

    Raises:
        UsageError: the folder holds another run.
        InputError: what it holds is damaged.
    """

    def __init__(
        self,
        folder: Path | None = None,
        identity: Mapping[str, Any] | None = None,
        circumstances: Mapping[str, Any] | None = None,
        *,
        every: int = 25,
        writes: bool = True,
    ) -> None:
        self.every = every
        self._folder, self._writes = folder, writes
        self._run = json.dumps([dict(identity or {}), dict(circumstances or {})], indent=1)
        self._walks = 0
        self.changed: tuple[str, ...] = ()
        """Circumstances that differ from those of the run that is gone on with."""
        if folder is not None and (folder / IDENTITY).exists():
            self.changed = self._require_same(folder / IDENTITY)

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """A JSON value that is computed in one process and remembered by those that go on."""
        found = self.read(name)
        if found is None:
            found = Entry({"value": compute()})
            self.write(name, found)
        return found.facts["value"]

    def walk(self) -> Walk:
        """The next walk of the method; walks are told apart by their order."""
        self._walks += 1
        return Walk(self, self._walks)

    def read(self, name: str) -> Entry | None:
        """An entry; None when there is none.

        Raises:
            InputError: it is damaged.
        """
        if self._folder is None or not (self._folder / f"{name}.safetensors").exists():
            return None
        from safetensors import SafetensorError, safe_open

        path = self._folder / f"{name}.safetensors"
        try:
            with safe_open(path, framework="pt") as file:
                facts = json.loads(file.metadata()["facts"])
                return Entry(facts, {key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
        except (SafetensorError, ValueError, TypeError, KeyError) as error:
            raise _damaged(path) from error

    def write(self, name: str, entry: Entry) -> None:
        """Keep an entry in place of the one of this name.

        Raises:
            MachineError: the folder cannot be written.
        """
        if self._folder is None or not self._writes:
            return
        from safetensors.torch import save_file

        with atomic.explained(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        if not (self._folder / IDENTITY).exists():
            atomic.write_bytes(self._folder / IDENTITY, self._run.encode())
        with atomic.file(self._folder / f"{name}.safetensors") as path:
            save_file(dict(entry.tensors), path, {"facts": json.dumps(entry.facts)})

    def _require_same(self, path: Path) -> tuple[str, ...]:
        try:
            before, about = json.loads(path.read_bytes())
            now, about_now = json.loads(self._run)
            differing, changed = _differing(before, now), _differing(about, about_now)
        except (ValueError, TypeError, AttributeError) as error:
            raise _damaged(path) from error
        if differing:
            name = differing[0]
            raise UsageError(
                "clean.other_run",
                f"the unfinished run here differs in {', '.join(differing)}: {name} was "
                f"{before.get(name)}, is {now.get(name)}",
                where=str(path.parent),
                remedy=f"give the same, or {_ALONE}",
            )
        return changed


@dataclass(frozen=True)
class Walk:
    """One series of steps. Its last kept step lies in ``position``, its end in a file of its own.

    The position holds the optimiser's state as well and is written over by later ones; ends are
    kept, since a method may return to them.
    """

    journal: Journal
    number: int

    @property
    def every(self) -> int:
        """Steps between two kept ones."""
        return self.journal.every

    def position(self) -> Entry | None:
        """The last kept step, when the last kept one is of this walk."""
        found = self.journal.read("position")
        return found if found is not None and found.facts["walk"] == self.number else None

    def keep(self, entry: Entry) -> None:
        """Keep a step."""
        facts = {**entry.facts, "walk": self.number}
        self.journal.write("position", Entry(facts, entry.tensors))

    def end(self) -> Entry | None:
        """The end, when this walk has come to it."""
        return self.journal.read(f"walk-{self.number:03d}")

    def finish(self, entry: Entry) -> None:
        """Keep the end."""
        self.journal.write(f"walk-{self.number:03d}", entry)


def beside(output: Path) -> Path:
    """Where what an unfinished run has done so far lies until its output is written."""
    return output.with_name(f"{output.name}.state")


def require_none(folder: Path) -> None:
    """Refuse to start over what an unfinished run left.

    Raises:
        UsageError: there is something.
    """
    if (folder / IDENTITY).exists():
        raise UsageError(
            "clean.unfinished",
            "an unfinished run lies here",
            where=str(folder),
            remedy=f"go on with --resume, or {_ALONE}",
        )


def discard(folder: Path) -> None:
    """Remove what a run kept in a folder, and the folder when nothing else is in it."""
    if not (folder / IDENTITY).exists():
        return
    for pattern in ("*.safetensors", f"{atomic.PREFIX}*", IDENTITY):
        for path in folder.glob(pattern):
            path.unlink()
    with suppress(OSError):
        folder.rmdir()


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in sorted({*one, *other}) if one.get(name) != other.get(name))


def _damaged(path: Path) -> InputError:
    return InputError(
        "clean.state_damaged", "the kept state cannot be read", where=str(path), remedy=_ALONE
    )
