"""The process in which atheris feeds a dialect's parsers: `python -m lensmount_emulator.fuzz.coverage_target`.

It is a separate process because libFuzzer never returns, and because code is instrumented during its import: no module
of lensmount may be imported before. Arguments: the dialect, a file for problems, and the options of libFuzzer.
"""

import json
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from random import Random
from typing import Any

INSTRUMENTED_PACKAGE = "lensmount_protocol"
"""Packages to instrument, beside the package of the dialect."""

UNCHANGED_SHARE = 0.4
"""Share of changes that libFuzzer makes by itself, regardless of frames."""

EXTRA_FRAME_SHARE = 0.3
"""Share of the others that add a frame; the rest change the content of one."""


def main(dialect_name: str, findings: Path, options: list[str]) -> None:
    """Run parsers until libFuzzer ends; does not return."""
    atheris: Any = import_module("atheris")
    # Modules that are imported later, when a message first appears, are instrumented as well.
    packages = [entry.module.partition(".")[0] for entry in entry_points(group="lensmount.dialects", name=dialect_name)]
    with atheris.instrument_imports(include=[INSTRUMENTED_PACKAGE, *packages]):
        dialect = import_module("lensmount_protocol.dialect").load_dialect(dialect_name)
        atheris.Setup([sys.argv[0], *options], _target(dialect, findings), custom_mutator=_mutator(dialect, atheris))
        atheris.Fuzz()


def _target(dialect: Any, findings: Path) -> Any:
    """Return the target of libFuzzer; it writes each problem once, and the run continues."""
    inputs: Any = import_module("lensmount_emulator.fuzz.random_inputs")
    parser: Any = import_module("lensmount_emulator.fuzz.parser_fuzzer")
    seen = set[str]()

    def target(data: bytes) -> None:
        given = inputs.input_from_bytes(data)
        wrong = parser.try_input(dialect, given)
        kind = parser.problem_kind(wrong)
        if wrong and kind not in seen:
            seen.add(kind)
            with findings.open("a") as file:
                file.write(json.dumps(parser.shrink_input(dialect, given).to_dict()) + "\n")

    return target


def _mutator(dialect: Any, atheris: Any) -> Any:
    """Return the mutator: it changes bytes as libFuzzer does, inside a frame with a valid envelope, or adds a frame."""
    inputs: Any = import_module("lensmount_emulator.fuzz.random_inputs")
    frames_in: Any = import_module("lensmount_emulator.fuzz.parser_fuzzer").frames_in
    any_frame: Any = import_module("lensmount_emulator.fuzz.random_inputs").random_frame
    around = len(dialect.build_frame(b"", 1, 0))

    def mutator(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        try:
            changed = changed_frames(data, random) if random.random() > UNCHANGED_SHARE else atheris.Mutate(data, most)
        except Exception:
            # The target reports a format that cannot split these bytes, not the mutator.
            changed = atheris.Mutate(data, most)
        return bytes(changed[:most])

    def changed_frames(data: bytes, random: Random) -> bytes:
        given = inputs.input_from_bytes(data)
        frame_format = dialect.formats[given.sender]
        places = list(frames_in(frame_format, given))
        if not places or random.random() < EXTRA_FRAME_SHARE:
            more: bytes = any_frame(random, dialect, given.sender)
            return data.ljust(2, b"\0") + more
        begin, stop = random.choice(places)
        frame = frame_format.parse_header(given.data[begin:stop], 0)
        payload = atheris.Mutate(frame.payload, frame_format.max_size - around)
        built: bytes = dialect.build_frame(payload, frame.class_, frame.sequence)
        return data[: 2 + begin] + built + data[2 + stop :]

    return mutator


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
