"""Emitted code: current, used only for the declaration that it was made from, and started without construct."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from lensmount_emulator.cli.main import main
from lensmount_protocol.checksums import make_crc
from lensmount_protocol.codec import lazy_construct
from lensmount_protocol.codec.generator import generate_modules, generated_source
from lensmount_protocol.codec.interpreter import fixed_size
from lensmount_protocol.codec.lazy_construct import Int8ub, Int16ub, Int16ul
from lensmount_protocol.dialect import BUILT_IN, dialect_package, load_dialect
from lensmount_protocol.dialects.emount.dialect import MESSAGES
from lensmount_protocol.errors import DialectError
from lensmount_protocol.frame_parser import ConstructFrameFormat
from lensmount_protocol.message import FieldGroup, field, field_group, field_group_layout

PACKAGE = '''"""A dialect whose declarations change."""
from lensmount_protocol.codec.lazy_construct import Int8ub, Int16ub, Int16ul
from lensmount_protocol.message import Evidence, EvidenceLevel
from lensmount_protocol.message import Message, field, message
from lensmount_protocol.wire import Role

@message(0x31, Role.BODY, Evidence(EvidenceLevel.MODELLED, "this test"))
class Order(Message):
    """An order."""

    number: int = field(Int16ul, "which")
    flags: int = field(Int8ub, "how")
'''


@pytest.mark.parametrize("dialect", ["emount", "lmount"])
def test_emitted_code_is_what_the_declarations_generate(dialect: str) -> None:
    modules = generate_modules(load_dialect(dialect), dialect_package(dialect))
    assert len(modules) > 7
    for name, text in modules.items():
        written = Path(str(import_module(name).__file__)).read_text()
        assert written == text, f"{name} is stale: lensmount describe {dialect} --emit"


def test_every_built_in_message_is_emitted() -> None:
    assert {cls.codec().origin for cls in MESSAGES} == {"emitted"}


def test_code_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "emount", "FocusMove", "--code"]) == 0
    assert "Struct('<xHBB').unpack_from" in capsys.readouterr().out
    for cls in MESSAGES:
        compile(generated_source(cls), cls.__name__, "exec")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_dialect_loads_without_construct(name: str, tmp_path: Path) -> None:
    program = (
        "import sys; from lensmount_protocol.dialect import load_dialect; "
        f"print(load_dialect('{name}').name, 'construct' in sys.modules)"
    )
    assert _run(program, tmp_path) == f"{name} False"


SIZED: tuple[Any, ...] = (
    lazy_construct.Bytes(4),
    lazy_construct.PaddedString(5, "ascii"),
    lazy_construct.Padding(3),
    lazy_construct.BitsInteger(5),
    lazy_construct.Array(3, Int16ub),
    lazy_construct.Array(2, lazy_construct.Bytes(3)),
)
VARYING: tuple[Any, ...] = (
    lazy_construct.GreedyBytes,
    lazy_construct.GreedyString("ascii"),
    lazy_construct.CString("ascii"),
    lazy_construct.PascalString(Int8ub, "ascii"),
    lazy_construct.Prefixed(Int16ul, lazy_construct.GreedyBytes),
    lazy_construct.PrefixedArray(Int8ub, Int8ub),
    lazy_construct.GreedyRange(Int8ub),
    lazy_construct.StrictGreedyRange(Int8ub),
    lazy_construct.Optional(Int16ub),
)


@pytest.mark.parametrize("layout", [*SIZED, *VARYING], ids=repr)
def test_a_size_that_is_known_without_construct_is_that_of_construct(layout: Any) -> None:
    assert lazy_construct.known_size(layout) == fixed_size(layout)
    assert lazy_construct.known_to_vary(layout) == any(layout is one for one in VARYING)


def test_a_group_of_bits_that_ends_within_a_byte_is_refused_at_its_declaration() -> None:
    @field_group
    class Three(FieldGroup):
        """Three bits."""

        low: int = field(lazy_construct.BitsInteger(3), "bits")

    with pytest.raises(
        ValueError, match=r"^Three has 3 bits; a group of bits fills whole bytes: add reserved bits, 5 "
    ):
        field_group_layout(Three, bits=True)


def test_a_length_of_another_name_is_refused_with_the_names_of_a_frame() -> None:
    layout = lazy_construct.Struct(
        "start" / lazy_construct.Const(0xA5, Int8ub),
        "size" / Int8ub,
        "payload" / lazy_construct.Bytes(lazy_construct.this.size),
    )
    with pytest.raises(DialectError, match="size in a frame; the fields of a frame are called `length`"):
        ConstructFrameFormat(layout, 3, 9, frozenset({0}))


def test_a_short_command_of_a_package_imports_no_construct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _dialect(tmp_path, monkeypatch, "whole_a", WHOLE)
    (tmp_path / "whole_a/dialect.py").write_text(WHOLE_DIALECT.replace("NAME", "whole_a"))
    program = (
        "import sys; from lensmount_protocol.dialect import load_dialect; d = load_dialect('whole_a'); "
        "print(d.build_frame(b'ab', 0, 0).hex(), 'construct' in sys.modules)"
    )
    # CRC-8/NRSC-5 over a7 06 00 61 62.
    crc = make_crc("CRC-8/NRSC-5", 8, 0x31, initial=0xFF, reflected=False, final_xor=0, source="catalogue")
    frame = bytes.fromhex("a706006162")
    expected = f"{frame.hex()}{crc.compute(frame):02x}"
    assert _run(program, tmp_path) == f"{expected} True"
    assert main(["describe", "whole_a", "--write-codecs"]) == 0
    assert {path.name for path in (tmp_path / "whole_a/generated").glob("*.py")} >= {"orders.py", "dialect.py"}
    assert _run(program, tmp_path) == f"{expected} False"


def test_fields_of_a_group_are_described_with_their_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _dialect(tmp_path, monkeypatch, "whole_b", WHOLE)
    (tmp_path / "whole_b/dialect.py").write_text(WHOLE_DIALECT.replace("NAME", "whole_b"))
    assert main(["describe", "whole_b", "Order"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["b7-1", "reserved", "reserved"] in rows
    assert ["b0", "moving", "whether", "it", "moves"] in rows
    assert main(["describe", "whole_b", "Order", "--json"]) == 0
    fields = {one["name"]: one for one in json.loads(capsys.readouterr().out)["fields"]}
    assert [(part["name"], part["place"]) for part in fields["state"]["parts"]] == [
        ("reserved", "b7-1"),
        ("moving", "b0"),
    ]
    assert "parts" not in fields["amount"]


@pytest.mark.parametrize("verb", [["describe", "emount", "05"], ["decode", "--json", "capture.lmx"]])
def test_a_short_command_imports_no_construct(verb: list[str], tmp_path: Path) -> None:
    main(["loopback", "--do", "sleep", "--quiet", "--record", str(tmp_path / "capture.lmx")])
    program = (
        "import sys; from lensmount_emulator.cli.main import main; code = main(sys.argv[1:]); "
        "print(code, sorted({'construct', 'hypothesis', 'asyncio'} & set(sys.modules)), file=sys.stderr)"
    )
    path = [entry for entry in sys.path if entry]
    done = subprocess.run(
        [sys.executable, "-c", program, *verb],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(path)},
    )
    assert done.stderr.splitlines()[-1] == "0 []"


WHOLE = """
from lensmount.dialect import (
    BitsInteger, Evidence, EvidenceLevel, FieldGroup, Flag, Int16ul, LengthPrefixedMessage, Optional, PaddedString,
    Role, field, field_group, field_group_of, message,
)


