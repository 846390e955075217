"""Constructs that declarations use beside construct's own: open enumerations, field groups, strict repeats."""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import TYPE_CHECKING, Any

from construct import Adapter, BitStruct, ListContainer, SizeofError, Struct, Subconstruct

from lensmount_protocol.codec.lazy_construct import resolve

if TYPE_CHECKING:
    _Adapter = Adapter[Any, Any, Any, Any]
    _Subconstruct = Subconstruct[Any, Any, Any, Any]
else:
    # At run time construct's classes take no parameters.
    _Adapter, _Subconstruct = Adapter, Subconstruct


class OpenEnum(_Adapter):
    """An integer read as a member of an `OpenIntEnum` and written as its number.

    Attributes:
        members: the enumeration.
    """

    def __init__(self, subcon: Any, members: Any) -> None:
        super().__init__(subcon)
        self.members = members

    def _decode(self, obj: Any, context: Any, path: Any) -> Any:
        return self.members(obj)

    def _encode(self, obj: Any, context: Any, path: Any) -> Any:
        return int(obj)


class FieldGroupAdapter(_Adapter):
    """Fields that stand together, read into a record class (`lensmount_protocol.message`).

    Attributes:
        kind: the record class.
    """

    def __init__(self, kind: Any, *, bits: bool = False) -> None:
        inside = (spec.name / resolve(spec.layout) for spec in kind.FIELDS)
        super().__init__(BitStruct(*inside) if bits else Struct(*inside))
        self.kind = kind

    def _decode(self, obj: Any, context: Any, path: Any) -> Any:
        return self.kind(**{spec.name: obj[spec.name] for spec in self.kind.FIELDS})

    def _encode(self, obj: Any, context: Any, path: Any) -> Any:
        return {spec.name: getattr(obj, spec.name) for spec in self.kind.FIELDS}


class StrictGreedyRange(_Subconstruct):
    """One thing after another until the bytes end; unlike `GreedyRange` it swallows no error."""

    def _parse(self, stream: Any, context: Any, path: Any) -> Any:
        found: Any = ListContainer()
        while stream.read(1):
            stream.seek(-1, 1)
            found.append(self.subcon._parsereport(stream, context, path))  # pyright: ignore
        return found

    def _build(self, obj: Any, stream: Any, context: Any, path: Any) -> Any:
        for element in obj:
            self.subcon._build(element, stream, context, path)  # pyright: ignore
        return obj

    def _sizeof(self, context: Any, path: Any) -> int:
        raise SizeofError("as many as there are", path=path)
