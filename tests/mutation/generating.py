"""Makes the mutants of a source file with the operators of mutmut.

mutmut decides what is changed and how. Its own runner leaves out what is outside a function, and every decorated
function, because it keeps all mutants of a file in one module; here each mutant is a source file of its own, so that
tables, constants and properties are mutated too.

Out of scope, by rule:

- annotations, type aliases, casts and type variables: no effect at run time;
- decorators, so that `slots=True` and `frozen=True` stay;
- docstrings and `__repr__`, `__str__`;
- text for people: a string or f-string with a space in it, the choice between two of them, what is passed to an
  exception that is raised or to a logger, and the text of a field in a layout (`Int8ul * "the field's meaning"`);
- `len(...)` and `isinstance(...)` as a whole, as in mutmut;
- `strict=...` of a `zip`, which like an assert checks our own code;
- `if TYPE_CHECKING`, `__all__`, `__slots__`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

from mutation.mutant import Mutant
from mutation.places import ROOT

SKIPPED_CALLS = {"len", "isinstance", "cast", "NewType", "TypeVar", "ParamSpec", "assert_never", "reveal_type"}
SKIPPED_FUNCTIONS = {"__repr__", "__str__"}
SKIPPED_TARGETS = {"__all__", "__slots__", "__match_args__"}
SHOWN_CHARACTERS = 160


def is_text(node: cst.CSTNode) -> bool:
    """Whether an expression is text for people: a string with a space between words."""
    if isinstance(node, cst.SimpleString):
        return " " in node.value.strip("'\" ")
    if isinstance(node, cst.FormattedString):
        return any(isinstance(part, cst.FormattedStringText) and " " in part.value for part in node.parts)
    if isinstance(node, cst.ConcatenatedString):
        return is_text(node.left) or is_text(node.right)
    if isinstance(node, cst.IfExp):
        return is_text(node.body) or is_text(node.orelse)
    return False


def is_strict(arg: cst.Arg) -> bool:
    """Whether an argument is `strict=...` of a `zip`."""
    return arg.keyword is not None and arg.keyword.value == "strict"


def is_type_alias(node: cst.CSTNode) -> bool:
    """Whether an expression can only be a type: `Callable[...]`, `A | B` of names, a subscript of a name."""
    if isinstance(node, cst.Subscript) and isinstance(node.value, cst.Name):
        return node.value.value[:1].isupper() or node.value.value in {"dict", "list", "tuple", "set", "type"}
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.BitOr):
        return all(is_type_alias(side) or is_type_name(side) for side in (node.left, node.right))
    return False


def is_type_name(node: cst.CSTNode) -> bool:
    """Whether a name is written as a type's."""
    if not isinstance(node, cst.Name):
        return False
    name = node.value
    return name in {"None", "int", "str", "float", "bytes", "bool"} or bool(re.fullmatch(r"_?[A-Z][a-z]\w*", name))


