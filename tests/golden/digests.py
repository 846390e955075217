"""Digests of the golden cases: computed, compared with `digests.json`, and written.

Each case has four values:

- `file`: SHA-256 of the whole `.lmx` file, its header line included.
- `records`: SHA-256 of the same without the header line.
- `wire`: SHA-256 of the bytes and edges alone, in a text form that belongs to this module and to no file format.
- `result`: the result of the case in one line.

A rename or refactoring changes none of them. Some changes are allowed to change some:

| change | `file` | `records` | `wire` | `result` |
|---|---|---|---|---|
| a header key, a script verb, a fault name, the version of the format | may change | equal | equal | equal |
| the form of a record line, the text of a remark | may change | may change | equal | equal |
| the behaviour of an engine, fault, model or mount | may change | may change | may change | may change |

After an allowed change `make golden GOLDEN=--write` lists each value that changes and writes the new ones. The list
belongs in the description of the change.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from golden.sessions import Recorded, run_case
from lensmount_protocol.wire import Burst, Edge, WireRecord

HERE = Path(__file__).parent
CASES = HERE / "cases.json"
DIGESTS = HERE / "digests.json"

VALUES = ("file", "records", "wire", "result")

Digest = Mapping[str, str]


def read_cases() -> list[dict[str, Any]]:
    """The cases in their order.

    Raises:
        ValueError: two cases have the same id.
    """
    cases: list[dict[str, Any]] = json.loads(CASES.read_text(encoding="utf-8"))
    ids = [case["id"] for case in cases]
    if len(set(ids)) != len(ids):
        raise ValueError(f"{CASES.name}: two cases have the same id")
    return cases


def read_digests() -> dict[str, Digest]:
    """The frozen digests by the id of their case."""
    digests: dict[str, Digest] = json.loads(DIGESTS.read_text(encoding="utf-8"))
    return digests


def write_digests(digests: Mapping[str, Digest]) -> None:
    """Write the frozen digests, one case a line, in the order in which they are given."""
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(digest)}" for name, digest in digests.items())
    DIGESTS.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def compute(cases: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Digest]]:
    """The id and the digest of each case, as it runs."""
    for case in cases:
        yield case["id"], digest_of(run_case(case))


def digest_of(recorded: Recorded) -> Digest:
    """The four values of a recording."""
    _, _, records = recorded.file.partition(b"\n")
    return {
        "file": _sha256(recorded.file),
        "records": _sha256(records),
        "wire": _sha256(wire_text(recorded.records).encode()),
        "result": recorded.result,
    }


def wire_text(records: Sequence[WireRecord]) -> str:
    """Bytes and edges, one a line, with exact times in seconds."""
    lines = list[str]()
    for record in records:
        if isinstance(record, Burst):
            data = record.data.hex()
            lines.append(f"{record.at!r} {record.sender.value} {record.baudrate} {data} {record.end!r}\n")
        elif isinstance(record, Edge):
            lines.append(f"{record.at!r} {record.line} {int(record.level)}\n")
    return "".join(lines)


def changes(frozen: Mapping[str, Digest], name: str, digest: Digest) -> list[str]:
    """The differences of a case from its frozen digest, one line each."""
    if name not in frozen:
        return [f"{name}: no frozen digest"]
    before = frozen[name]
    return [
        f"{name}: {value}: {before.get(value, 'missing')} -> {digest[value]}"
        for value in VALUES
        if before.get(value) != digest[value]
    ]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
