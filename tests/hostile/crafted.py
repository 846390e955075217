"""Files that are made to cost time and memory: each below two million bytes, each a kind of attack of its own."""

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from hostile.logic_seeds import FRAME, LINES
from hostile.seeds import Seed

HEADER = b'{"lensmount":"recording","version":1,"dialect":"emount"}\n'
METADATA = (
    "[global]\nsigrok version=0.5.2\n\n[device 1]\ncapturefile=logic-1\ntotal probes=6\nsamplerate=12 MHz\n"
    "total analog=0\nprobe1=VD\nprobe2=VCC\nprobe3=LENS_CS\nprobe4=RXD\nprobe5=TXD\nprobe6=BODY_CS\nunitsize=1\n"
)
SIZE = 1_990_000
SALEAE = b"<SALEAE>"
VCD = (
    b"$timescale 1 ns $end\n$var wire 1 ! RXD $end\n$var wire 1 % TXD $end\n$var wire 1 & VD $end\n"
    b"$enddefinitions $end\n"
)


def crafted() -> Iterator[Seed]:
    """Every crafted file."""
    yield from _recordings()
    yield from _logic()
    yield from _exports()
    yield from _packets()
    yield from _texts()
    yield from _others()


def _recordings() -> Iterator[Seed]:
    def lmx(name: str, *lines: bytes, header: bytes = HEADER) -> Seed:
        return Seed("capture", f"{name}.lmx", (header + b"\n".join(lines) + b"\n")[:SIZE])

    nested = b"[" * 250_000 + b"]" * 250_000
    yield lmx("deep-header", header=b'{"lensmount":"recording","version":1,"a":' + nested + b"}\n")
    yield lmx("deep-line", b'{"t_us":1,"line":' + nested + b',"level":1}')
    yield lmx("deep-note", b'{"t_us":1,"note":' + b'{"a":' * 60 + b"1" + b"}" * 60 + b"}")
    yield lmx("long-integer", b'{"t_us":1,"hex":"f0","dir":"body","baud":' + b"9" * 100_000 + b"}")
    yield lmx("long-count", b'{"t_us":1,"dropped":"x","note":"","count":' + b"9" * 4000 + b"}")
    yield lmx("long-clock", b'{"t_us":1,"board_us":' + b"9" * 400 + b',"within_us":1,"note":""}')
    yield lmx(
        "nan", b'{"t_us":NaN,"note":"x"}', b'{"t_us":Infinity,"line":"VD","level":1}', b'{"t_us":1e999,"note":""}'
    )
    yield lmx("far", b'{"t_us":0,"line":"VD","level":1}', b'{"t_us":1e12,"line":"VD","level":0}')
    yield lmx("far-apart", b'{"t_us":-9e17,"line":"VD","level":1}', b'{"t_us":9e17,"line":"VD","level":0}')
    yield lmx("negative", b'{"t_us":-5e6,"line":"VD","level":1}', b'{"t_us":-1,"dir":"body","baud":750000,"hex":"f0"}')
    frame = b'"dir":"body","baud":750000,"hex":"f00b0002000b6000780055"}'
    yield lmx("bytes-far-apart", b'{"t_us":0,' + frame, b'{"t_us":1e12,' + frame)
    yield lmx("surrogate", b'{"t_us":1,"note":"a\\ud800"}', b'{"t_us":2,"line":"\\udfff","level":1}')
    yield lmx("one-burst", b'{"t_us":1,"dir":"body","baud":1,"hex":"' + b"f0" * 990_000 + b'"}')
    yield lmx("slow-bytes", *[b'{"t_us":%d,"dir":"lens","baud":1,"hex":"f0"}' % at for at in range(30_000)])
    yield lmx(
        "fast-edges",
        *[b'{"t_us":%d.%03d,"line":"VD","level":%d}' % (*divmod(at, 1000), at % 2) for at in range(45_000)],
    )
    yield lmx("many-lines", *[b'{"t_us":%d,"line":"L%d","level":1}' % (at, at) for at in range(45_000)])
    yield lmx("backwards", *[b'{"t_us":%d,"line":"VD","level":%d}' % (-at, at % 2) for at in range(45_000)])
    yield lmx(
        "starts", *[b'{"t_us":%d,"dir":"body","baud":750000,"hex":"%b"}' % (at, b"f0ff0f" * 20) for at in range(10_000)]
    )
    for name, keys in (
        ("duration", b'"duration":1e9'), ("nan-duration", b'"duration":NaN'), ("text-duration", b'"duration":"x"'),
        ("list-seed", b'"seed":[1]'), ("long-seed", b'"seed":' + b"9" * 4000), ("script", b'"script":"wait 100000"'),
        ("faults", b'"faults":["bitflip rate=1"],"duration":1,"seed":1'), ("list-body", b'"faults":{},"with":[[]]'),
    ):  # fmt: skip
        session = (
            b'{"lensmount":"recording","version":1,"dialect":"emount","body":"nex7","lens":"sel2870",' + keys + b"}\n"
        )
        yield lmx(f"session-{name}", b'{"t_us":0,"line":"VCC","level":1}', header=session)
    for name, steps in (
        ("waits", ["wait 60"] * 100_000), ("faults", ["fault 1 bitflip rate=1e-3"] * 30_000),
        ("sends", ["send lens " + "f0" * 30] * 18_000), ("zoom", ["hand zoom 1e308", "hand zoom nan", "wait nan"]),
        ("hear", ["hear lens"] * 19_000), ("edges", ["drive LENS_CS high", "drive LENS_CS low"] * 9_000),
        ("one", ["send lens " + "f0" * 900_000]), ("power", ["off", "on"] * 9_000),
    ):  # fmt: skip
        story = {"version": 1, "dialect": "emount", "body": "nex7", "lens": "sel2870", "mode": "both", "script": "",
                 "seed": 0, "steps": steps, "breaks": ""}  # fmt: skip
        header = {"lensmount": "recording", "version": 1, "dialect": "emount", "story": story}
        yield Seed("story", f"story-{name}.lmx", json.dumps(header).encode()[: SIZE - 1] + b"\n")