@field_group
class State(FieldGroup):
    reserved: int = field(BitsInteger(7), "reserved")
    moving: bool = field(Flag, "whether it moves", default=False)


@message(0x31, Role.BODY, Evidence(EvidenceLevel.MODELLED, "OURS"))
class Order(LengthPrefixedMessage):
    amount: int = field(Int16ul, "amount")
    name: str = field(PaddedString(4, "ascii"), "name", default="")
    state: State = field(field_group_of(State, bits=True), "state", default=State())
    speed: int | None = field(Optional(Int16ul), "speed", default=None)
"""

WHOLE_DIALECT = """
import dataclasses
from lensmount.dialect import (
    Bytes, Checksum, Const, ConstructFrameFormat, Int8ub, RawCopy, Role, Struct, make_crc, message_table, this,
)
from lensmount import load_dialect
from NAME.orders import Order

CRC = make_crc("CRC-8/NRSC-5", 8, 0x31, initial=0xFF, reflected=False, final_xor=0, source="catalogue")
FRAME = Struct(
    "checked" / RawCopy(Struct(
        "start" / Const(0xA7, Int8ub), "length" / Int8ub, "sequence" / Int8ub, "payload" / Bytes(this.length - 4)
    )),
    "checksum" / Checksum(Int8ub, CRC.compute, this.checked.data),
)
FORMATS = {role: ConstructFrameFormat(FRAME, 5, 255, frozenset({0}), module=__name__) for role in Role}
D = dataclasses.replace(
    load_dialect("emount"), name="NAME", messages=message_table((Order,)), formats=FORMATS,
    build_frame=FORMATS[Role.BODY].build,
)
"""


def _dialect(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str) -> None:
    package = folder / name
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text("")
    (package / "orders.py").write_text(source)
    (package / "dialect.py").write_text(
        "import dataclasses\n"
        "from lensmount_protocol.payload import message_table\n"
        "from lensmount_protocol.dialect import load_dialect\n"
        f"from {name}.orders import Order\n"
        f"D = dataclasses.replace(load_dialect('emount'), name='{name}', messages=message_table((Order,)))\n"
    )
    info = folder / f"{name}-1.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[lensmount.dialects]\n{name} = {name}.dialect:D\n")
    monkeypatch.syspath_prepend(str(folder))


def test_another_packages_code_is_emitted_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _dialect(tmp_path, monkeypatch, "changing_a", PACKAGE)
    assert main(["describe", "changing_a", "--emit"]) == 0
    assert (tmp_path / "changing_a/generated/orders.py").is_file()
    program = "from changing_a.orders import Order; print(Order.codec().origin, Order(513, 7).build().hex())"
    assert _run(program, tmp_path) == "emitted 31010207"


def test_code_of_a_changed_declaration_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _dialect(tmp_path, monkeypatch, "changing_b", PACKAGE)
    assert main(["describe", "changing_b", "--emit"]) == 0
    (tmp_path / "changing_b/orders.py").write_text(PACKAGE.replace("field(Int16ul", "field(Int16ub"))
    program = (
        "import warnings; warnings.simplefilter('always'); from changing_b.orders import Order; "
        "print(Order.codec().origin, Order(513, 7).build().hex(), Order.codec().reason)"
    )
    said = _run(program, tmp_path)
    assert said.startswith(
        "generated 31020107 the code in changing_b.generated.orders was emitted from another declaration"
    )
    assert "RuntimeWarning: Order: the code in" in said


def test_a_folder_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _dialect(tmp_path, monkeypatch, "changing_c", PACKAGE)
    (tmp_path / "changing_c/generated").write_text("a file where the folder should be")
    assert main(["describe", "changing_c", "--emit"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("lensmount: ")
    assert "generated at each start instead" in said
    assert len(said.splitlines()) == 1


def _run(program: str, folder: Path) -> str:
    path = ":".join([str(folder), *(entry for entry in sys.path if entry)])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    return (done.stdout + done.stderr).strip()
