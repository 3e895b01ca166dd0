"""A pickle machine whose values are opaque: it imports nothing and calls nothing.

What a real unpickler would build becomes plain data: containers, numbers, strings, ``Global`` for
names, ``Made`` for what a call would have returned, ``Storage`` for a tensor's memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from clipguard.checkpoint import findings
from clipguard.checkpoint.names import TORCHSCRIPT, Kind, modern_name, names
from clipguard.checkpoint.opcodes import Buffer, decode, limit
from clipguard.checkpoint.operations import HANDLERS
from clipguard.checkpoint.values import (
    DICT,
    MARK,
    ORDERED,
    Global,
    Made,
    Storage,
    depth_and_size,
    mapping,
    ordered_pairs,
)
from clipguard.core.errors import ClipguardError, RefusedError
from clipguard.core.results import Finding
from clipguard.core.text import printable

MOST_OPERATIONS = 500_000
MOST_BYTES = 64 << 20
MOST_VALUES = 100_000
DEEPEST = 1_000
MOST_EXPANDED = 10**8
_MOST_FINDINGS = 100
_DEEPEST_NESTING = 4
_NESTED = "torch.storage._load_from_bytes"
_UNWRAPPED = "torch.jit._pickle."


@dataclass
class Walk:
    """What a pickle holds, and everything that speaks against it.

    ``end`` is the offset behind the last operation, ``complete`` whether that was STOP.
    ``problem`` is the first reason to refuse it, if any.
    """

    member: str
    value: object = None
    end: int = 0
    complete: bool = False
    operations: int = 0
    globals: dict[str, int] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    problem: ClipguardError | None = None


def walk(
    data: Buffer, start: int = 0, *, member: str, where: str, torchscript: bool = False
) -> Walk:
    """Run one pickle on opaque values; never raises for what the bytes say.

    Args:
        data: bytes that hold the pickle.
        start: where it begins.
        member: its name in messages.
        where: the file's name in messages.
        torchscript: whether names below ``__torch__`` are the archive's own classes.
    """
    place = f"{where}: {printable(member)}"
    return Machine(data, start, member, place, torchscript).finish()


class Machine:
    """One run: a stack, a memo, and the judgement of every name and call."""

    def __init__(
        self,
        data: Buffer,
        start: int,
        member: str,
        place: str,
        torchscript: bool,
        depth: int = 0,
    ) -> None:
        self.data, self.offset, self.begin = data, start, start
        self.torchscript = torchscript
        self.place, self.depth = place, depth
        self.walk = Walk(member)
        self.stack: list[object] = []
        self.memo: dict[int, object] = {}
        self.at = start

    def finish(self) -> Walk:
        """Execute until STOP or the first operation that makes no sense."""
        try:
            self.run()
        except ClipguardError as error:
            self.walk.problem = type(error)(
                error.code, error.what, where=self.place, remedy=error.remedy or findings.RESAVE
            )
        self.walk.end = self.offset
        return self.walk

    def run(self) -> None:
        """Execute until STOP."""
        for number in range(1, MOST_OPERATIONS + 1):
            self.walk.operations = number
            self.at = self.offset
            name, argument, self.offset = decode(self.data, self.offset)
            if name == "STOP":
                self.walk.value = self.pop()
                self.walk.complete = True
                self._measure()
                return
            HANDLERS[name](self, argument)
            if len(self.stack) > MOST_VALUES:
                raise limit(f"more than {MOST_VALUES} nested or pending values")
            if self.offset - self.begin > MOST_BYTES:
                raise limit(f"a pickle of more than {MOST_BYTES} bytes")
        raise limit(f"more than {MOST_OPERATIONS} operations")

    def _measure(self) -> None:
        depth, size = depth_and_size(self.walk.value)
        if depth > DEEPEST:
            raise limit(f"values nested {depth} deep, at most {DEEPEST}")
        if size > MOST_EXPANDED:
            raise limit(f"shared values that expand to more than {MOST_EXPANDED}")

    def refuse(self, code: str, what: str) -> None:
        """Remember the first reason to refuse; go on, there may be findings behind it."""
        if self.walk.problem is None:
            self.walk.problem = RefusedError(
                code,
                f"{what} at byte {self.at}",
                where=self.place,
                remedy=findings.RESAVE,
            )

    def malformed(self, what: str) -> RefusedError:
        """The operations make no sense together."""
        return RefusedError("pickle.malformed", f"{what} at byte {self.at}")

    def pop(self) -> object:
        """Take the topmost value."""
        if not self.stack or self.stack[-1] is MARK:
            raise self.malformed("nothing to take from the stack")
        return self.stack.pop()

    def pop_to_mark(self) -> list[object]:
        """Take every value above the topmost mark, and the mark."""
        taken: list[object] = []
        while self.stack:
            value = self.stack.pop()
            if value is MARK:
                return taken[::-1]
            taken.append(value)
        raise self.malformed("no mark on the stack")

    def top(self) -> object:
        """The topmost value, left where it is."""
        if not self.stack or self.stack[-1] is MARK:
            raise self.malformed("nothing on the stack")
        return self.stack[-1]

    def name(self, module: object, attribute: object) -> object:
        """Resolve a name to itself, and judge it."""
        if not isinstance(module, str) or not isinstance(attribute, str):
            if len(self.walk.findings) < _MOST_FINDINGS:
                self.walk.findings.append(findings.obfuscated(self.walk.member, self.at))
            return Made("?")
        full = modern_name(module, attribute)
        kind = names().kind(full)
        if kind is Kind.DANGER and full not in self.walk.globals:
            self.walk.findings.append(findings.executes(full, self.walk.member, self.at))
        elif kind is Kind.UNLISTED and not (self.torchscript and full.startswith(TORCHSCRIPT)):
            self.refuse("pickle.unlisted_global", f"asks for {printable(full)}")
        self.walk.globals.setdefault(full, self.at)
        return Global(full)

    def make(self, callee: object, args: object) -> object:
        """What a call would return."""
        if not isinstance(callee, Global) or not isinstance(args, tuple):
            self.refuse("pickle.unexpected_call", "calls something that is not a listed name")
            return Made("?")
        if names().kind(callee.name) is Kind.NAME:
            self.refuse("pickle.unexpected_call", f"calls {printable(callee.name)}")
        if callee.name.startswith(_UNWRAPPED) and args:
            return args[0]
        if callee.name == _NESTED and args and isinstance(args[0], bytes):
            self._look_inside(args[0])
        made = Made(callee.name, args)
        if callee.name == ORDERED:
            pairs = ordered_pairs(args)
            if pairs is None:
                self.refuse("pickle.unexpected_call", "fills an OrderedDict with no list of pairs")
            made.pairs = pairs or []
        return made

    def _look_inside(self, data: bytes) -> None:
        """Bytes that a callee would unpickle: refused anyway, but an attack has to be told."""
        offset, member = 0, f"{self.walk.member}, bytes inside"
        while offset < len(data) and self.depth < _DEEPEST_NESTING:
            inner = Machine(data, offset, member, self.place, self.torchscript, self.depth + 1)
            inner_walk = inner.finish()
            self.walk.findings += inner_walk.findings
            if inner_walk.problem is not None:
                return
            offset = inner_walk.end

    def build(self, state: object) -> None:
        """Give attributes to the topmost value."""
        target = self.top()
        if not isinstance(target, Made):
            self.refuse("pickle.unexpected_build", "gives attributes to a plain value")
            return
        kind = names().kind(target.callee)
        if target.callee == DICT or kind is Kind.CALL:
            given = mapping(state)
            if target.callee != ORDERED or given is None or set(given) - {"_metadata"}:
                what = f"gives attributes to {printable(target.callee)}"
                self.refuse("pickle.unexpected_build", what)
        target.state = state

    def set_items(self, target: object, flat: list[object]) -> None:
        """Set alternating keys and values on a mapping."""
        if not isinstance(target, Made) or len(flat) % 2:
            raise self.malformed("items set on what is no mapping")
        target.pairs += zip(flat[::2], flat[1::2], strict=True)

    def append(self, target: object, items: list[object]) -> None:
        """Add values to a list, a set or an opaque object."""
        if isinstance(target, list):
            target += items
        elif isinstance(target, Made):
            target.items += items
        else:
            raise self.malformed("values appended to what is no list")

    def persistent(self, value: object) -> object:
        """A tensor's storage; nothing else may be kept outside the pickle."""
        if isinstance(value, tuple) and len(value) >= 5 and value[0] == "storage":
            _, kind, key, _, count = value[:5]
            dtype = names().storages.get(kind.name) if isinstance(kind, Global) else None
            if dtype and isinstance(key, str) and isinstance(count, int) and count >= 0:
                if len(value) > 5 and value[5] is not None:
                    self.refuse("tensor.kind", "views of storages, an extinct format,")
                storage = Storage(key, dtype, count)
                self.walk.storages.setdefault(key, storage)
                return storage
        self.refuse("pickle.persistent_id", "keeps something other than a tensor outside")
        return Made("?")

    def remember(self, key: int) -> None:
        """Put the topmost value into the memo."""
        if key < 0 or len(self.memo) >= MOST_OPERATIONS:
            raise self.malformed("impossible memo slot")
        self.memo[key] = self.top()

    def recall(self, key: int) -> None:
        """Push a value from the memo."""
        if key not in self.memo:
            raise self.malformed(f"memo slot {key} was never filled")
        self.stack.append(self.memo[key])

    def number(self, argument: object) -> int:
        """The integer of a text line; its length is limited by what a line may hold."""
        try:
            return int(bytes(argument).rstrip(b"L")) if isinstance(argument, bytes) else 0
        except ValueError:
            raise self.malformed("no number where one belongs") from None

    def text(self, raw: object, encoding: str = "utf-8") -> str:
        """Bytes of the pickle as text."""
        try:
            return bytes(raw).decode(encoding, "surrogatepass") if isinstance(raw, bytes) else ""
        except UnicodeDecodeError:
            raise self.malformed("text that is no text") from None
