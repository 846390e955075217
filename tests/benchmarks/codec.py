"""What the comparisons ask of a codec, whoever wrote it, and the checks that make its figures worth something."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.workload import Plain, Workload


class Stream(Protocol):
    """Finds frames in chunks of bytes and reads them."""

    def feed(self, chunk: bytes) -> Sequence[Any]:
        """Take bytes; give the frames that they complete, as the codec's `parse` gives them."""
        ...


@dataclass(frozen=True)
class Codec:
    """One way of reading and building frames.

    Attributes:
        name: as tables show it.
        parse: a whole frame to typed messages; checks start, length, sum and end.
        plain: what `parse` gave, as the workload tells it.
        build: class, sequence and messages to a frame.
        messages: what `build` wants of a frame of the workload.
        stream: makes a reader of streams.
        note: what is special about it.
    """

    name: str
    parse: Callable[[bytes], Any]
    plain: Callable[[Any], Plain]
    build: Callable[[int, int, Any], bytes] | None = None
    messages: Callable[[Plain], Any] | None = None
    stream: Callable[[], Stream] | None = None
    note: str = ""

    def prepared(self, said: Sequence[Plain]) -> list[tuple[int, int, Any]]:
        """The arguments of `build` for each of these frames."""
        assert self.messages is not None
        return [(frame[0], frame[1], self.messages(frame)) for frame in said]

    def check(self, work: Workload, count: int) -> None:
        """Hold the codec to the workload before anything is measured.

        Raises:
            AssertionError: it reads or builds something else, or takes a damaged frame.
        """
        for said, frame in zip(work.said[:count], work.frames[:count], strict=True):
            read = self.plain(self.parse(frame))
            assert read == said, f"{self.name} reads {read}, not {said}"
            if self.build is not None and self.messages is not None:
                built = self.build(said[0], said[1], self.messages(said))
                assert built == frame, f"{self.name} builds {built.hex()}, not {frame.hex()}"
        damaged = bytearray(work.frames[0])
        damaged[6] ^= 0x10
        try:
            self.parse(bytes(damaged))
        except Exception:
            return
        raise AssertionError(f"{self.name} takes a frame whose sum is wrong")


def parsing(codec: Codec) -> Callable[[Sequence[bytes]], None]:
    """Work that reads every frame."""
    parse = codec.parse

    def work(frames: Sequence[bytes]) -> None:
        for frame in frames:
            parse(frame)

    return work


def building(codec: Codec) -> Callable[[Sequence[tuple[int, int, Any]]], None]:
    """Work that builds every frame."""
    assert codec.build is not None
    build = codec.build

    def work(frames: Sequence[tuple[int, int, Any]]) -> None:
        for class_, sequence, messages in frames:
            build(class_, sequence, messages)

    return work