class Generator(cst.CSTVisitor):
    """Collects the mutants of a module: the changed node, the node instead of it, its scope and its lines."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        self.found: list[tuple[cst.CSTNode, cst.CSTNode, str, int, int]] = []
        self._scope: list[str] = []
        self._field_texts: set[cst.CSTNode] = set()

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Collect the mutants of a node; whether to go on to its children."""
        if self._is_out_of_scope(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._scope.append(node.name.value)
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                position = self.get_metadata(PositionProvider, node, None)
                for mutated in operator(node):
                    if position is not None and not self._changes_text_only(node, mutated):
                        lines = position.start.line, position.end.line
                        self.found.append((node, mutated, ".".join(self._scope), *lines))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        """Leave the scope of a function or class."""
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef) and not self._is_out_of_scope(original_node):
            self._scope.pop()

    def _is_out_of_scope(self, node: cst.CSTNode) -> bool:
        match node:
            case cst.Annotation() | cst.Decorator() | cst.Raise() | cst.Import() | cst.ImportFrom():
                return True
            case cst.FunctionDef():
                return node.name.value in SKIPPED_FUNCTIONS
            case cst.Call(func=cst.Name(value=name)):
                return name in SKIPPED_CALLS
            case cst.Call(func=cst.Attribute(value=cst.Name(value="log" | "logger" | "warnings"))):
                return True
            case cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString()):
                return True
            case cst.If(test=cst.Name(value="TYPE_CHECKING")):
                return True
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value):
                return name in SKIPPED_TARGETS or (name[:1].isupper() and not name.isupper() and is_type_alias(value))
            case cst.AnnAssign(target=cst.Name(value=name)):
                return name in SKIPPED_TARGETS
            case cst.Assert():
                return True
            case cst.BinaryOperation(operator=cst.Multiply(), right=cst.SimpleString()):
                self._field_texts.add(node.right)
            case cst.SimpleString() | cst.FormattedString() | cst.ConcatenatedString():
                return is_text(node) or node in self._field_texts
            case cst.Arg() if is_strict(node):
                return True
            case cst.Arg(value=value) | cst.Assign(value=value) | cst.Param(default=value):
                return value is not None and is_text(value)
        return False

    def _changes_text_only(self, node: cst.CSTNode, mutated: cst.CSTNode) -> bool:
        """Whether only an argument or a value that is text for people is replaced or left out."""
        match node, mutated:
            case cst.Call(args=before), cst.Call(args=after):
                kept = list(after)
                gone = [arg for arg in before if not any(arg is other for other in kept)]
                return bool(gone) and all(is_text(arg.value) or is_strict(arg) for arg in gone)
            case ((cst.Assign() | cst.AnnAssign() | cst.AugAssign()), _):
                return node.value is not None and is_text(node.value)
            case cst.Lambda(body=body), _:
                return is_text(body)
        return False


def shown(node: cst.CSTNode) -> str:
    """The code of a node in one line."""
    return " ".join(cst.Module([]).code_for_node(node).split())


def describe(node: cst.CSTNode, mutated: cst.CSTNode) -> str:
    """A change in one line; of long code only what differs, with what is around it."""
    before, after = shown(node), shown(mutated)
    if len(before) + len(after) <= SHOWN_CHARACTERS:
        return f"{before} -> {after}"
    low = 0
    while low < min(len(before), len(after)) and before[low] == after[low]:
        low += 1
    high = 0
    while high < min(len(before), len(after)) - low and before[-1 - high] == after[-1 - high]:
        high += 1
    start = max(0, low - 30)
    end = max(0, high - 20)
    return f"...{before[start : len(before) - end]}... -> ...{after[start : len(after) - end]}..."


@cache
def parse(file: str) -> tuple[cst.Module, list[tuple[cst.CSTNode, cst.CSTNode, str, int, int]], list[str]]:
    """A source file's tree, the changes that can be made in it, and its lines."""
    source = (ROOT / file).read_text()
    wrapper = MetadataWrapper(cst.parse_module(source))
    generator = Generator()
    wrapper.visit(generator)
    return wrapper.module, generator.found, source.splitlines()


def iter_mutants(file: str) -> Iterator[Mutant]:
    """The mutants of a source file, in the order of their place."""
    _, found, lines = parse(file)
    alike: Counter[tuple[str, str, str]] = Counter()
    for node, mutated, scope, first, last in found:
        text, change = lines[first - 1].strip(), describe(node, mutated)
        alike[scope, text, change] += 1
        yield Mutant(file, scope, text, change, alike[scope, text, change], first, last)


@cache
def make_mutants(file: str) -> list[Mutant]:
    """The mutants of a source file that can be compiled, in the order of their place."""
    return list(iter_mutants(file))


def mutated_source(mutant: Mutant) -> str:
    """The source file with the mutant in it.

    Raises:
        LookupError: today's file has no such mutant.
    """
    module, found, _ = parse(mutant.file)
    for candidate, (node, mutated, _, _, _) in zip(make_mutants(mutant.file), found, strict=True):
        if candidate.key == mutant.key:
            return module.deep_replace(node, mutated).code
    raise LookupError(f"{mutant.file}: no mutant {mutant.change!r} in {mutant.scope or 'the module'}")
