"""Names and types of the exported C code, and the templates of this package."""

from importlib.resources import files
from string import Template

from lensmount_emulator.exports.layouts import (
    BitsLayout,
    BytesLayout,
    FlagLayout,
    FloatLayout,
    IntLayout,
    Layout,
    RecordLayout,
)
from lensmount_emulator.exports.schema import snake_case

TEMPLATES = "lensmount_emulator.exports"

COPIED_BYTES = 16
"""Fixed bytes up to this number are copied into the struct; longer ones stay in the frame, and the struct has their
place."""

_KEYWORDS = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "bool",
        "true",
        "false",
        "asm",
        "typeof",
        "alignas",
        "alignof",
        "atomic",
        "noreturn",
        "class",
        "new",
        "delete",
        "this",
        "template",
        "public",
        "private",
    ]
)


def template(name: str) -> Template:
    """A template of this package."""
    return Template(files(TEMPLATES).joinpath("templates", name).read_text(encoding="utf-8"))


def one_line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(text.split())


def comment_text(text: str) -> str:
    """A text that can stand in a comment of C."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in one_line(text))
    return clean.replace("*/", "* /").replace("/*", "/ *").replace("\\", "/")


def member(name: str) -> str:
    """A field's name as a member of a struct."""
    clean = "".join(letter if letter.isascii() and (letter.isalnum() or letter == "_") else "_" for letter in name)
    return f"{clean}_" if clean in _KEYWORDS or clean[:1].isdigit() else clean


def width(size: int) -> int:
    """Bits of the smallest C integer that holds this many bytes."""
    return 8 if size == 1 else 16 if size == 2 else 32 if size <= 4 else 64


def int_type(layout: IntLayout) -> str:
    """The C type of an integer."""
    return f"{'' if layout.signed else 'u'}int{width(layout.size)}_t"


def bits_type(bits: int) -> str:
    """The C type of so many bits."""
    return f"uint{8 if bits <= 8 else 16 if bits <= 16 else 32 if bits <= 32 else 64}_t"


class Names:
    """The names of one dialect's C code.

    Args:
        prefix: what each of them begins with.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.upper = prefix.upper()

    def type(self, name: str) -> str:
        """The type of a message, a record or an enumeration."""
        return f"{self.prefix}_{snake_case(name)}"

    def constant(self, *parts: str) -> str:
        """A constant."""
        return "_".join((self.upper, *(snake_case(part).upper() for part in parts)))

    def scalar(self, layout: Layout) -> str:
        """The C type of a value without a size of its own.

        Bytes are arrays, so that they have none.
        """
        match layout:
            case IntLayout():
                return int_type(layout)
            case FlagLayout():
                return "bool"
            case FloatLayout():
                return "float" if layout.size == 4 else "double"
            case RecordLayout() | BitsLayout():
                return self.type(layout.name)
            case _:
                raise TypeError(layout)

    def element(self, layout: Layout) -> str:
        """The part of a function's name that stands for an element: `u16l`, or a record's name."""
        match layout:
            case IntLayout():
                order = "" if layout.size == 1 else "l" if layout.little else "b"
                return f"{'i' if layout.signed else 'u'}{layout.size * 8}{order}"
            case FlagLayout():
                return "flag"
            case FloatLayout():
                return f"f{layout.size * 8}{'l' if layout.little else 'b'}"
            case BytesLayout():
                return f"bytes{layout.size}"
            case RecordLayout() | BitsLayout():
                return snake_case(layout.name)
            case _:
                raise TypeError(layout)
