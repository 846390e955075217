"""The decoders that the agreement compares: generated Python, C, tables, Wireshark, sigrok and Kaitai Struct."""

import io
import os
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from lensmount_emulator.exports.agreement import DecodeEntries, DecoderUnavailable, Entry
from lensmount_emulator.exports.c_code.codec import c_files
from lensmount_emulator.exports.canonical import CanonicalWriter
from lensmount_emulator.exports.kaitai import SENDER_NUMBERS, kaitai_files, kaitai_id
from lensmount_emulator.exports.kaitai_text import is_unit, kaitai_text, unit_text
from lensmount_emulator.exports.table_driven import core_text, sigrok_files, tables_text
from lensmount_emulator.exports.units_schema import AnySchema, UnitsSchema
from lensmount_emulator.exports.vectors import NOTHING
from lensmount_emulator.exports.wireshark import dissector_text
from lensmount_hardware.captures.packet_files.pcapng_writer import PcapngWriter
from lensmount_protocol.errors import DialectError
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame, GarbageReason
from lensmount_protocol.wire import Burst, ClockedLink, Role

TIMEOUT_S = 1200
"""Seconds that one tool may take for a whole corpus."""


def decode_generated(schema: AnySchema, corpus: list[Entry], _folder: Path) -> list[str | None]:
    """The generated Python code, as every session uses it."""
    writer = CanonicalWriter(schema)
    texts: list[str | None] = []
    for entry in corpus:
        payloads = schema.dialect.payload_parser()
        # Every entry stands for itself: a message of one must not change how the next is read.
        payloads.layout_frozen = True
        parser = FrameParser(schema.dialect, entry.sender, payloads)
        frames = [
            f"@{event.offset} {writer.frame(event, event.messages)}"
            for event in [*parser.receive(entry.data), *parser.close(GarbageReason.SOURCE_ENDED)]
            if isinstance(event, Frame)
        ]
        texts.append(" | ".join(frames) or NOTHING)
    return texts


def decode_c(schema: AnySchema, corpus: list[Entry], folder: Path) -> list[str | None]:
    """The C codec, compiled with every warning as an error."""
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None:
        raise DecoderUnavailable("no C compiler; apt-get install gcc")
    if shutil.which("make") is None:
        raise DecoderUnavailable("make is not installed")
    _write(folder, c_files(schema))
    program = f"{schema.identifier}_test"
    run_tool(["make", "-s", program, f"CC={compiler}"], folder)
    given = "".join(f"{entry.sender.value} {entry.data.hex()}\n" for entry in corpus)
    return [*run_tool([f"./{program}", "--dump"], folder, given).splitlines()]


def decode_tables(schema: AnySchema, corpus: list[Entry], folder: Path) -> list[str | None]:
    """The core of the sigrok and Saleae decoders, byte by byte."""
    _write(folder, {"core.py": core_text(schema), "tables.py": tables_text(schema)})
    core, tables = _load(folder / "core.py"), _load(folder / "tables.py")
    if isinstance(schema, UnitsSchema):
        units = core.Units(tables.TABLES)
        decoded = (units.unit_text(entry.sender.value, entry.data) for entry in corpus)
        return [NOTHING if text is None else f"@0 {text}" for text in decoded]
    codec = core.Codec(tables.TABLES)
    texts: list[str | None] = []
    for entry in corpus:
        framer = core.Framer(codec, entry.sender.value)
        frames: list[str] = []
        found = [one for at, byte in enumerate(entry.data) for one in framer.push(byte, at)]
        for data, places in [*found, *framer.close()]:
            frames.append(f"@{places[0]} {codec.frame_text(entry.sender.value, data)}")
        texts.append(" | ".join(frames) or NOTHING)
    return texts


def decode_tshark(schema: AnySchema, corpus: list[Entry], folder: Path) -> list[str | None]:
    """The dissector in tshark, an entry a packet."""
    tshark = shutil.which("tshark")
    if tshark is None:
        raise DecoderUnavailable("tshark is not installed; apt-get install --no-install-recommends tshark")
    script, packets = folder / "dissector.lua", folder / "corpus.pcapng"
    script.write_text(dissector_text(schema), encoding="utf-8")
    with PcapngWriter(packets, overwrite=True) as writer:
        for number, entry in enumerate(corpus):
            writer.write(Burst(number * 1e-3, entry.sender, entry.data, 115_200))
    name = f"lensmount_{schema.identifier}.text"
    words = [tshark, "-X", f"lua_script:{script}", "-r", str(packets), "-T", "fields", "-e", name]
    found = run_tool([*words, "-E", "aggregator=;", "-E", "occurrence=a"], folder)
    texts: list[str | None] = []
    for line in found.split("\n")[:-1]:
        valid = [text for text in line.split(";") if text and not text.startswith("invalid ")]
        texts.append(" | ".join(valid) or NOTHING)
    return texts