def _logic() -> Iterator[Seed]:
    toggling = (np.arange(8_000_000) & 1).astype(np.uint8)
    yield Seed("capture", "edges.sr", _sigrok(("logic-1-1", _deflated(toggling.tobytes(), 60))))
    yield Seed("capture", "all-edges.sr", _sigrok(("logic-1-1", _deflated((toggling[:1_000_000] * 63).tobytes(), 1))))
    slow = np.repeat(toggling[:900_000] * np.uint8(8), 8) | np.uint8(0x14)
    yield Seed("capture", "serial-edges.sr", _sigrok(("logic-1-1", _deflated(slow.tobytes(), 1))))
    yield Seed("capture", "idle.sr", _sigrok(("logic-1-1", _deflated(b"\x18" * (16 << 20), 110))))
    bomb = _deflated(b" " * (16 << 20), 64)
    yield Seed("capture", "metadata.sr", _zip([("metadata", bomb), ("logic-1-1", _deflated(b"\0" * 100, 1))]))
    yield Seed("capture", "overlapping.sr", _overlapping(2000))
    yield Seed("capture", "members.sr", _sigrok(*[(f"logic-1-{at}", _deflated(b"\0" * 8, 1)) for at in range(1, 9000)]))
    changes = b"".join(b"#%d\n%d&\n" % (at, at & 1) for at in range(150_000))
    yield Seed("capture", "edges.vcd", (VCD + changes)[:SIZE])
    yield Seed("capture", "names.vcd", b"$timescale 1 ns $end\n" + b"$var wire 1 a b $end\n" * 90_000)
    yield Seed("capture", "scopes.vcd", b"$timescale 1 ns $end\n" + b"$scope module a $end\n" * 90_000)
    yield Seed("capture", "comment.vcd", VCD + b"$comment " + b"a " * 900_000)
    yield Seed("capture", "time.vcd", VCD + b"#" + b"9" * 1_000_000 + b"\n#9223372036854775807\n1!\n")
    yield Seed("capture", "vector.vcd", VCD + b"b" + b"1" * 1_000_000 + b" !\n")
    yield Seed("capture", "reals.vcd", VCD + b"#1e400\n#nan\n#-1\n#1.5e300\nrnan !\n")
    for name, unpacked in (
        ("marks", b"c 100\nC 101\n"), ("edges", b'{"t_us":0,"line":"VD","level":1}\n'), ("zeros", b"\0"),
        ("digits", b"Body->Lens " + b"F0" * 500_000), ("changes", b"#1\n1&\n0&\n"), ("spaces", b" "),
    ):  # fmt: skip
        head = {"edges": HEADER, "changes": VCD, "marks": b"c 100\n"}.get(name, b"")
        yield Seed("capture", f"{name}.gz", gzip.compress(head + unpacked * (31_000_000 // len(unpacked)), 6))
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    yield Seed("capture", "blocks.pcapng", section + struct.pack("<III", 99, 12, 12) * 160_000)
    yield Seed("capture", "sections.pcapng", section * 70_000)
    interface = struct.pack("<IIHHII", 1, 20, 147, 0, 0, 20)
    packet = struct.pack("<IIIIIIII", 6, 32, 0, 0xFFFF_FFFF, 0xFFFF_FFFF, 0, 0, 32)
    yield Seed("capture", "late.pcapng", section + interface + packet * 60_000)
    options = struct.pack("<HHB3xHHQ", 9, 1, 0xFF, 14, 8, (1 << 63) - 1)
    odd = struct.pack("<IIHHI", 1, 20 + len(options), 147, 0, 0) + options + struct.pack("<I", 20 + len(options))
    yield Seed("capture", "resolution.pcapng", section + odd + packet * 10)


def _exports() -> Iterator[Seed]:
    """Sessions and exports of Logic 2, tables, and captures of DSView."""
    rate = 12e6
    head = SALEAE + struct.pack("<IIBdQdBBQ", 1, 100, 1, rate, 0, 0.0, 0, 0, 1)
    state = struct.pack("<QQQI", 1, 0, 0, 1)

    def session(name: str, runs: tuple[bytes, int, int], first: int, end: int, before: bytes = head) -> Seed:
        """Channels of one chunk each whose runs are packed already."""
        chunk = before + struct.pack("<6Q", first, end, end - first, int(rate), 1, runs[1])
        return Seed(
            "capture", name, _zip([*((f"digital-{n}.bin", _joined(chunk, runs, state)) for n in range(2)), _meta()])
        )

    yield session("runs-of-one.sal", _deflated(b"\0" * (1 << 20), 16), 0, 1 << 24)
    yield session("all-edges.sal", _deflated(bytes(1 << 20), 1), 0, 1 << 20)
    yield session("long-runs.sal", _deflated(b"\x7f" + b"\xff" * 7 + b"\x7f", 1), 0, 1 << 61)
    yield session("open-run.sal", _deflated(b"\x7f" + b"\xff" * (8 << 20), 1), 0, 1 << 61)
    many = SALEAE + struct.pack("<IIBdQdBBQ", 1, 100, 1, rate, 0, 0.0, 0, 0, 1 << 60)
    yield session("many-chunks.sal", _deflated(b"\0\0", 1), 0, 2, many)
    skipped = head + struct.pack("<6Q", 0, 2, 2, int(rate), 1, 2) + b"\0\0" + struct.pack("<QQQI", 1 << 62, 0, 0, 1)
    yield Seed(
        "capture", "many-states.sal", _zip([(f"digital-{n}.bin", _deflated(skipped, 1)) for n in range(2)] + [_meta()])
    )
    nested = b'{"data":{"rowsSettings":' + b"[" * 400_000 + b"]" * 400_000 + b"}}"
    for name, told in (
        ("deep", nested),
        ("long", b" " * (30 << 20)),
        ("rows", b'{"binData":[' + b'{"index":1},' * 80_000 + b"{}]}"),
    ):
        members = [(f"digital-{n}.bin", _deflated(skipped, 1)) for n in range(2)]
        yield Seed("capture", f"{name}-meta.sal", _zip([*members, ("meta.json", _deflated(told, 1))]))
    members = [(f"digital-{n}.bin", _deflated(b"", 1)) for n in range(999)]
    yield Seed("capture", "channels.sal", _zip([*members, ("meta.json", _deflated(b"{}", 1))]))

    def dsview(name: str, blocks: Iterable[tuple[str, tuple[bytes, int, int]]], more: str = "") -> Seed:
        header = f"[version]\nversion = 3\n[header]\nsamplerate = 12 MHz\n{more}\nprobe0 = RXD\nprobe1 = TXD\n"
        return Seed("capture", name, _zip([("header", _deflated(header.encode(), 1)), *blocks]))

    dense = _deflated(b"\x55" * (1 << 20), 30)
    counts = "total samples = {}\ntotal probes = 2\ntotal blocks = {}"
    yield dsview("edges.dsl", [("L-0/0", dense), ("L-1/0", dense)], counts.format(30 << 23, 1))
    idle = _deflated(b"\xff" * (1 << 20), 60)
    yield dsview("idle.dsl", [("L-0/0", idle), ("L-1/0", idle)], counts.format(60 << 23, 1))
    few = _deflated(b"\xff" * 64, 1)
    yield dsview("far-blocks.dsl", [("L-0/0", few), ("L-1/9999999", few)], counts.format(1 << 60, 1 << 40))
    yield dsview("blocks.dsl", [(f"L-{n & 1}/{n >> 1}", few) for n in range(16_000)], counts.format(8000 << 9, 8000))
    yield dsview("numbers.dsl", [("L-0/0", few), ("L-1/0", few)], counts.format("9" * 5000, "9" * 5000))
    yield dsview("lines.dsl", [("L-0/0", few), ("L-1/0", few)], "".join(f"key{n} = 1\n" for n in range(60_000)))
    yield dsview("interpolated.dsl", [("L-0/0", few)], "a = %(b)s%(b)s\nb = %(c)s%(c)s\nc = %(a)s")

    title = b"Time [s]," + b",".join(line.encode() for line in LINES) + b"\n"
    rows = b"".join(b"%d.%06d,%d,1,0,%d,1,0\n" % (*divmod(at, 1_000_000), at & 1, at & 1) for at in range(80_000))
    yield Seed("capture", "rows.csv", (title + rows)[:SIZE])
    yield Seed("capture", "columns.csv", b"Time [s]" + b",a" * 900_000 + b"\n0" + b",1" * 10)
    yield Seed("capture", "quotes.csv", title + b'0,"' + b"\n" * 1_900_000)
    yield Seed("capture", "time.csv", title + b"9" * 1_000_000 + b",1,0,1,0,1,0\n")
    yield Seed(
        "capture", "far.csv", title + b"-1e300,1,1,0,1,1,0\n1e300,0,1,0,0,1,0\nnan,1,1,0,1,1,0\ninf,1,1,1,1,1,1\n"
    )
    yield Seed("capture", "date.csv", title + b"9999-12-31T23:59:59.999999999999999999999+99:99,1,1,0,1,1,0\n" * 20_000)
    yield Seed("capture", "comments.csv", b";\n" * 900_000 + title)
    yield Seed("capture", "separators.csv", b"Time [s]" + b",;\t" * 600_000)

    def transitions(name: str, count: int, data: bytes, end: float = 1.0) -> Seed:
        return Seed("binary", name, SALEAE + struct.pack("<iiIddQ", 0, 0, 1, 0.0, end, count) + data)

    steady = (np.arange(240_000) * 1e-6).astype("<f8").tobytes()
    yield transitions("edges.bin", 240_000, steady)
    yield transitions("counted.bin", 1 << 62, steady)
    yield transitions("backwards.bin", 240_000, steady[::-1])
    yield transitions("far.bin", 4, struct.pack("<4d", -1e300, 1e-300, 1e9, 1e300), 1e300)
    yield transitions("no-number.bin", 2, struct.pack("<2d", float("nan"), float("inf")), float("inf"))
    chunks = struct.pack("<IdddQ", 1, rate, 0.0, 0.0, 0) * 50_000
    yield Seed("binary", "chunks.bin", SALEAE + struct.pack("<iiQ", 1, 0, 1 << 62) + chunks)
    apart = b"".join(struct.pack("<IdddQ", 1, rate, float(at), at + 0.5, 0) for at in range(50_000))
    yield Seed("binary", "gaps.bin", SALEAE + struct.pack("<iiQ", 1, 0, 50_000) + apart)


def _packets() -> Iterator[Seed]:
    """Classic packet files, and gzip files of several members."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 147)
    yield Seed("capture", "empty-packets.pcap", head + bytes(16) * 120_000)
    yield Seed("capture", "late.pcap", head + (struct.pack("<4I", 0xFFFF_FFFF, 0xFFFF_FFFF, 1, 1) + b"\xf0") * 100_000)
    yield Seed("capture", "long.pcap", head + struct.pack("<4I", 0, 0, 0xFFFF_FFFF, 0xFFFF_FFFF) + b"\xf0" * 1_900_000)
    yield Seed("capture", "frames.pcap", head + (struct.pack("<4I", 1, 2, 11, 11) + FRAME) * 70_000)
    yield Seed("capture", "cut.pcap", head + (struct.pack("<4I", 1, 2, 1, 0x7FFF_FFFF) + b"\xf0") * 100_000)
    packets = head + (struct.pack("<4I", 1, 2, 11, 11) + FRAME) * 1_100_000
    yield Seed("capture", "frames.pcap.gz", gzip.compress(packets, 6))
    yield Seed("capture", "members.gz", gzip.compress(b"c 100\n") * 60_000)
    yield Seed("capture", "nested.gz", gzip.compress(gzip.compress(gzip.compress(b"c 100\n" * 5_000_000))))
    yield Seed("capture", "long-name.gz", b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * 1_900_000)
    yield Seed("capture", "rows.csv.gz", gzip.compress(b"Time [s],RXD,TXD\n" + b"0,1,1\n" * 5_000_000, 6))


def _meta() -> tuple[str, tuple[bytes, int, int]]:
    """A description of two channels, the serial lines."""
    rows = [
        {"type": "channel", "name": name, "channel": {"type": "Digital", "deviceChannel": number}}
        for number, name in enumerate(("RXD", "TXD"))
    ]
    return "meta.json", _deflated(json.dumps({"version": 14, "data": {"rowsSettings": rows}}).encode(), 1)


def _joined(before: bytes, packed: tuple[bytes, int, int], behind: bytes) -> tuple[bytes, int, int]:
    """A stream with something in front of and behind one that is packed already."""
    first, last = (zlib.compressobj(9, zlib.DEFLATED, -15) for _ in range(2))
    data = first.compress(before) + first.flush(zlib.Z_FULL_FLUSH)
    stream = zlib.decompressobj(-15)
    unpacked = stream.decompress(packed[0])
    middle = zlib.compressobj(9, zlib.DEFLATED, -15)
    data += middle.compress(unpacked) + middle.flush(zlib.Z_FULL_FLUSH) + last.compress(behind) + last.flush()
    whole = before + unpacked + behind
    return data, len(whole), zlib.crc32(whole)


def _texts() -> Iterator[Seed]:
    yield Seed("capture", "digits.txt", b"Body->Lens F0 FF FF\n" + b"00\n" * 600_000)
    yield Seed("capture", "spaced.txt", b"Body->Lens F0 FF FF" + b" 00" * 600_000)
    yield Seed("capture", "headers.txt", b"Body->Lens F0" * 150_000)
    yield Seed("capture", "marks.txt", b"Body->Lens F0 FF FF\n" + b"[B:1]" * 390_000)
    yield Seed("capture", "spaces.txt", b"c 100\nBody->Lens 0A" + b" " * 1_900_000 + b"x\n")
    yield Seed("capture", "open-marks.txt", b"c 100\n" + b"[B:" * 600_000 + b"\n")
    yield Seed(
        "capture", "long-time.txt", b"c 100\nBody->Lens F0 " + b"9" * 1_000_000 + b"\n[B:" + b"1" * 900_000 + b"]\n"
    )
    yield Seed("capture", "edges-inside.txt", b"Body->Lens F0 FF FF\n" + b"c 1000\nC 1001\n00\n" * 100_000)
    yield Seed("capture", "one-line.jsonl", b'{"hex":"' + b"f0" * 900_000 + b'","dir":"body","baud":750000}\n')
    yield Seed(
        "capture", "windows.frames.jsonl", b'{"t_us":9,"cs_us":[0,1],"hex":"f0","dir":"body","baud":750000}\n' * 30_000
    )
    yield Seed(
        "capture",
        "pads.frames.jsonl",
        b'{"t_us":9,"end_us":1e17,"pad":"00","hex":"f0","dir":"body","baud":1}\n' * 20_000,
    )
    yield Seed("capture", "headless.txt", b"Body->Lens F0 FF FF\n" + b":1 " * 600_000)
    yield Seed("capture", "bad-lines.jsonl", b'{"hex":"f0","dir":"body","baud":1}\n' + b"x\n" * 900_000)
    yield Seed("capture", "open-strings.jsonl", b'{"hex":"f0","dir":"body","baud":1}\n{"' + b'\\"[' * 600_000)


def _others() -> Iterator[Seed]:
    for kind, head in (("campaign", b'dialect = "emount"\n'), ("profile", b"[profile]\nname = 'x'\n")):

        def toml(name: str, text: bytes, kind: str = kind, head: bytes = head) -> Seed:
            return Seed(kind, f"{kind}-{name}.toml", head + text)

        yield toml("deep", b"x = " + b"[" * 100_000 + b"]" * 100_000)
        yield toml("deep-tables", b"x = " + b"{a = " * 20_000)
        yield toml("key", b"a." * 100_000 + b"a = 1\n")
        yield toml("table", b"[" + b"a." * 100_000 + b"a]\n")
        yield toml("quoted-key", b'"a".' * 60_000 + b"a = 1\n")
        yield toml("long-bare-key", b"a" * 200_000 + b" = 1\n")
        yield toml("integer", b"x = " + b"9" * 100_000 + b"\n")
        yield toml("float", b"seconds = nan\nlimit = inf\nsteps = 99999999999999999999\n")
        yield toml("keys", b"".join(b"a%d = 1\n" % at for at in range(20_000)))
        yield toml("large", b"#" * 1_900_000)
        yield toml("tables", b"[[a]]\n" * 40_000)
        yield toml("date", b"x = 99999-99-99T99:99:99\ny = 0000-00-00\n")
    many = b'dialect = "emount"\nbodies = ["*"]\nlenses = ["*"]\nseeds = "1-999999"\n'
    yield Seed("campaign", "campaign-many.toml", many)
    seeds = b'dialect = "emount"\nbodies = ["nex7"]\nlenses = ["sel2870"]\nscript = "wait 0.01"\nseeds = "1-250000"\n'
    yield Seed("campaign", "campaign-seeds.toml", seeds)
    yield Seed("results", "empty.sqlite", b"SQLite format 3\0" + bytes(84))
    yield Seed("image", "image.lmf", b"LMF\x1a" + b"\xff" * 1_900_000)


def _deflated(data: bytes, times: int) -> tuple[bytes, int, int]:
    """Data again and again: its deflate stream, length and CRC."""
    if times == 1:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(data) + packer.flush(), len(data), zlib.crc32(data)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)
    # The sum is wrong: a reader finds that out when it has unpacked everything.
    return piece * times + b"\x03\0", len(data) * times, 0


def _zip(members: list[tuple[str, tuple[bytes, int, int]]]) -> bytes:
    """A ZIP of streams that are packed already."""
    out, directory = io.BytesIO(), []
    for name, (packed, size, crc) in members:
        told = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, crc, len(packed), size, len(name), 0)
        directory.append(
            b"PK\1\2" + struct.pack("<H", 20) + told + struct.pack("<HHHII", 0, 0, 0, 0, out.tell()) + name.encode()
        )
        out.write(b"PK\3\4" + told + name.encode() + packed)
    at, listed = out.tell(), b"".join(directory)
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(listed), at, 0)
    return out.getvalue() + listed + b"PK\5\6" + end


def _sigrok(*samples: tuple[str, tuple[bytes, int, int]]) -> bytes:
    return _zip([("version", _deflated(b"2", 1)), ("metadata", _deflated(METADATA.encode(), 1)), *samples])


def _overlapping(count: int) -> bytes:
    """A ZIP whose directory names one member again and again."""
    whole = _sigrok(("logic-1-1", _deflated(b"\0" * (4 << 20), 1)))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        info = archive.getinfo("logic-1-1")
        entries = [one for one in archive.infolist() if one is not info]
        start = archive.start_dir
    for number in range(1, count):
        copy = zipfile.ZipInfo(f"logic-1-{number}")
        for name in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
            setattr(copy, name, getattr(info, name))
        entries.append(copy)
    target = io.BytesIO(whole[:start])
    target.seek(0, io.SEEK_END)
    listed = b"".join(_entry(one) for one in entries)
    target.write(listed)
    target.write(b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(listed), start, 0))
    return target.getvalue()


def _entry(info: zipfile.ZipInfo) -> bytes:
    name = info.filename.encode()
    told = struct.pack("<HHHHHHIIIHH", 20, 20, 0, info.compress_type, 0, 0x21, info.CRC, info.compress_size,
                       info.file_size, len(name), 0)  # fmt: skip
    return b"PK\1\2" + told + struct.pack("<HHHII", 0, 0, 0, 0, info.header_offset) + name
