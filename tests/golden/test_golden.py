"""A fixed share of the golden recordings and all snapshots; `make golden` runs all of both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.digests import VALUES, changes, compute, digest_of, read_cases, read_digests
from golden.sessions import Recorded, run_case
from golden.snapshots import Commands, Snapshot, equal, read_commands, run, take, workspace
from lensmount_emulator.cli.verbs import VERBS
from lensmount_protocol.wire import Burst, Edge, Role

EVERY = 7
"""Every so many cases one is run. It has no factor in common with the periods in which the cases vary."""

CASES = read_cases()
SNAPSHOTS = read_commands().snapshots


def test_enough_cases_are_frozen() -> None:
    kinds = [case["kind"] for case in CASES]
    assert kinds.count("loopback") >= 220
    assert kinds.count("campaign") >= 50
    assert kinds.count("scenario") + kinds.count("random scenario") >= 50
    digests = read_digests()
    assert list(digests) == [case["id"] for case in CASES]
    assert all(tuple(digest) == VALUES for digest in digests.values())
    # Cases that record the same freeze nothing twice.
    assert len({digest["wire"] for digest in digests.values()}) > 0.9 * len(CASES)


@pytest.mark.parametrize("case", CASES[::EVERY], ids=lambda case: case["id"])
def test_recording_equals_the_frozen_one(case: dict[str, object]) -> None:
    frozen = read_digests()
    for name, digest in compute([case]):
        assert changes(frozen, name, digest) == []


def test_any_change_of_a_recording_changes_its_digest() -> None:
    case = CASES[0]
    recorded = run_case(case)
    digest = digest_of(recorded)
    name = str(case["id"])
    assert changes({name: digest}, name, digest) == []
    assert changes({}, name, digest) == [f"{name}: no frozen digest"]
    at = next(place for place, record in enumerate(recorded.records) if isinstance(record, Burst))
    burst = recorded.records[at]
    assert isinstance(burst, Burst)
    other = Burst(burst.at, burst.sender, bytes([burst.data[0] ^ 1]) + burst.data[1:], burst.baudrate, burst.end)
    records = [*recorded.records[:at], other, *recorded.records[at + 1 :]]
    assert digest_of(Recorded(recorded.file, records, recorded.result))["wire"] != digest["wire"]
    # A new header changes the file and nothing else.
    header, _, rest = recorded.file.partition(b"\n")
    bumped = Recorded(header.replace(b'"version":', b'"version":1') + b"\n" + rest, recorded.records, recorded.result)
    assert [line.split(": ")[1] for line in changes({name: digest}, name, digest_of(bumped))] == ["file"]


def test_wire_digest_tells_times_senders_and_levels_apart() -> None:
    records = (
        Burst(1.0, Role.BODY, b"a", 750000, 2.0),
        Burst(1.5, Role.BODY, b"a", 750000, 2.0),
        Burst(1.0, Role.LENS, b"a", 750000, 2.0),
        Burst(1.0, Role.BODY, b"a", 1500000, 2.0),
        Burst(1.0, Role.BODY, b"a", 750000, 2.5),
        Edge(1.0, "VD", True),
        Edge(1.0, "VD", False),
        Edge(1.0, "VCC", True),
    )
    assert len({digest_of(Recorded(b"", [record], ""))["wire"] for record in records}) == len(records)


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with workspace(tmp_path_factory.mktemp("golden")) as prepared:
        yield prepared


@pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=lambda snapshot: snapshot.name)
def test_output_equals_its_snapshot(commands: Commands, snapshot: Snapshot) -> None:
    now = take(snapshot)
    assert equal(snapshot, snapshot.path.read_text(encoding="utf-8"), now), now


def test_every_verb_and_every_snapshot_is_declared() -> None:
    names = {snapshot.path.name for snapshot in SNAPSHOTS}
    assert {f"help-{verb}.txt" for verb in VERBS} < names
    assert {path.name for path in (Path(__file__).parent / "snapshots").iterdir()} == names


def test_recording_of_the_command_line_equals_that_of_the_library(commands: Commands) -> None:
    case = CASES[0]
    words = ["loopback", "--body", case["body"], "--lens", case["lens"], "--do", case["script"]]
    words += [] if case["seed"] is None else ["--seed", str(case["seed"])]
    code, _, errors = run([*words, "--record", "case.lmx", "--quiet", "--force"])
    assert (code, errors) == (0, "")
    assert Path("case.lmx").read_bytes() == run_case(case).file
