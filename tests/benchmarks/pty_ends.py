"""What both ends of the pty measurement do with bytes: nothing, or a codec's whole work."""

from collections.abc import Callable, Iterable
from importlib import import_module
from random import Random

from benchmarks.codec import Codec
from benchmarks.workload import build, exchange

REPLY_SIZE = 33
REQUEST_SIZE = 14
SEED = 1


def answering(way: str) -> Callable[[bytes], Iterable[bytes]]:
    """Bytes in, replies out."""
    _, reply = exchange(Random(SEED))
    if way == "bytes":
        return _Counting(REQUEST_SIZE, build(reply)).answer
    codec = codec_of(way)
    assert codec.stream is not None
    assert codec.build is not None
    assert codec.messages is not None
    feed, frame, messages = codec.stream().feed, codec.build, codec.messages(reply)
    return lambda data: [frame(reply[0], reply[1], messages) for _ in feed(data)]


def asking(way: str) -> tuple[Callable[[], bytes], Callable[[bytes], int]]:
    """What makes a request, and what takes bytes and tells how many replies they completed."""
    request, _ = exchange(Random(SEED))
    if way == "bytes":
        whole = build(request)
        counting = _Counting(REPLY_SIZE, b"")
        return (lambda: whole), lambda data: len(counting.answer(data))
    codec = codec_of(way)
    assert codec.stream is not None
    assert codec.build is not None
    assert codec.messages is not None
    feed, frame, messages = codec.stream().feed, codec.build, codec.messages(request)
    return (lambda: frame(request[0], request[1], messages)), lambda data: len(feed(data))


def codec_of(way: str) -> Codec:
    """Ours, or the one that is construct throughout."""
    codec: Codec
    if way == "ours":
        codec = import_module("benchmarks.ours").CODEC
    else:
        codec = import_module("benchmarks.peers.bench_construct").INTERPRETED
    return codec


class _Counting:
    def __init__(self, size: int, answer: bytes) -> None:
        self._size = size
        self._answer = answer
        self._waiting = 0

    def answer(self, data: bytes) -> list[bytes]:
        """One answer for every so many bytes."""
        complete, self._waiting = divmod(self._waiting + len(data), self._size)
        return [self._answer] * complete
