"""Holds the independent decoder against ours on the recordings of a matrix: `make independent-decoder` runs all of it.

The one reads each end's bytes as a stream, from the specification's text alone; the other is what everything here uses.
"""

import argparse
import importlib.util
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from lensmount_emulator.campaign.planner import plan_matrix
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.describe import to_json_values
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Role, WireRecord

HERE = Path(__file__).parent
CATALOGUE = HERE.parents[2] / "protocol" / "spec" / "lmount-messages.md"


@dataclass
class Comparison:
    """Counts over recordings.

    Attributes:
        sessions: how many were compared.
        messages: how many messages both read.
        differing: how many they read differently, or only one of them read.
        first: the first difference, in words.
    """

    sessions: int = 0
    messages: int = 0
    differing: int = 0
    first: str = ""

    def add(self, name: str, records: list[WireRecord], independent: Any) -> None:
        """Compare one session's recording."""
        self.sessions += 1
        events = list(Decoder(load_dialect("lmount")).decode(records))
        for role in Role:
            bursts = sorted(
                (r for r in records if isinstance(r, Burst) and r.sender is role), key=lambda r: r.at or 0.0
            )
            frames, lost = independent.stream(b"".join(burst.data for burst in bursts))
            theirs = [(kind, plain(values)) for frame in frames for kind, values in frame]
            ours = [
                (type(message).__name__, to_json_values(message))
                for event in events
                if isinstance(event, DecodedFrame) and event.sender is role
                for message in event.messages
            ]
            unequal = sum(one != other for one, other in zip(ours, theirs, strict=False))
            unequal += abs(len(ours) - len(theirs)) + lost
            self.messages += len(ours)
            self.differing += unequal
            if unequal and not self.first:
                self.first = f"{name}, the {role.value}: {len(ours)} against {len(theirs)} messages, {lost} bytes lost"


def independent_decoder() -> Any:
    """The decoder that imports nothing of the project."""
    spec = importlib.util.spec_from_file_location("lmount_decoder", HERE / "lmount_decoder.py")
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Decoder(CATALOGUE)


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: plain(inside) for name, inside in value.items()}
    return [plain(inside) for inside in value] if isinstance(value, list) else value


def compare(every: int) -> Iterator[Comparison]:
    """Compare every so-manyth cell of the whole matrix; gives the counts so far behind each."""
    counts, independent = Comparison(), independent_decoder()
    planned = plan_matrix("lmount")
    profiles = planned.run_cell.profiles
    for cell in planned.combinations[::every]:
        between = [profiles[name] for name in cell.accessories]
        session = run_loopback(profiles[cell.body], profiles[cell.lens], accessories=between, script="check all")
        counts.add(f"{cell.body} and {cell.lens}", session.records, independent)
        yield counts


def main() -> int:
    """Compare, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only each so-manyth cell (default: %(default)s)")
    counts = Comparison()
    shown = sys.stderr if sys.stderr.isatty() else io.StringIO()
    for counts in compare(parser.parse_args().every):
        shown.write(f"\r{counts.sessions} sessions, {counts.messages} messages")
    print(f"\n{counts.sessions} sessions, {counts.messages} messages, {counts.differing} differ {counts.first}")
    return 1 if counts.differing else 0


if __name__ == "__main__":
    sys.exit(main())
