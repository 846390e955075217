"""What `lensmount fuzz parser` does: inputs by chance or guided by coverage, and a corpus beside them."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from lensmount_protocol.errors import CorpusError

if TYPE_CHECKING:
    from lensmount_emulator.fuzz.corpus import Corpus, Entry
    from lensmount_emulator.fuzz.inputs import Input
    from lensmount_emulator.fuzz.parser import ParserFigures
    from lensmount_protocol.dialect import Dialect


def add_corpus(parser: argparse.ArgumentParser) -> None:
    """The option that says where runs keep what they find."""
    parser.add_argument(
        "--corpus",
        action="append",
        default=[],
        metavar="PLACE",
        help="folder, redis:// or valkey:// where runs keep what they find; may be given again",
    )


def corpus_at(places: list[str]) -> "Corpus | None":
    """The corpus at these places, if there are any.

    Raises:
        CorpusError: it cannot be had.
    """
    if not places:
        return None
    try:
        from lensmount_emulator.fuzz.corpus import open_corpus
    except ImportError as error:
        raise CorpusError("a corpus wants hypothesis: pip install 'lensmount[fuzz]'") from error
    return open_corpus(*places)


class Keeper:
    """Keeps what a run finds, and goes on where that is not possible: what is found is told all the same.

    Attributes:
        trouble: why something could not be kept; empty where all was.
    """

    def __init__(self, corpus: "Corpus | None", subject: str) -> None:
        self._corpus = corpus
        self._subject = subject
        self.trouble = ""

    def keep(self, *entries: "Entry") -> None:
        """Keep entries, if there is a corpus."""
        if self._corpus is None or not entries:
            return
        try:
            self._corpus.keep(self._subject, *entries)
        except CorpusError as error:
            self.trouble = str(error)


class Ended(NamedTuple):
    """How a run ended.

    Attributes:
        came: what it came to.
        figures: what to tell of that.
        trouble: what trouble there was with the corpus; empty where none was.
        stopped: whether somebody stopped it.
    """

    came: "ParserFigures"
    figures: dict[str, object]
    trouble: str
    stopped: bool


def prepared(dialect: "Dialect", arguments: argparse.Namespace) -> Callable[[Callable[[int], None]], Ended]:
    """What fuzzes a dialect's readers, and tells how many inputs are done; whatever it wants is there.

    Raises:
        CorpusError: the corpus cannot be had.
        FaultError: atheris is wanted and not installed.
    """
    from lensmount_emulator.fuzz.guided import GuidedFigures, check_installed, fuzz_guided
    from lensmount_emulator.fuzz.inputs import input_of
    from lensmount_emulator.fuzz.parser import ParserFigures, fuzz_parser

    if arguments.guided:
        check_installed()
    corpus, subject = corpus_at(arguments.corpus), f"parser {dialect.name}"
    first = corpus.kept(subject, input_of) if corpus else []
    figures: dict[str, object] = {"from corpus": len(first), "damaged": corpus.broken} if corpus else {}
    keeper = Keeper(corpus, subject)

    def run(progress: Callable[[int], None]) -> Ended:
        cases, seed, stopped = arguments.cases, arguments.seed, False
        came = GuidedFigures() if arguments.guided else ParserFigures()
        try:
            if isinstance(came, GuidedFigures):
                fuzz_guided(dialect, cases, seed, progress, first=first, found=found, came=came)
            else:
                fuzz_parser(dialect, cases, seed, progress, first=first, found=found, came=came)
        except KeyboardInterrupt:
            stopped = True
        if isinstance(came, GuidedFigures):
            more = {"branches": came.covered, "features": came.features, "new inputs": len(came.kept)}
            keeper.keep(*(given.entry() for given in came.kept))
        else:
            more = {"bytes": came.bytes, "frames": came.frames, "no frames": came.refused}
        return Ended(came, {**figures, **more}, keeper.trouble, stopped)

    def found(given: "Input") -> None:
        keeper.keep(given.entry())

    return run
