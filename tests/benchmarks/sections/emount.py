"""The E-mount's own messages: what the dialect declares, read and built by us and by construct itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.emount_traffic import LOOP_CLASS, Interpreted, LoopFrame, loop_frames
from benchmarks.harness import Candidate, Settings, Table, cpu_per_item, each
from benchmarks.ours import emount_parser
from benchmarks.tables import OURS, rows_of
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.payload import build_payload

FRAMES = 2_000
CONSTRUCT = "construct interpreted"


@dataclass(frozen=True)
class _Ways:
    interpreted: Interpreted

    def parse_candidates(self, frames: Sequence[LoopFrame]) -> list[Candidate]:
        ours = emount_parser()
        theirs = self.interpreted.parse
        return [
            Candidate(OURS, each(lambda frame: ours(frame.sender, frame.raw)), frames),
            Candidate(CONSTRUCT, each(lambda frame: theirs(frame.sender, frame.raw)), frames),
        ]

    def build_candidates(self, frames: Sequence[LoopFrame]) -> list[Candidate]:
        frame_of, theirs = EMOUNT.build_frame, self.interpreted.build
        return [
            Candidate(
                OURS, each(lambda frame: frame_of(build_payload(frame.messages), LOOP_CLASS, frame.sequence)), frames
            ),
            Candidate(CONSTRUCT, each(lambda frame: theirs(frame.sequence, frame.messages)), frames),
        ]


def emount(settings: Settings) -> list[Table]:
    """Loop frames, both ways."""
    frames = loop_frames(settings.count(FRAMES, 50), settings.random())
    ways = _Ways(Interpreted())
    _check(ways.interpreted, frames[:50])
    parsed = cpu_per_item(ways.parse_candidates(frames), settings)
    built = cpu_per_item(ways.build_candidates(frames), settings)
    note = f"{sum(len(frame.raw) for frame in frames) / len(frames):.0f} bytes a frame on average"
    return [
        Table("emount", "parse, E-mount loop frames", "frames/s", CONSTRUCT, rows_of(parsed, CONSTRUCT), [note]),
        Table("emount", "build, E-mount loop frames", "frames/s", CONSTRUCT, rows_of(built, CONSTRUCT), [note]),
    ]


def _check(interpreted: Interpreted, frames: Sequence[LoopFrame]) -> None:
    parse = emount_parser()
    for frame in frames:
        messages = parse(frame.sender, frame.raw)
        assert messages == frame.messages, f"{messages} is not {frame.messages}"
        assert interpreted.build(frame.sequence, frame.messages) == frame.raw
        for message, read in zip(messages, interpreted.parse(frame.sender, frame.raw), strict=True):
            values = message.values()
            assert all(values[name] == value for name, value in read.items() if not name.startswith("_"))
