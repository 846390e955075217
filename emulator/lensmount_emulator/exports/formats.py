"""The formats of `lensmount export --from-dialect`: name, and the function that writes its files."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from lensmount_emulator.exports.schema import DialectSchema, make_schema
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, unknown_name_message


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format.

    Attributes:
        about: one line for users.
        maker: `module:function` of a function that takes a `DialectSchema` and returns file name -> text.
        folder: whether the format is a folder of files; otherwise it is one file.
    """

    about: str
    maker: str
    folder: bool

    def make(self, schema: DialectSchema) -> dict[str, str]:
        """Return file name -> text."""
        module, _, name = self.maker.partition(":")
        function: Callable[[DialectSchema], dict[str, str]] = getattr(import_module(module), name)
        return function(schema)


FORMATS = {
    "c": ExportFormat("C11 codec, framer, test vectors", "lensmount_emulator.exports.c_codec:c_files", folder=True),
}


def export_dialect(dialect: Dialect, name: str) -> dict[str, str]:
    """Return file name -> text of a dialect in one format.

    Args:
        dialect: the dialect.
        name: the format.

    Raises:
        DialectError: the format is unknown, or a field or a frame has a form that no target can carry.
    """
    if name not in FORMATS:
        raise DialectError(unknown_name_message("format", name, FORMATS))
    return FORMATS[name].make(make_schema(dialect))
