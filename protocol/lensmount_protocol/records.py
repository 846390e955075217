"""Records: fields that stand together inside a message, as a class of their own.

```python
@record
class Flags(Record):
    \"\"\"What the button byte says.\"\"\"

    pressed: bool = field(Flag, "whether it is down", default=False)
    which: int = field(BitsInteger(7), "which button")


buttons: Flags = field(record_of(Flags, bits=True), "the buttons", default=Flags())
```
"""

import dataclasses
from typing import Any, ClassVar, TypeVar, dataclass_transform

from lensmount_protocol.deferred import RecordOf, text_of
from lensmount_protocol.message import FieldSpec, laid_out


class Record:
    """Fields that stand together; subclasses are declared with `@record`.

    Attributes:
        FIELDS: its fields in wire order.
        DECLARED: what was written of them, so that a changed record changes the messages that hold it.
    """

    __slots__ = ()

    FIELDS: ClassVar[tuple[FieldSpec, ...]]
    DECLARED: ClassVar[str]


R = TypeVar("R", bound=Record)


@dataclass_transform()
def record(cls: type[R]) -> type[R]:
    """Declare a record: make the class a slotted, frozen dataclass, so that one can be a default."""
    made = dataclasses.dataclass(slots=True, frozen=True)(cls)
    made.FIELDS = tuple(laid_out(made))
    made.DECLARED = "(" + ", ".join(f"{spec.name}: {text_of(spec.layout)}" for spec in made.FIELDS) + ")"
    return made


def record_of(kind: type[Record], *, bits: bool = False) -> Any:
    """The construct that carries a record: its fields one behind the other, or packed as bits, highest first."""
    return RecordOf(kind, bits=bits)
