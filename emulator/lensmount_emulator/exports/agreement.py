"""Agreement of decoders: one corpus of frames, valid and damaged, decoded by every export that can run here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from lensmount_emulator.exports.canonical import CanonicalWriter
from lensmount_emulator.exports.units_schema import AnySchema
from lensmount_emulator.exports.vectors import NOTHING, CorpusGenerator, plain_events
from lensmount_emulator.verification.codec_equivalence import ReferenceParser
from lensmount_protocol.errors import DialectError
from lensmount_protocol.framer import Frame
from lensmount_protocol.wire import Role

MAX_SHOWN = 5
"""Disagreements of a decoder that are kept in full; later ones are only counted."""


class DecoderUnavailable(Exception):  # noqa: N818  (it is a result: the decoder's tool is missing here)
    """A decoder cannot run here; its text is the reason."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a corpus: bytes of a sender, and what construct decodes them to."""

    sender: Role
    data: bytes
    expected: str


DecodeEntries = Callable[[AnySchema, list[Entry], Path], list[str | None]]
"""Decodes a corpus in a working folder: a text for each entry, `None` where the decoder makes no statement.

Raises `DecoderUnavailable` where it cannot run, and `DialectError` where its export refuses the dialect.
"""


@dataclass(slots=True)
class DecoderResult:
    """How one decoder did.

    Attributes:
        name: the decoder.
        compared: entries on which it made a statement.
        agreed: entries on which it agrees with construct.
        shown: the first disagreements, one line each.
        unavailable: why it did not run; `""` where it did.
        refused: why the export refuses the dialect, so that there is no decoder; `""` where there is one.
    """

    name: str
    compared: int = 0
    agreed: int = 0
    shown: list[str] = field(default_factory=lambda: list[str]())
    unavailable: str = ""
    refused: str = ""

    @property
    def passed(self) -> bool:
        """Whether it agrees on every entry; a decoder that compared nothing does not."""
        return 0 < self.compared == self.agreed


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of every decoder of a dialect.

    Attributes:
        dialect: the dialect's name.
        entries: entries of the corpus.
        valid: entries with a valid frame of which every message has a type.
        partly: entries with a valid frame of which a message has none.
        damaged: entries without a valid frame.
        decoders: the results.
    """

    dialect: str
    entries: int
    valid: int
    partly: int
    damaged: int
    decoders: list[DecoderResult]

    @property
    def passed(self) -> bool:
        """Whether all that ran agree with construct, something was compared, and no export refuses the dialect."""
        ran = [one for one in self.decoders if not one.unavailable]
        return self.entries > 0 and bool(ran) and all(one.passed for one in ran)

    def document(self) -> dict[str, object]:
        """The result as JSON holds it."""
        return {
            "dialect": self.dialect,
            "entries": self.entries,
            "valid": self.valid,
            "partly": self.partly,
            "damaged": self.damaged,
            "passed": self.passed,
            "decoders": [
                {
                    "name": one.name,
                    "compared": one.compared,
                    "agreed": one.agreed,
                    "unavailable": one.unavailable or None,
                    "refused": one.refused or None,
                    "shown": one.shown,
                }
                for one in self.decoders
            ],
        }

    def lines(self) -> Iterable[str]:
        """The table, for a terminal."""
        kinds = (
            f"{self.valid} valid, {self.partly} valid with a message of no type, {self.damaged} without a valid frame"
        )
        yield f"{self.dialect}: {self.entries} entries: {kinds}"
        for one in self.decoders:
            missing = f"skipped: {one.unavailable}" if one.unavailable else f"refused: {one.refused}"
            if one.unavailable or one.refused:
                yield f"  {one.name:<12} {missing}"
                continue
            share = 100 * one.agreed / one.compared if one.compared else 0.0
            yield f"  {one.name:<12} {one.compared:>7} compared  {one.agreed:>7} agree  {share:7.3f} %"
            yield from (f"    {line}" for line in one.shown)


def make_corpus(schema: AnySchema, count: int, seed: int) -> list[Entry]:
    """Return so many entries; the same seed gives the same corpus."""
    made = CorpusGenerator(schema, Random(seed))
    reference, writer = ReferenceParser(schema.dialect), CanonicalWriter(schema)
    corpus: list[Entry] = []
    for _ in range(count):
        sender, data = made.entry()
        corpus.append(Entry(sender, data, _construct_text(schema, reference, writer, sender, data)))
    return corpus


def _construct_text(
    schema: AnySchema, reference: ReferenceParser, writer: CanonicalWriter, sender: Role, data: bytes
) -> str:
    """What construct itself decodes, with the plain framer and the default selection."""
    frames = [
        f"@{event.offset} {writer.frame(event, reference.read_payload(sender, event.payload, {}))}"
        for event in plain_events(schema.dialect, sender, data)
        if isinstance(event, Frame)
    ]
    return " | ".join(frames) or NOTHING


def compare_decoders(
    schema: AnySchema,
    corpus: list[Entry],
    decoders: dict[str, DecodeEntries],
    folder: Path,
    progress: Callable[[str], None] = lambda _text: None,
) -> Agreement:
    """Decode a corpus by each decoder, and compare with construct.

    Args:
        schema: the dialect.
        corpus: the entries.
        decoders: name -> decoder.
        folder: a working folder; each decoder gets one inside.
        progress: gets the name of each decoder before it runs.
    """
    results: list[DecoderResult] = []
    for name, decode in decoders.items():
        progress(name)
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        result = DecoderResult(name)
        results.append(result)
        try:
            texts = decode(schema, corpus, place)
        except DecoderUnavailable as reason:
            result.unavailable = str(reason)
            continue
        except DialectError as refusal:
            result.refused = str(refusal)
            continue
        if len(texts) != len(corpus):
            result.shown.append(f"{len(texts)} results for {len(corpus)} entries")
            result.compared = len(corpus)
            continue
        for number, (entry, text) in enumerate(zip(corpus, texts, strict=True)):
            if text is None:
                continue
            result.compared += 1
            if text == entry.expected:
                result.agreed += 1
            elif len(result.shown) < MAX_SHOWN:
                result.shown.append(_difference(number, entry, text))
    nothing = sum(entry.expected == NOTHING for entry in corpus)
    partly = sum("?{" in entry.expected for entry in corpus)
    return Agreement(schema.name, len(corpus), len(corpus) - nothing - partly, partly, nothing, results)


def _difference(number: int, entry: Entry, text: str) -> str:
    pairs = zip(entry.expected, text, strict=False)
    at = next((place for place, (one, other) in enumerate(pairs) if one != other), 0)
    around = slice(max(0, at - 20), at + 60)
    return (
        f"entry {number} of the {entry.sender.value} {entry.data.hex()[:200]}: construct …{entry.expected[around]}…, "
        f"found …{text[around]}…"
    )
