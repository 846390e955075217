"""construct's words, noted: they name what they say they name, and tell when a declaration changed."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import construct
import pytest

from lensmount_protocol.codec import lazy_construct
from lensmount_protocol.codec.lazy_construct import (
    Array,
    Bytes,
    Const,
    Int8ub,
    Int16ul,
    Int24ul,
    Prefixed,
    Struct,
    resolve,
    this,
)
from lensmount_protocol.codec.message_codec import fingerprint
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, OpenIntEnum, enum_field, field, message
from lensmount_protocol.wire import Role


class Kind(OpenIntEnum):
    """One is named."""

    ONE = 1


def test_a_word_is_the_construct_of_that_name() -> None:
    assert resolve(Int16ul) is construct.Int16ul
    assert resolve(construct.Int8ub) is construct.Int8ub
    assert resolve(Bytes(6)).sizeof() == 6
    assert Int16ul.parse(b"\x01\x02") == 513


@pytest.mark.parametrize("name", ["Int8ub", "Int16sl", "Int24ul", "Int32ub", "Int64sl", "Float32b", "Flag"])
def test_known_sizes_are_constructs(name: str) -> None:
    assert lazy_construct.known_size(getattr(lazy_construct, name)) == getattr(construct, name).sizeof()


def test_what_is_made_of_words_parses_as_construct_does() -> None:
    layout = Struct(
        "count" / Int8ub,
        "values" / Array(this.count - 1, Int16ul),
        "pair" / Int8ub[2],
        "rest" / Prefixed(Int8ub, lazy_construct.GreedyBytes),
    )
    found = resolve(layout).parse(b"\x03\x01\x00\x02\x00\x07\x08\x01\xff")
    assert (found["values"], list(found.pair), found.rest) == ([1, 2], [7, 8], b"\xff")


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        (lambda: Int24ul, "Int24ul"),
        (lambda: Array(this.count * 2, Int8ub), "Array((this.count * 2), Int8ub)"),
        (lambda: Const(b"AB"), "Const(b'AB')"),
        (lambda: Int8ub[4], "Int8ub[4]"),
        (lambda: "name" / Int8ub, "'name' / Int8ub"),
        (lambda: enum_field(Int8ub, Kind), f"OpenEnum(Int8ub, {__name__}.Kind)"),
        (lambda: lazy_construct.Switch(this.kind, {1: Int8ub}), "Switch(this.kind, {1: Int8ub})"),
        (lambda: lazy_construct.ExprAdapter(Int8ub, lambda value, _: value, lambda value, _: value), None),
        (lambda: construct.Int8ub, None),
    ],
)
def test_the_text_is_what_was_written(layout: Callable[[], Any], text: str | None) -> None:
    assert lazy_construct.declaration_text(layout()) == text


def _declared(**layouts: Any) -> type[Message]:
    fields = {name: field(layout, "a field") for name, layout in layouts.items()}
    made = type("Made", (Message,), {"__doc__": "M.", "__annotations__": dict.fromkeys(layouts, Any), **fields})
    return message(0x77, Role.LENS, Evidence(EvidenceLevel.MODELLED, "this test"))(made)


def test_a_fingerprint_changes_with_the_declaration() -> None:
    prints = [
        fingerprint(cls, cls.FIELDS)
        for cls in (
            _declared(a=Int8ub, b=Int16ul),
            _declared(a=Int8ub, c=Int16ul),
            _declared(b=Int16ul, a=Int8ub),
            _declared(a=Int8ub, b=Int24ul),
        )
    ]
    assert len(set(prints)) == 4
    assert prints[0] == fingerprint(_declared(a=Int8ub, b=Int16ul), _declared(a=Int8ub, b=Int16ul).FIELDS)
    undeclared = _declared(a=construct.Int8ub)
    assert fingerprint(undeclared, undeclared.FIELDS) is None


def test_noting_imports_nothing() -> None:
    program = (
        "import sys; from lensmount_protocol.codec.lazy_construct import Array, Int8ub, this; Array(this.n, Int8ub); "
        "print('construct' in sys.modules)"
    )
    path = ":".join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    assert done.stdout.strip() == "False"


def test_an_attribute_that_is_not_on_the_wire_changes_the_fingerprint() -> None:
    one, other = _declared(a=Int8ub), _declared(a=Int8ub, b=Int8ub)
    assert fingerprint(one, one.FIELDS) != fingerprint(other, other.FIELDS[:1])
