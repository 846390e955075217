"""The formats of `lensmount export --from-dialect`: name, and the function that writes its files."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from lensmount_emulator.exports.schema import MessagesSchema
from lensmount_emulator.exports.units_schema import make_any_schema, make_catalogue_schema
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, unknown_name_message


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format.

    Attributes:
        about: one line for users.
        maker: `module:function` of a function that takes an `AnySchema` and returns file name -> text.
        folder: whether the format is a folder of files; otherwise it is one file.
        catalogue: whether the function also takes the `MessagesSchema` of a clocked dialect without declared units.
    """

    about: str
    maker: str
    folder: bool
    catalogue: bool = False

    def make(self, schema: MessagesSchema) -> dict[str, str]:
        """Return file name -> text."""
        module, _, name = self.maker.partition(":")
        function: Callable[[MessagesSchema], dict[str, str]] = getattr(import_module(module), name)
        return function(schema)


_HERE = "lensmount_emulator.exports"

FORMATS = {
    "c": ExportFormat("C11 codec, framer, test vectors", f"{_HERE}.c_code.codec:c_files", folder=True),
    "wireshark": ExportFormat("dissector in Lua", f"{_HERE}.wireshark:wireshark_files", folder=False),
    "sigrok": ExportFormat("protocol decoder for PulseView", f"{_HERE}.table_driven:sigrok_files", folder=True),
    "saleae": ExportFormat("analyzer for Logic 2", f"{_HERE}.table_driven:saleae_files", folder=True),
    "kaitai": ExportFormat("Kaitai Struct description", f"{_HERE}.kaitai:kaitai_files", folder=False),
    "json": ExportFormat("catalogue", f"{_HERE}.catalogue:json_files", folder=False, catalogue=True),
    "markdown": ExportFormat("catalogue", f"{_HERE}.catalogue:markdown_files", folder=False, catalogue=True),
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
    export = FORMATS[name]
    return export.make(make_catalogue_schema(dialect) if export.catalogue else make_any_schema(dialect))
