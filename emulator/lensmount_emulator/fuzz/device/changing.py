"""Cases that have shown something new, changed: other steps, other times, other bytes."""

from collections.abc import Callable, Sequence
from random import Random

from lensmount_emulator.faults.frames import frame_size
from lensmount_emulator.fuzz.device.making import SEQUENCES, Maker, Steps, wait
from lensmount_emulator.proofs.differential import mutated

LONGEST_STEPS = 10


def changed(maker: Maker, random: Random, corpus: Sequence[Steps]) -> Steps:
    """A case of the corpus, changed in one to three places."""
    steps = list(random.choice(corpus))
    for _ in range(random.choice((1, 1, 2, 3))):
        steps = random.choice(CHANGES)(maker, random, steps, corpus)
    return tuple(steps[:LONGEST_STEPS]) or maker.fresh(random)


Change = Callable[[Maker, Random, list[str], Sequence[Steps]], list[str]]


def _without(_maker: Maker, random: Random, steps: list[str], _corpus: Sequence[Steps]) -> list[str]:
    at = random.randrange(len(steps))
    return [*steps[:at], *steps[at + 1 :]] or steps


def _twice(_maker: Maker, random: Random, steps: list[str], _corpus: Sequence[Steps]) -> list[str]:
    at = random.randrange(len(steps))
    return [*steps[: at + 1], *steps[at:]]


def _more(maker: Maker, random: Random, steps: list[str], _corpus: Sequence[Steps]) -> list[str]:
    at = random.randrange(len(steps) + 1)
    return [*steps[:at], *maker.fresh(random), *steps[at:]]


def _spliced(_maker: Maker, random: Random, steps: list[str], corpus: Sequence[Steps]) -> list[str]:
    other = random.choice(corpus)
    return [*steps[: random.randint(1, len(steps))], *other[random.randrange(len(other)) :]]


def _other_time(_maker: Maker, random: Random, steps: list[str], _corpus: Sequence[Steps]) -> list[str]:
    at = random.randrange(len(steps))
    return [*steps[:at], wait(random), *steps[at + steps[at].startswith("wait ") :]]


def _other_bytes(maker: Maker, random: Random, steps: list[str], _corpus: Sequence[Steps]) -> list[str]:
    """What is sent, hurt; or, where it is a whole frame, another payload or number in a right envelope."""
    sends = [at for at, step in enumerate(steps) if step.startswith("send ")]
    if not sends:
        return steps
    at = random.choice(sends)
    data = bytes.fromhex(steps[at].split()[2])
    frame_format = maker.dialect.formats[maker.role]
    whole = len(data) > 0 and frame_size(data, frame_format) == len(data) and frame_format.judge(data) is None
    if random.random() < 0.6 and whole:
        frame = frame_format.open(data, 0)
        payload = (
            frame.payload[:1] + mutated(frame.payload[1:] or b"\0", random) if random.random() < 0.7 else frame.payload
        )
        data = maker.dialect.build_frame(
            payload[: frame_format.largest - 16], frame.class_, random.choice((*SEQUENCES, frame.sequence))
        )
    else:
        data = mutated(data, random)
    return [*steps[:at], maker.send(data), *steps[at + 1 :]]


CHANGES: tuple[Change, ...] = (_without, _twice, _more, _spliced, _other_time, _other_bytes, _other_bytes)
"""What is done to a case of the corpus."""
