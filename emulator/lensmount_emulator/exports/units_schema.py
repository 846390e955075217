"""The schema of a clocked dialect: the declared forms of its units, its clock and its messages."""

from collections.abc import Iterator
from dataclasses import dataclass

from lensmount_emulator.exports.schema import (
    DialectSchema,
    MessagesSchema,
    Refusals,
    make_messages_schema,
    make_schema,
    snake_case,
)
from lensmount_protocol.checksums import Checksum
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.unit_forms import ChecksumIs, UnitForm, declared_forms, distinct_forms
from lensmount_protocol.wire import ClockedLink, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsSchema(MessagesSchema):
    """A dialect with a clocked link as data.

    Attributes:
        forms: the forms of the units, by sender.
        link: the clock.
    """

    forms: dict[Role, tuple[UnitForm, ...]]
    link: ClockedLink

    @property
    def checksums(self) -> list[Checksum]:
        """The checksums of the forms; names of code that differ in their spelling only are one name."""
        return list({snake_case(one.name): one for one in _checksums(self.forms)}.values())


AnySchema = DialectSchema | UnitsSchema


def make_any_schema(dialect: Dialect) -> AnySchema:
    """Return the schema of a dialect: of its frames, or of its units where its link is clocked.

    Raises:
        DialectError: a field, a frame or a unit has a form that no target can carry.
    """
    link = dialect.wiring.clocked
    if link is None:
        return make_schema(dialect)
    refusals = Refusals(dialect)
    plain = refusals.attempt(lambda: make_messages_schema(dialect))
    forms = refusals.attempt(lambda: _checked_forms(dialect))
    refusals.check()
    # Only a refusal leaves them out.
    assert plain is not None
    assert forms is not None
    return _with_forms(plain, forms, link)


def make_catalogue_schema(dialect: Dialect) -> MessagesSchema:
    """Return the schema of a dialect for a catalogue, which also takes units that only code can read.

    Raises:
        DialectError: a field or a frame has a form that no target can carry.
    """
    link = dialect.wiring.clocked
    if link is None:
        return make_schema(dialect)
    plain = make_messages_schema(dialect)
    forms = Refusals(dialect).attempt(lambda: _checked_forms(dialect))
    return plain if forms is None else _with_forms(plain, forms, link)


def _with_forms(plain: MessagesSchema, forms: dict[Role, tuple[UnitForm, ...]], link: ClockedLink) -> UnitsSchema:
    return UnitsSchema(
        name=plain.name,
        identifier=plain.identifier,
        forms=forms,
        link=link,
        messages=plain.messages,
        unknown_prefix=plain.unknown_prefix,
        dialect=plain.dialect,
    )


def _checked_forms(dialect: Dialect) -> dict[Role, tuple[UnitForm, ...]]:
    forms = {role: declared_forms(dialect.formats[role]) for role in Role}
    for role, declared in forms.items():
        if not declared:
            raise DialectError(
                f"dialect {dialect.name}: its units cannot be exported: those of the {role.value} are read by"
                f" {type(dialect.formats[role]).__name__}, which declares no forms; give it UnitForms, or use --format"
                " json or markdown"
            )
    known: dict[str, Checksum] = {}
    for checksum in _checksums(forms):
        if checksum.algorithm is None:
            raise DialectError(
                f"dialect {dialect.name}: its units cannot be exported: the checksum {checksum.name} is a function of"
                " its own; use a checksum of lensmount.dialect, or make_crc"
            )
        if known.setdefault(snake_case(checksum.name), checksum).algorithm != checksum.algorithm:
            raise DialectError(
                f"dialect {dialect.name}: its units cannot be exported: two of their checksums are named"
                f" {checksum.name}; give each a name of its own"
            )
    return forms


def _checksums(forms: dict[Role, tuple[UnitForm, ...]]) -> Iterator[Checksum]:
    for form in distinct_forms(forms):
        yield from (rule.checksum for rule in form.rules if isinstance(rule, ChecksumIs))
