"""Makes the ledger: every field of the chosen ends, with what it is known as and its ranked hypotheses."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lensmount_emulator.fidelity.ledger.hypotheses import Columns, Hypothesis, rank_hypotheses
from lensmount_emulator.fidelity.ledger.labels import Label
from lensmount_emulator.fidelity.ledger.series import MessageSeries, collect_series
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.message import FieldSpec
from lensmount_protocol.wire import Role

MAX_HYPOTHESES = 5


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One field, or one byte of it, with its evidence.

    Attributes:
        name: `Message.field`, or `Message.field[place]`.
        sender: the end that sends it.
        seen: frames in which it was seen.
        values: different values.
        meaning: the meaning of the field in the dialect.
        unknown: whether the dialect does not know its meaning.
        hypotheses: the best first; empty where none is right often enough.
    """

    name: str
    sender: Role
    seen: int
    values: int
    meaning: str
    unknown: bool
    hypotheses: list[Hypothesis]

    def as_dict(self) -> dict[str, Any]:
        """The entry as JSON data."""
        return {
            "sender": self.sender.value,
            "seen": self.seen,
            "values": self.values,
            "meaning": self.meaning,
            "unknown": self.unknown,
            "hypotheses": [one.as_dict() for one in self.hypotheses],
        }


def make_ledger(
    captures: Sequence[Iterable[DecodedFrame]],
    dialect: Dialect,
    *,
    roles: Sequence[Role] = (Role.LENS,),
    labels: Sequence[Label] = (),
) -> list[LedgerEntry]:
    """Make the ledger of captures.

    Args:
        captures: the frames of each capture, of both ends.
        dialect: their dialect.
        roles: the ends with the fields of interest.
        labels: what the user did, in the clock of the captures.

    Raises:
        CaptureError: the captures hold no frame of these ends, or have no times for the labels.
    """
    series = collect_series(captures)
    chosen = [one for one in series if one.sender in roles]
    if not chosen:
        ends = " or the ".join(role.value for role in roles)
        raise CaptureError(f"the captures hold no frame of the {ends}, so there is no field to look at")
    if labels and not any(at is not None for one in chosen for at in one.times):
        raise CaptureError("the captures have no times, so labels cannot be placed in them; leave the labels out")
    for label in labels:
        if not any(label.covers(at) for one in series for at in one.times):
            first, last = _span(series)
            raise CaptureError(
                f"label {label.text!r} at {label.begin:g} s is outside of the captures, which last from {first:g} s to "
                f"{last:g} s of their clock"
            )
    return [entry for one in sorted(chosen, key=lambda one: one.message) for entry in _entries(one, dialect, labels)]


def _span(series: Sequence[MessageSeries]) -> tuple[float, float]:
    times = [at for one in series for at in one.times if at is not None]
    return min(times), max(times)


def _entries(series: MessageSeries, dialect: Dialect, labels: Sequence[Label]) -> Iterator[LedgerEntry]:
    specs = _specs(series, dialect)
    explained: dict[str, bool] = {}
    columns = Columns(series)
    for name, column in series.fields.items():
        base, _, place = name.partition("[")
        different = len(set(column) - {None})
        if place and (different < 2 or explained.get(base)):
            # The whole field covers it already.
            continue
        spec = specs.get(base)
        meaning = "" if spec is None else spec.meaning
        unknown = spec is None or "unknown" in spec.meaning or spec.name.startswith("unknown")
        hypotheses = rank_hypotheses(columns, name, labels)[:MAX_HYPOTHESES]
        explained[name] = bool(hypotheses) and hypotheses[0].merit >= EXPLAINED
        seen = sum(value is not None for value in column)
        yield LedgerEntry(f"{series.message}.{name}", series.sender, seen, different, meaning, unknown, hypotheses)


EXPLAINED = 0.9
"""Merit of a hypothesis about a field of bytes from which its single bytes are not listed."""


def _specs(series: MessageSeries, dialect: Dialect) -> dict[str, FieldSpec]:
    cls = next(
        (
            cls
            for (role, _), cls in dialect.messages.items()
            if role is series.sender and cls.__name__ == series.message
        ),
        None,
    )
    return {} if cls is None else {spec.name: spec for spec in cls.FIELDS}
