"""Rules as C11: the table of both directions and the code that applies it to bytes as they pass, without a buffer."""

from collections.abc import Iterable, Mapping
from textwrap import wrap

from lensmount_emulator.exports.c_code.names import template
from lensmount_emulator.rules.table import SET, Row, RuleTable
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FaultError
from lensmount_protocol.wire import Role

BIG, SIGNED = 0x10, 0x20

PREFIX = "lensmount_rules"

MAX_ROWS = 0xFFFF
"""Rows of one direction: the code counts them in 16 bits."""

_MIX_SUM = "    return (uint16_t)(difference + new - old);\n"
_MIX_CRC = """\
    difference ^= (uint16_t)((old ^ new) << 8);
    for (uint8_t bit = 0; bit < 8; bit++)
        difference = (uint16_t)(difference << 1 ^ (difference & 0x8000 ? {polynomial:#06x} : 0));
    return difference;
"""
_CHECK_SUM = """\
            uint16_t sum = (uint16_t)(byte + part + state->carry);
            state->carry = (uint8_t)(sum >> 8);
            out = (uint8_t)sum;
"""
_CHECK_CRC = "            out = byte ^ part;\n"
_SIZES = """\
        for (uint8_t index = 0; index < table->size_count; index++)
            if (table->sizes[index].type == byte)
                state->message_end = (uint16_t)(at + table->sizes[index].size);
"""
_PREFIX = """\
    enum { FIRST = 3 }; /* after the size that the message holds */
    if (inside == 1)
        state->message_end = (uint16_t)(state->message_at + 3 + byte);
    else if (inside == 2)
        state->message_end = (uint16_t)(state->message_end + (byte << 8));
"""
_NO_PREFIX = "    enum { FIRST = 1 };\n"


def rules_to_c(dialect: Dialect, tables: Mapping[Role, RuleTable], about: Iterable[str]) -> dict[str, str]:
    """Return file name -> text of a header and a source.

    Args:
        dialect: the dialect.
        tables: the table of each direction.
        about: a line for each rule, for the header.

    Raises:
        FaultError: a table has too many rows.
    """
    for role, table in tables.items():
        if _row_count(table) > MAX_ROWS:
            raise FaultError(f"rules of the {role.value}: {_row_count(table)} rows; a table in C holds {MAX_ROWS}")
    shape = tables[Role.BODY].shape
    values = {
        "p": PREFIX,
        "P": PREFIX.upper(),
        "name": dialect.name,
        "notice": "\n * ".join(wrap(dialect.notice, 115)),
        "about": "".join(f" * {line.replace('*/', '* /')}\n" for line in about),
        "most_rules": max(1, *(len(table.rules) for table in tables.values())),
        "most_rows": max(1, *(_row_count(table) for table in tables.values())),
        "start": f"{shape.start:#04x}",
        "length_at": shape.length_at,
        "surplus": shape.surplus,
        "class_at": shape.class_at,
        "class_min": shape.classes[0],
        "class_max": shape.classes[1],
        "payload_at": shape.payload_at,
        "tail": shape.tail,
        "check_at": shape.check_at,
        "tables": "\n".join(_table(role, table) for role, table in tables.items()),
        "mix": _MIX_CRC.format(polynomial=shape.polynomial) if shape.polynomial else _MIX_SUM,
        "check": _CHECK_CRC if shape.polynomial else _CHECK_SUM,
        "sizes": "" if tables[Role.BODY].prefixed else _SIZES,
        "prefix": _PREFIX if tables[Role.BODY].prefixed else _NO_PREFIX,
    }
    return {f"{PREFIX}.{end}": template(f"rules.{end}").substitute(values) for end in ("h", "c")}


def _row_count(table: RuleTable) -> int:
    return sum(len(rule.rows) for rule in table.rules)


def _row(row: Row) -> str:
    how = row.op | (0 if row.little or row.op == SET else BIG) | (SIGNED if row.signed else 0)
    value = row.value % (1 << 8 * row.size)
    return f"    {{ {value:#x}u, {how:#04x}, {row.at}, {row.size} }},\n"


def _table(role: Role, table: RuleTable) -> str:
    name, first = role.value, 0
    rules, rows = list[str](), list[str]()
    for rule in table.rules:
        rules.append(
            f"    {{ {rule.frame_size}, {rule.message_size}, {rule.every}, {rule.limit}, {first}, "
            f"{len(rule.rows)}, {rule.type:#04x} }}, /* {rule.name} */\n"
        )
        rows += [_row(row) for row in rule.rows]
        first += len(rule.rows)
    text, members = "", {"rules": "0", "rows": "0", "sizes": "0"}
    # Sizes only matter where a rule may be about a message after another one.
    follows = any(not rule.frame_size for rule in table.rules)
    size_rows = [f"    {{ {type_:#04x}, {size} }},\n" for type_, size in sorted(table.sizes.items()) if follows]
    for what, lines in (("rule", rules), ("row", rows), ("size", size_rows)):
        if lines:
            text += f"static const struct {PREFIX}_{what} {name}_{what}s[] = {{\n{''.join(lines)}}};\n\n"
            members[f"{what}s"] = f"{name}_{what}s"
    shape = table.shape
    return (
        f"{text}const struct {PREFIX}_table {PREFIX}_from_{name} = {{ {members['rules']}, {members['rows']}, "
        f"{members['sizes']}, {shape.min_size}, {shape.max_size}, {len(table.rules)}, {len(size_rows)} }};\n"
    )
