"""The process in which atheris feeds a dialect's readers: `python -m lensmount_emulator.fuzz.guided_target`.

It is a process of its own because libFuzzer never gives one back, and because code is instrumented as it is imported:
nothing of the house may be imported before. Arguments: the dialect, a file to write what is wrong to, and libFuzzer's.
"""

import json
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from random import Random
from typing import Any

WATCHED = "lensmount_protocol"
"""Whose branches guide, beside those of the package that the dialect is from."""

AS_THEY_ARE = 0.4
"""Share of changes that libFuzzer makes by itself, with no regard to frames."""

ONE_MORE = 0.3
"""Share of the others that add a frame; the rest change what one says."""


def main(dialect_name: str, findings: Path, options: list[str]) -> None:
    """Feed readers until libFuzzer has enough of it; does not return."""
    atheris: Any = import_module("atheris")
    # What is imported later on, when a message turns up for the first time, is watched as well.
    packages = [entry.module.partition(".")[0] for entry in entry_points(group="lensmount.dialects", name=dialect_name)]
    with atheris.instrument_imports(include=[WATCHED, *packages]):
        dialect = import_module("lensmount_protocol.registry").load_dialect(dialect_name)
        atheris.Setup([sys.argv[0], *options], _target(dialect, findings), custom_mutator=_mutator(dialect, atheris))
        atheris.Fuzz()


def _target(dialect: Any, findings: Path) -> Any:
    """What takes bytes; what is wrong with them is written down once, and the run goes on."""
    inputs: Any = import_module("lensmount_emulator.fuzz.inputs")
    parser: Any = import_module("lensmount_emulator.fuzz.parser")
    seen = set[str]()

    def target(data: bytes) -> None:
        given = inputs.as_input(data)
        wrong = parser.attempt(dialect, given)
        kind = parser.kind_of(wrong)
        if wrong and kind not in seen:
            seen.add(kind)
            with findings.open("a") as file:
                file.write(json.dumps(parser.shortest(dialect, given).entry()) + "\n")

    return target


def _mutator(dialect: Any, atheris: Any) -> Any:
    """What changes bytes: as libFuzzer would, inside a frame whose envelope stays right, or by one frame more."""
    inputs: Any = import_module("lensmount_emulator.fuzz.inputs")
    frames_in: Any = import_module("lensmount_emulator.fuzz.parser").frames_in
    any_frame: Any = import_module("lensmount_emulator.fuzz.chance").any_frame
    around = len(dialect.build_frame(b"", 1, 0))

    def mutator(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        try:
            changed = changed_frames(data, random) if random.random() > AS_THEY_ARE else atheris.Mutate(data, most)
        except Exception:
            # A format that cannot even take these bytes apart is found by the target, not here.
            changed = atheris.Mutate(data, most)
        return bytes(changed[:most])

    def changed_frames(data: bytes, random: Random) -> bytes:
        given = inputs.as_input(data)
        frame_format = dialect.formats[given.sender]
        places = list(frames_in(frame_format, given))
        if not places or random.random() < ONE_MORE:
            more: bytes = any_frame(random, dialect, given.sender)
            return data.ljust(2, b"\0") + more
        begin, stop = random.choice(places)
        frame = frame_format.open(given.data[begin:stop], 0)
        payload = atheris.Mutate(frame.payload, frame_format.largest - around)
        built: bytes = dialect.build_frame(payload, frame.class_, frame.sequence)
        return data[: 2 + begin] + built + data[2 + stop :]

    return mutator


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
