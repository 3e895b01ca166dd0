"""What each pickle operation does to the machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from clipguard.checkpoint.values import DICT, MARK, SET, Made

if TYPE_CHECKING:
    from clipguard.checkpoint.machine import Machine

Handler = Callable[["Machine", object], None]


def _push(machine: Machine, argument: object) -> None:
    machine.stack.append(argument)


def _constant(value: object) -> Handler:
    return lambda machine, _: machine.stack.append(value)


def _nothing(machine: Machine, argument: object) -> None:
    """PROTO and FRAME say nothing about values."""


def _tuple_of(count: int) -> Handler:
    def handle(machine: Machine, _: object) -> None:
        machine.stack.append(tuple([machine.pop() for _ in range(count)][::-1]))

    return handle


def _pop(machine: Machine, _: object) -> None:
    if not machine.stack:
        raise machine.malformed("nothing to take from the stack")
    machine.stack.pop()


def _pop_mark(machine: Machine, _: object) -> None:
    machine.pop_to_mark()


def _dictionary(machine: Machine, _: object) -> None:
    flat = machine.pop_to_mark()
    made = Made(DICT)
    machine.set_items(made, flat)
    machine.stack.append(made)


def _set_item(machine: Machine, _: object) -> None:
    value, key = machine.pop(), machine.pop()
    machine.set_items(machine.top(), [key, value])


def _set_items(machine: Machine, _: object) -> None:
    flat = machine.pop_to_mark()
    machine.set_items(machine.top(), flat)


def _append(machine: Machine, _: object) -> None:
    item = machine.pop()
    machine.append(machine.top(), [item])


def _appends(machine: Machine, _: object) -> None:
    items = machine.pop_to_mark()
    machine.append(machine.top(), items)


def _frozen_set(machine: Machine, _: object) -> None:
    machine.stack.append(Made("builtins.frozenset", items=machine.pop_to_mark()))


def _build(machine: Machine, _: object) -> None:
    machine.build(machine.pop())


def _global(machine: Machine, argument: object) -> None:
    module, attribute = argument if isinstance(argument, tuple) else (b"", b"")
    machine.stack.append(machine.name(machine.text(module), machine.text(attribute)))


def _stack_global(machine: Machine, _: object) -> None:
    attribute, module = machine.pop(), machine.pop()
    machine.stack.append(machine.name(module, attribute))


def _instance(machine: Machine, argument: object) -> None:
    args = tuple(machine.pop_to_mark())
    _global(machine, argument)
    machine.stack.append(machine.make(machine.pop(), args))


def _object(machine: Machine, _: object) -> None:
    taken = machine.pop_to_mark()
    if not taken:
        raise machine.malformed("an object without a class")
    machine.stack.append(machine.make(taken[0], tuple(taken[1:])))


def _call(machine: Machine, _: object) -> None:
    args, callee = machine.pop(), machine.pop()
    machine.stack.append(machine.make(callee, args))


def _call_with_keywords(machine: Machine, _: object) -> None:
    keywords, args, callee = machine.pop(), machine.pop(), machine.pop()
    made = machine.make(callee, args)
    if isinstance(made, Made):
        made.items.append(keywords)
    machine.stack.append(made)


def _extension(machine: Machine, argument: object) -> None:
    machine.refuse("pickle.extension", f"asks for extension {argument} of its reader")
    machine.stack.append(Made("?"))


def _buffer(machine: Machine, _: object) -> None:
    raise machine.malformed("memory from outside the file")


def _put(machine: Machine, argument: object) -> None:
    machine.remember(argument if isinstance(argument, int) else machine.number(argument))


def _get(machine: Machine, argument: object) -> None:
    machine.recall(argument if isinstance(argument, int) else machine.number(argument))


def _memoize(machine: Machine, _: object) -> None:
    machine.remember(len(machine.memo))


def _text(machine: Machine, argument: object) -> None:
    machine.stack.append(machine.text(argument))


def _text_line(machine: Machine, argument: object) -> None:
    machine.stack.append(machine.text(argument, "raw-unicode-escape"))


def _string_line(machine: Machine, argument: object) -> None:
    raw = bytes(argument) if isinstance(argument, bytes) else b""
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        raise machine.malformed("a string without quotes")
    machine.stack.append(machine.text(raw[1:-1], "latin-1"))


def _byte_string(machine: Machine, argument: object) -> None:
    """A string of Python 2: text as far as names are concerned."""
    machine.stack.append(machine.text(argument, "latin-1"))


def _long(machine: Machine, argument: object) -> None:
    raw = bytes(argument) if isinstance(argument, bytes) else b""
    machine.stack.append(int.from_bytes(raw, "little", signed=True))


def _int_line(machine: Machine, argument: object) -> None:
    flags = {b"00": False, b"01": True}
    if isinstance(argument, bytes) and argument in flags:
        machine.stack.append(flags[argument])
    else:
        machine.stack.append(machine.number(argument))


def _float_line(machine: Machine, argument: object) -> None:
    try:
        machine.stack.append(float(machine.text(argument)))
    except ValueError:
        raise machine.malformed("no number where one belongs") from None


def _persistent(machine: Machine, _: object) -> None:
    machine.stack.append(machine.persistent(machine.pop()))


def _persistent_line(machine: Machine, argument: object) -> None:
    machine.stack.append(machine.persistent(argument))


HANDLERS: dict[str, Handler] = {
    "PROTO": _nothing, "FRAME": _nothing,
    "MARK": _constant(MARK), "NONE": _constant(None),
    "NEWTRUE": _constant(True), "NEWFALSE": _constant(False),
    "POP": _pop, "POP_MARK": _pop_mark,
    "DUP": lambda machine, _: machine.stack.append(machine.top()),
    "INT": _push, "FLOAT": _push, "LONG": _long, "INT_LINE": _int_line, "FLOAT_LINE": _float_line,
    "BYTES": _push, "STRING": _byte_string, "STRING_LINE": _string_line,
    "TEXT": _text, "TEXT_LINE": _text_line,
    "EMPTY_TUPLE": _constant(()), "TUPLE1": _tuple_of(1), "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_to_mark())),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "LIST": lambda machine, _: machine.stack.append(machine.pop_to_mark()),
    "EMPTY_DICT": lambda machine, _: machine.stack.append(Made(DICT)),
    "EMPTY_SET": lambda machine, _: machine.stack.append(Made(SET)),
    "DICT": _dictionary, "SETITEM": _set_item, "SETITEMS": _set_items,
    "APPEND": _append, "APPENDS": _appends, "ADDITEMS": _appends, "FROZENSET": _frozen_set,
    "GLOBAL": _global, "STACK_GLOBAL": _stack_global, "INST": _instance, "OBJ": _object,
    "REDUCE": _call, "NEWOBJ": _call, "NEWOBJ_EX": _call_with_keywords, "BUILD": _build,
    "EXT": _extension, "NEXT_BUFFER": _buffer, "READONLY_BUFFER": _buffer,
    "PUT": _put, "GET": _get, "PUT_LINE": _put, "GET_LINE": _get, "MEMOIZE": _memoize,
    "PERSID": _persistent_line, "BINPERSID": _persistent,
}  # fmt: skip