BIT_SAMPLES = 4
BAUDRATE = 100_000
SAMPLERATE = BAUDRATE * BIT_SAMPLES
GAP_BITS = 60
"""Idle bits between two entries; the decoder takes 40 as the end of a frame."""


def decode_sigrok(schema: AnySchema, corpus: list[Entry], folder: Path) -> list[str | None]:
    """The decoder in sigrok-cli, on samples of two lines."""
    tool = shutil.which("sigrok-cli")
    if tool is None:
        raise DecoderUnavailable("sigrok-cli is not installed; apt-get install --no-install-recommends sigrok-cli")
    try:
        _write(folder, sigrok_files(schema))
    except DialectError as refusal:
        if not isinstance(schema, UnitsSchema) or schema.link.acknowledge is None:
            raise
        raise DecoderUnavailable(f"refused: {refusal}") from refusal
    samples = folder / "corpus.bin"
    name = f"lensmount_{schema.identifier}"
    units = isinstance(schema, UnitsSchema)
    if isinstance(schema, UnitsSchema):
        starts = _write_clocked_samples(samples, corpus, schema.link)
        order = "msb-first" if schema.link.msb_first else "lsb-first"
        gap_us = GAP_BITS // 2 * 1e6 / BAUDRATE
        stack = f"spi:clk=2:mosi=1:miso=0:cpol=1:cpha=1:bitorder={order},{name}:mosi_sender=body:gap_us={gap_us}"
    else:
        starts = _write_samples(samples, corpus)
        timeout_ms = 40 * 1000 / BAUDRATE
        stack = f"uart:rx=0:tx=1:baudrate={BAUDRATE}:format=hex,{name}:rx_sender=lens:timeout_ms={timeout_ms}"
    words = [tool, "-I", f"binary:numchannels=8:samplerate={SAMPLERATE}", "-i", str(samples), "-P", stack]
    frames: list[list[str]] = [[] for _ in corpus]
    # On a clocked link both lines carry a unit in each entry; only the one of the sender counts.
    shown = [(role.value, role) for role in Role] if units else [("body-text:lens-text", None)]
    for kind, sender in shown:
        label = kind if sender is None else f"{kind}-text"
        options = ["-A", f"{name}={label}", "--protocol-decoder-samplenum"]
        for line in run_tool([*words, *options], folder, environment={"SIGROKDECODE_DIR": str(folder)}).splitlines():
            place, _, text = line.partition(f" {name}-1: ")
            if not text:
                place, _, text = line.partition(": ")
                text = text.partition(": ")[2]
            first = int(place.split("-")[0])
            number = _entry_at(starts, first)
            if sender in (None, corpus[number].sender):
                offset = 0 if units else round((first - starts[number]) / (10 * BIT_SAMPLES))
                frames[number].append(f"@{offset} {text.strip().strip(chr(34))}")
    return [" | ".join(each) or NOTHING for each in frames]


def _write_samples(path: Path, corpus: list[Entry]) -> list[int]:
    """Write samples of RX (bit 0, the lens) and TX (bit 1, the body); return the first sample of each entry."""
    idle, position, starts = 0b11, 0, list[int]()
    levels = {
        role: [
            b"".join(
                bytes((idle if bit else idle & ~mask,)) * BIT_SAMPLES
                for bit in (0, *(byte >> place & 1 for place in range(8)), 1)
            )
            for byte in range(256)
        ]
        for role, mask in ((Role.LENS, 1), (Role.BODY, 2))
    }
    gap = bytes((idle,)) * (GAP_BITS * BIT_SAMPLES)
    with path.open("wb") as file:
        file.write(gap)
        position += len(gap)
        for entry in corpus:
            starts.append(position)
            shape = levels[entry.sender]
            written = b"".join([shape[byte] for byte in entry.data]) + gap
            file.write(written)
            position += len(written)
    return starts


def _write_clocked_samples(path: Path, corpus: list[Entry], link: ClockedLink) -> list[int]:
    """Write samples of data of the lens (bit 0) and the body (bit 1), and of the clock (bit 2), which idles high."""
    starts, position = list[int](), 0
    half, gap = BIT_SAMPLES // 2, bytes((4,)) * (GAP_BITS * BIT_SAMPLES)
    shapes = {
        role: [
            b"".join(
                bytes((level,)) * half + bytes((level | 4,)) * half
                for level in ((byte >> (7 - place if link.msb_first else place) & 1) * mask for place in range(8))
            )
            for byte in range(256)
        ]
        for role, mask in ((Role.LENS, 1), (Role.BODY, 2))
    }
    with path.open("wb") as file:
        for entry in corpus:
            starts.append(position + len(gap))
            written = gap + b"".join([shapes[entry.sender][byte] for byte in entry.data])
            file.write(written)
            position += len(written)
        # A byte after the last pause: only the next burst ends one.
        file.write(gap + shapes[Role.BODY][0] + gap)
    return starts


