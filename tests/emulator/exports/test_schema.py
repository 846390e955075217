"""The schema of a dialect: what it holds, and which forms it refuses by the names of message and field."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from construct import Adapter, Array, CString, GreedyString, Int8ub, PaddedString, Struct, Switch, this
from construct import Optional as PlainOptional

from lensmount.dialect import (
    Bytes,
    Dialect,
    Evidence,
    EvidenceLevel,
    GreedyRange,
    Int16ul,
    LengthPrefixedMessage,
    Message,
    Optional,
    Prefixed,
    Role,
    field,
    message,
)
from lensmount_emulator.exports.schema import make_schema, snake_case
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import DialectError

OURS = Evidence(EvidenceLevel.MODELLED, "this test")


def test_schema_of_built_in_dialects_has_every_message_and_field() -> None:
    for name in ("emount", "lmount"):
        dialect = load_dialect(name)
        schema = make_schema(dialect)
        assert {(message.sender, message.type_) for message in schema.messages} == set(dialect.messages)
        for one in schema.messages:
            assert [each.name for each in one.fields] == [spec.name for spec in one.cls.FIELDS]
            assert one.protected == (one.type_ in dialect.types_protected_from(one.sender))
    service = [one for one in make_schema(load_dialect("emount")).messages if one.type_ == 0x40]
    assert {one.sender: one.protected for one in service} == {Role.BODY: True, Role.LENS: False}


def test_offsets_count_from_the_type_byte(every_form: Dialect) -> None:
    by_name = {one.name: one for one in make_schema(every_form).messages}
    assert [each.offset for each in by_name["Numbers"].fields][:4] == [1, 2, 4, 7]
    assert [each.offset for each in by_name["Lists"].fields] == [1, None, None, None, None, None, None]
    assert [each.name for each in by_name["Blocks"].default_fields] == ["first", "third"]


def test_unknown_messages_are_skipped_by_the_prefix_that_all_have(every_form: Dialect) -> None:
    prefix = make_schema(load_dialect("lmount")).unknown_prefix
    assert prefix is not None
    assert (prefix.size, prefix.little) == (2, True)
    assert make_schema(every_form).unknown_prefix is None
    skips = replace(every_form, unknown_message_end=lambda _payload, at: at + 2)
    with pytest.raises(DialectError, match="unknown_message_end cannot be exported"):
        make_schema(skips)


class Doubled(Adapter):
    """An adapter that no other language knows."""

    def _decode(self, obj, context, path):
        return obj * 2

    def _encode(self, obj, context, path):
        return obj // 2


@pytest.mark.parametrize(
    ("layout", "what"),
    [
        (Doubled(Int8ub), "an adapter of its own, Doubled"),
        (Switch(this.other, {1: Int8ub}), "Switch, which has no equal"),
        (Bytes(this.other), "a number of bytes that depends on another field"),
        (GreedyRange(Int8ub), "GreedyRange"),
        (Prefixed(Int8ub, Struct("a" / Int8ub)), "a prefixed part that holds more than bytes"),
        (PaddedString(8, "utf-16-le"), "a text in utf-16-le; use ascii or utf-8"),
        (CString("ascii"), "a text that is no PascalString and no PaddedString"),
        (GreedyString("ascii"), "a text that is no PascalString and no PaddedString"),
        (PlainOptional(PaddedString(8, "ascii")), "an optional text"),
        (Array(2, PaddedString(8, "ascii")), "a list of texts without a record"),
        (Struct(Int8ub), "a record with a part that has no name"),
    ],
)
def test_a_form_without_equal_is_refused_by_message_and_field(
    layout: object, what: str, make_dialect: Callable[..., Dialect]
) -> None:
    @message(0x11, Role.BODY, OURS)
    class Odd(Message):
        """A message with an odd field."""

        odd: object = field(layout, "odd")

    with pytest.raises(DialectError, match=rf"every form: Odd\.odd cannot be exported: it is .*{what}") as error:
        make_schema(make_dialect(Odd))
    assert "\n" not in str(error.value)


def test_all_refusals_are_reported_at_once(make_dialect: Callable[..., Dialect]) -> None:
    @message(0x11, Role.BODY, OURS)
    class Odd(Message):
        """A message with two odd fields."""

        one: object = field(CString("ascii"), "odd")
        plain: int = field(Int16ul, "plain")
        two: object = field(Bytes(this.one), "odd")

    @message(0x12, Role.LENS, OURS)
    class Other(Message):
        """Another odd message."""

        three: object = field(GreedyRange(Int8ub), "odd")

    dialect = replace(
        make_dialect(Odd, Other),
        unknown_message_end=lambda _payload, at: at + 2,
        formats={role: object() for role in Role},  # type: ignore[dict-item]  # it is what is refused
    )
    with pytest.raises(DialectError) as error:
        make_schema(dialect)
    reasons = str(error.value).removeprefix("dialect every form: ").split(" cannot be exported: ")
    found = [reason.rsplit("; ", 1)[-1] for reason in reasons[:-1]]
    assert found == ["Odd.one", "Odd.two", "Other.three", "unknown_message_end", "its frames"]


def test_a_field_after_an_optional_one_is_refused(make_dialect: Callable[..., Dialect]) -> None:
    @message(0x11, Role.BODY, OURS)
    class Odd(LengthPrefixedMessage):
        """A message with an odd order."""

        first: int | None = field(Optional(Int16ul), "perhaps", default=None)
        second: int = field(Int16ul, "always")

    with pytest.raises(DialectError, match=r"Odd\.second cannot be exported: .* after the optional field first"):
        make_schema(make_dialect(Odd))


def test_frames_of_a_class_of_their_own_are_refused(every_form: Dialect) -> None:
    class Own:
        """A format that the dialect has written itself."""

    with pytest.raises(DialectError, match="frames of the body are read by Own"):
        make_schema(replace(every_form, formats={Role.BODY: Own(), Role.LENS: Own()}))  # type: ignore[dict-item]


def test_snake_case_splits_words_and_abbreviations() -> None:
    assert [snake_case(name) for name in ("FocusDrive", "LEDState", "Query09", "a-b")] == [
        "focus_drive",
        "led_state",
        "query09",
        "a_b",
    ]
