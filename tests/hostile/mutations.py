"""Hostile files from valid ones: damage anywhere, values beyond all sense, and structures that stay legal."""

import gzip
import io
import json
import re
import sqlite3
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hostile.seeds import Seed

CONTROLS = "\x1b]0;x\x07\x1b[2J\x7f\x9b31m\u202e\u2028\u200b"
TEXTS = (
    *("", CONTROLS, "a" * 5000, "\ud800", "..", "/dev/zero", "x\ny", '"""', "'; DROP TABLE cases; --", "[red]x[/]"),
    *("</script><script>", "%s%n", "\0", "nan", "1e999", "-1", "٣", "é", "wait 60", "none", "all", "*"),
)
NUMBERS = (
    *("0", "-1", "1", "255", "65536", "4294967296", "9223372036854775807", "9223372036854775808", "1e308", "-1e308"),
    *("1e-320", "NaN", "Infinity", "-Infinity", "9" * 50, "9" * 5000, "1e18", "-9e17", "1e12", "0.1", "1e400", "nan"),
)
MAX_SIZE = 2_000_000
"""Bytes of a hostile file; the limits of time and memory hold below that."""

WHOLES = (0, 1, -1, 2, 7, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
REALS = (0.0, -1.0, 1e-300, 1e300, -1e300, float("nan"), float("inf"), float("-inf"), 1e9, 1.0, 12e6, 0.5)
VALUES = (None, True, False, [], {}, [[]], 1.5, -1, 0, 2**63, 10**40, 1e308, *TEXTS)

Mutation = Callable[[Random, Seed], bytes]


def flip(random: Random, seed: Seed) -> bytes:
    """A few bytes are others."""
    data = bytearray(seed.data)
    for _ in range(random.choice((1, 1, 2, 5, 50))):
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


def cut(random: Random, seed: Seed) -> bytes:
    """The end is missing, or the beginning."""
    at = random.randrange(len(seed.data))
    return seed.data[:at] if random.random() < 0.8 else seed.data[at:]


def splice(random: Random, seed: Seed) -> bytes:
    """A part is repeated, removed or moved."""
    first, last = sorted(random.randrange(len(seed.data)) for _ in range(2))
    part = seed.data[first:last]
    rest = seed.data[:first] + seed.data[last:]
    at = random.randrange(len(rest) + 1)
    return random.choice((rest, rest[:at] + part * random.choice((1, 2, 20)) + rest[at:]))[:2_000_000]


def insert(random: Random, seed: Seed) -> bytes:
    """Something that does not belong there."""
    at = random.randrange(len(seed.data) + 1)
    size = random.choice((1, 10, 100, 10_000, 1_000_000))
    pieces = (b"\0", b"\xff", b"[", b'{"a":', b"\x1b[2J", b"\n", b" ", b"9", b"0b\n", "\u202e".encode(), b'"', b"\\")
    piece = random.choice(pieces)
    return seed.data[:at] + (piece * (size // len(piece) + 1))[:size] + seed.data[at:]


def numbers(random: Random, seed: Seed) -> bytes:
    """Numbers in text are others."""
    places = list(re.finditer(rb"\d+(?:\.\d+)?(?:e-?\d+)?", seed.data))
    return _replaced(random, seed, places, lambda: random.choice(NUMBERS).encode())


def strings(random: Random, seed: Seed) -> bytes:
    """Quoted texts are others, as JSON and TOML write them."""
    places = list(re.finditer(rb'(?<=")[^"\n]*(?=")', seed.data))
    return _replaced(random, seed, places, lambda: json.dumps(random.choice(TEXTS))[1:-1].encode())


def words(random: Random, seed: Seed) -> bytes:
    """Words of text are others, or stand elsewhere."""
    places = list(re.finditer(rb"[^\s]+", seed.data))
    kept = [place[0] for place in random.sample(places, min(20, len(places)))] or [b""]
    return _replaced(random, seed, places, lambda: random.choice((*kept, CONTROLS.encode(), b"")))


def objects(random: Random, seed: Seed) -> bytes:
    """Lines of JSON with values of other types, keys left out, added or doubled."""
    lines = seed.data.split(b"\n")
    for _ in range(random.choice((1, 2, 10))):
        at = 0 if random.random() < 0.4 else random.randrange(len(lines))
        try:
            told = json.loads(lines[at])
        except ValueError:
            continue
        if not isinstance(told, dict) or not told:
            continue
        inside = told
        while random.random() < 0.7:
            deeper = [value for value in inside.values() if isinstance(value, dict) and value]
            if not deeper:
                break
            inside = random.choice(deeper)
        key = random.choice(list(inside))
        if isinstance(inside[key], list) and inside[key] and random.random() < 0.7:
            inside[key][random.randrange(len(inside[key]))] = random.choice(VALUES)
        elif random.random() < 0.2:
            del inside[key]
        else:
            inside[random.choice((key, key, key, random.choice(TEXTS)))] = random.choice(VALUES)
        lines[at] = json.dumps(told).encode()
        if random.random() < 0.1:
            lines[at] = lines[at][:-1] + b"," + lines[at][1:]
    return b"\n".join(lines)


def document(random: Random, seed: Seed) -> bytes:
    """A JSON document of many lines with other values in it."""
    try:
        told = json.loads(seed.data)
    except ValueError:
        return flip(random, seed)
    for _ in range(random.choice((1, 1, 2, 5))):
        inside = told
        while isinstance(inside, (dict, list)) and inside:
            key = random.choice(list(inside)) if isinstance(inside, dict) else random.randrange(len(inside))
            if isinstance(inside[key], (dict, list)) and inside[key] and random.random() < 0.8:
                inside = inside[key]
                continue
            if random.random() < 0.2:
                del inside[key]
            elif isinstance(inside, list) and random.random() < 0.3:
                inside.insert(key, inside[key])
            else:
                same = isinstance(inside[key], int) and random.random() < 0.6
                inside[key] = random.choice((0, 1, 2, 5, -1, 2**31)) if same else random.choice(VALUES)
            break
    return json.dumps(told).encode()


def archive(random: Random, seed: Seed) -> bytes:
    """A ZIP whose members are damaged, missing, huge, doubled, or packed in another way."""
    with zipfile.ZipFile(io.BytesIO(seed.data)) as source:
        members = [(name, source.read(name)) for name in source.namelist()]
    at = random.randrange(len(members))
    name, data = members[at]
    deed = random.randrange(6)
    if deed == 0:
        del members[at]
    elif deed == 1:
        inside = (flip, cut, numbers, words, splice, *((extremes,) * 4 if name.endswith(".bin") else (objects,)))
        members[at] = (name, random.choice(inside)(random, Seed("", "", data or b"x")))
    elif deed == 2:
        members[at] = (name, data[:64] * random.choice((1, 1000, 100_000)))
    elif deed == 3:
        members.insert(at, (random.choice((name, name + "0", "metadata", "analog-1-4-1", CONTROLS)), data))
    elif deed == 4:
        described = ("metadata", "header", "meta.json")
        metadata = [one for one in members if one[0] in described]
        members = [one for one in members if one[0] not in described]
        form = random.choice(("logic-1-{}", "L-0/{}", "digital-{}.bin"))
        members += [(form.format(number), data) for number in random.sample(range(1, 2000), random.choice((3, 500)))]
        members += metadata
    kind = random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2))
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", kind) as made:
        # Two members of one name are intended.
        warnings.simplefilter("ignore")
        for name, data in members:
            made.writestr(zipfile.ZipInfo(name), data, compress_type=kind)
    packed = bytearray(target.getvalue())
    if random.random() < 0.3:
        # The directory lies about sizes and places.
        found = [match.start() for match in re.finditer(b"PK\1\2", packed)]
        entry = random.choice(found)
        lie = random.choice((0, 1, 0xFFFF_FFFE, 1 << 30, len(packed)))
        struct.pack_into("<I", packed, entry + random.choice((20, 24, 42)), lie)
    return bytes(packed)


def blocks(random: Random, seed: Seed) -> bytes:
    """Blocks of pcapng whose lengths lie, or that are repeated."""
    data = bytearray(seed.data)
    starts, at = [], 0
    while at + 8 <= len(data):
        starts.append(at)
        length = struct.unpack_from("<I", data, at + 4)[0]
        at += max(12, length)
    at = random.choice(starts[:10] if random.random() < 0.5 else starts)
    length = struct.unpack_from("<I", data, at + 4)[0]
    deed = random.randrange(3)
    if deed == 0:
        lie = random.choice((0, 8, 12, 13, 0xFFFF_FFFC, 1 << 20, length + 4, length - 4)) & 0xFFFF_FFFF
        struct.pack_into("<I", data, at + 4, lie)
        if random.random() < 0.5 and at + length <= len(data) and length >= 4:
            struct.pack_into("<I", data, at + length - 4, lie)
    elif deed == 1:
        data[at:at] = data[at : at + length] * random.choice((1, 10, 3000))
    else:
        for _ in range(5):
            where = at + 8 + random.randrange(max(1, length - 12))
            if where < len(data):
                data[where] = random.choice((0, 1, 255, 128, random.randrange(256)))
    return bytes(data[:2_000_000])


def extremes(random: Random, seed: Seed) -> bytes:
    """Numbers of four and eight bytes in a binary file are others."""
    data = bytearray(seed.data)
    for _ in range(random.choice((1, 1, 2, 5))):
        form = random.choice("Qqd" + "Ii")
        form = random.choice("<<<>") + form
        size = struct.calcsize(form)
        if len(data) < size:
            break
        # The heads are at the beginning.
        reach = min(len(data), 80) if random.random() < 0.6 else len(data)
        at = random.randrange(reach - size + 1) if random.random() < 0.3 else random.randrange(0, reach - size + 1, 4)
        values: tuple[float, ...] = REALS if form[1] == "d" else WHOLES
        fitting = []
        for value in values:
            try:
                fitting.append(struct.pack(form, value))
            except (struct.error, OverflowError):
                continue
        data[at : at + size] = random.choice(fitting)
    return bytes(data)


def repacked(random: Random, seed: Seed) -> bytes:
    """A gzip file whose content is changed, or that has several members."""
    inside = Seed(seed.kind, Path(seed.name).stem, gzip.decompress(seed.data))
    data = gzip.compress(mutated(random, inside), random.choice((1, 9)), mtime=0)
    return random.choice((data, data, data, data * 2, data + seed.data, data + b"\0" * 1000))


def rows(random: Random, seed: Seed) -> bytes:
    """Results whose values are of other types, or beyond all sense; views and triggers in place of tables."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.sqlite")
        path.write_bytes(seed.data)
        connection = sqlite3.connect(path, isolation_level=None)
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        values = (None, b"\xff" * 10, b"", -1, 2**63 - 1, -(2**63), 1e308, float("inf"), *TEXTS[:14], '{"steps":[1]}')
        for _ in range(random.choice((1, 2, 5))):
            table = random.choice((*tables, "cases", "cases"))
            column = random.choice([row[1] for row in connection.execute(f"PRAGMA table_info({table})")])
            value = random.choice(values)
            value = (
                value.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if isinstance(value, str) else value
            )
            try:
                connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
            except sqlite3.Error:
                connection.execute("PRAGMA user_version = 1")
        if random.random() < 0.2:
            endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS number FROM n"
            table = random.choice(tables)
            statement = random.choice((
                f"DROP TABLE {table}; CREATE VIEW {table} AS {endless}",
                f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN INSERT INTO {table} SELECT * FROM {table}; END",
                f"CREATE VIEW other AS {endless}",
                f"CREATE INDEX one ON {table} ({column})" if table == "cases" else "CREATE TABLE other (x)",
                f"DROP TABLE {table}",
            ))  # fmt: skip
            try:
                connection.executescript(statement)
            except sqlite3.Error:
                connection.execute("CREATE TABLE other (x)")
        connection.close()
        return path.read_bytes()


def checked(random: Random, seed: Seed) -> bytes:
    """A corpus entry whose content is another one, under a checksum that is right."""
    text = objects(random, Seed("", "", seed.data[9:]))
    return b"%08x %b" % (zlib.crc32(text), text)


ANY: tuple[Mutation, ...] = (flip, cut, splice, insert)
TEXT: tuple[Mutation, ...] = (numbers, strings, words)
BY_ENDING: dict[str, tuple[Mutation, ...]] = {
    ".lmx": (objects, objects, objects, *TEXT),
    ".jsonl": (objects, objects, *TEXT),
    ".json": (document, document, document, *TEXT),
    ".sr": (archive, archive, archive, archive),
    ".pcapng": (blocks, blocks, blocks),
    ".sal": (archive, archive, archive, archive),
    ".dsl": (archive, archive, archive, archive),
    ".bin": (extremes, extremes, extremes, extremes),
    ".pcap": (extremes, extremes, extremes),
    ".gz": (repacked, repacked, repacked, repacked),
    ".csv": TEXT,
    ".sqlite": (rows, rows, rows, rows),
    ".toml": (*TEXT, numbers, strings),
    ".vcd": TEXT,
    ".txt": TEXT,
    "": (checked, checked),
}


def mutated(random: Random, seed: Seed) -> bytes:
    """A hostile file: one to three mutations of a valid one."""
    ending = Path(seed.name).suffix
    structured = BY_ENDING.get(ending, ())
    data = seed.data
    for round_ in range(random.choice((1, 1, 2, 3))):
        pool = (*ANY, *structured) if round_ == 0 else (*ANY, *(one for one in structured if one in TEXT))
        if data:
            data = random.choice(pool)(random, Seed(seed.kind, seed.name, data))
    return data[:MAX_SIZE]


def _replaced(random: Random, seed: Seed, places: list[re.Match[bytes]], new: Callable[[], bytes]) -> bytes:
    if not places:
        return flip(random, seed)
    # The beginning of a file says most about it.
    first = places[:40] if random.random() < 0.5 else places
    chosen = sorted(random.sample(first, min(len(first), random.choice((1, 1, 2, 5)))), key=lambda match: match.start())
    parts, at = [], 0
    for place in chosen:
        parts += [seed.data[at : place.start()], new()]
        at = place.end()
    return b"".join([*parts, seed.data[at:]])