def _entry_at(starts: list[int], sample: int) -> int:
    low, high = 0, len(starts)
    while high - low > 1:
        middle = (low + high) // 2
        # An edge may be seen one sample late or early.
        low, high = (middle, high) if starts[middle] <= sample + BIT_SAMPLES else (low, middle)
    return low


def decode_kaitai(schema: AnySchema, corpus: list[Entry], folder: Path) -> list[str | None]:
    """The Kaitai Struct description, compiled to Python; the checksum is compared here, as any reader has to."""
    try:
        import_module("kaitaistruct")
    except ImportError as error:
        raise DecoderUnavailable(
            "the Python package kaitaistruct is not installed; pip install kaitaistruct"
        ) from error
    _write(folder, kaitai_files(schema))
    compile_kaitai(folder, kaitai_id(schema))
    kind: Any = getattr(_load(folder / f"{kaitai_id(schema)}.py"), _camel(kaitai_id(schema)))
    return [_kaitai_entry(schema, kind, entry) for entry in corpus]


def _kaitai_entry(schema: AnySchema, kind: Any, entry: Entry) -> str | None:
    """The text of an entry, of which Kaitai Struct reads the frame at its start and no other one."""
    first = entry.expected.partition(" | ")[0]
    expected = first if first.startswith("@0 ") else NOTHING
    try:
        frame = _parse_kaitai(kind, entry)
        if isinstance(schema, UnitsSchema):
            text = f"@0 {unit_text(schema, entry.sender, frame)}" if is_unit(schema, frame, entry.data) else NOTHING
        else:
            valid = schema.frame.checksum.compute(frame.checked) == frame.checksum
            text = f"@0 {kaitai_text(schema, entry.sender, frame)}" if valid else NOTHING
    except Exception as error:
        if not _is_kaitai_error(error):
            raise
        text = NOTHING
        if "?{" in expected:
            # Kaitai Struct gives up a frame with a damaged message, which has no type here either.
            return entry.expected
    return entry.expected if text == expected else text


def _parse_kaitai(kind: Any, entry: Entry) -> Any:
    stream = import_module("kaitaistruct").KaitaiStream(io.BytesIO(entry.data))
    return kind(SENDER_NUMBERS[entry.sender], stream)


def _is_kaitai_error(error: Exception) -> bool:
    """Whether the generated parser refused the bytes, rather than failed."""
    refused = getattr(import_module("kaitaistruct"), "KaitaiStructError", ())
    return isinstance(error, (EOFError, UnicodeDecodeError, refused))


_COMPILE = """const fs = require('fs');
let compiler, yaml;
try {
  compiler = require('kaitai-struct-compiler');
  yaml = require('js-yaml');
} catch (error) {
  console.log('missing');
  process.exit(0);
}
const description = yaml.load(fs.readFileSync(process.argv[2], 'utf8'));
(compiler.compile ? compiler : new compiler()).compile('python', description, null, false).then(files => {
  for (const name in files) fs.writeFileSync(name, files[name]);
  console.log('compiled');
}).catch(error => { console.error(String(error)); process.exit(1); });
"""


def compile_kaitai(folder: Path, name: str) -> None:
    """Compile `NAME.ksy` in a folder to Python.

    Raises:
        DecoderUnavailable: node or its package `kaitai-struct-compiler` is missing.
        RuntimeError: the compiler refuses the description.
    """
    node = shutil.which("node")
    place = f"npm install --prefix {sys.prefix} kaitai-struct-compiler@0.11 js-yaml@4"
    if node is None:
        raise DecoderUnavailable(f"node is not installed; apt-get install nodejs npm; {place}")
    (folder / "compile.js").write_text(_COMPILE, encoding="utf-8")
    paths = [str(Path(sys.prefix) / "node_modules"), *os.environ.get("NODE_PATH", "").split(os.pathsep)]
    environment = {"NODE_PATH": os.pathsep.join(path for path in paths if path)}
    found = run_tool([node, "compile.js", f"{name}.ksy"], folder, environment=environment)
    if found.strip() == "missing":
        raise DecoderUnavailable(f"kaitai-struct-compiler is not installed; {place}")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _load(path: Path) -> ModuleType:
    """Import a file of a working folder, under a name of its own."""
    spec = spec_from_file_location(f"lensmount_export_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DECODERS: dict[str, DecodeEntries] = {
    "python": decode_generated,
    "c": decode_c,
    "tables": decode_tables,
    "tshark": decode_tshark,
    "sigrok": decode_sigrok,
    "kaitai": decode_kaitai,
}
"""Name -> decoder; each is compared with construct."""


def run_tool(words: list[str], folder: Path, given: str = "", *, environment: dict[str, str] | None = None) -> str:
    """Run a tool in a folder; return its output.

    Raises:
        RuntimeError: it ended with an error (its last line).
    """
    done = subprocess.run(
        words,
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        text = (done.stderr or done.stdout).strip().splitlines()
        raise RuntimeError(f"{Path(words[0]).name} ended with {done.returncode}: {text[-1] if text else 'no output'}")
    return done.stdout


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
