"""What rules between body and lens need, and rules as C for a small MCU in an extension tube.

  lensmount rules check RULES.toml                          how each rule is carried out by a relay, and why
  lensmount rules export RULES.toml --to c --output FOLDER  a table in C11 without buffers

A table sets fields at fixed places, by conditions on the bytes before them. What needs a whole frame, a clock or
another length is refused, with the reason.
"""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lensmount_emulator.faults.rule import Rule
    from lensmount_protocol.dialect import Dialect

TARGETS = ("c",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount rules`."""
    from lensmount_emulator.cli.options import add_force
    from lensmount_emulator.cli.parser import one_of, verbosity_options

    what = parser.add_subparsers(dest="what", required=True, metavar="check | export")
    shared = (verbosity_options(),)
    check = what.add_parser("check", help="how each rule is carried out by a relay, and why", parents=shared)
    export = what.add_parser("export", help="the rules as source code", parents=shared)
    for one in (check, export):
        one.add_argument("rules", metavar="RULES.toml", help="a file of rules")
        one.add_argument("--dialect", default="emount", help="the dialect (default: %(default)s)")
    export.add_argument("--to", **one_of("target", TARGETS), default="c", help="the language (default: %(default)s)")
    export.add_argument("--output", required=True, metavar="FOLDER", help="where the files go")
    add_force(export)


def run(arguments: argparse.Namespace) -> int:
    """Do it; 0."""
    from pathlib import Path

    from lensmount_emulator.faults.registry import parse_plan
    from lensmount_emulator.faults.rule import Rule, load_rules
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.errors import FaultError

    dialect = load_dialect(arguments.dialect)
    plan = parse_plan(load_rules(Path(arguments.rules)), 0)
    plan.check(dialect)
    rules = [rule for rule in plan.faults if isinstance(rule, Rule) and rule.on]
    if not rules:
        raise FaultError(f"{arguments.rules}: asks for a relay alone; there is no rule to look at")
    return _check(dialect, rules) if arguments.what == "check" else _export(arguments, dialect, rules)


def _check(dialect: "Dialect", rules: "Sequence[Rule]") -> int:
    from lensmount_emulator.faults.rule import relay_rules
    from lensmount_emulator.rules.table import make_table
    from lensmount_protocol.errors import FaultError

    relay_rules(dialect, rules, stores=True)
    for number, rule in enumerate(rules, 1):
        try:
            made = rule.table_rule(dialect)
            make_table(dialect, made.cls.SENDER, [made])
        except FaultError as reason:
            if rule.way == "cut-through":
                raise
            print(f"{number}: {rule.on}: stored, since {str(reason).partition(': ')[2] or reason}")
        else:
            print(f"{number}: {rule.on}: {'stored, by its own key' if rule.way == 'store' else 'cut through'}")
    return 0


def _export(arguments: argparse.Namespace, dialect: "Dialect", rules: "Sequence[Rule]") -> int:
    from pathlib import Path

    from lensmount_emulator.exports.c_code.rules import rules_to_c
    from lensmount_emulator.faults.registry import format_fault
    from lensmount_emulator.rules.table import make_table
    from lensmount_hardware.output_file import check_output, write_output
    from lensmount_protocol.errors import CaptureError
    from lensmount_protocol.wire import Role

    made = [rule.table_rule(dialect) for rule in rules]
    tables = {role: make_table(dialect, role, [rule for rule in made if rule.cls.SENDER is role]) for role in Role}
    files = rules_to_c(dialect, tables, [format_fault(rule) for rule in rules])
    folder = Path(arguments.output)
    for name in files:
        check_output(folder / name, overwrite=arguments.force, inputs=[Path(arguments.rules)])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaptureError(f"{folder}: {error.strerror}") from error
    for name, text in files.items():
        write_output(folder / name, text.encode(), overwrite=arguments.force)
        if not arguments.quiet:
            print(folder / name)
    return 0
