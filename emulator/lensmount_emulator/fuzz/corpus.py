"""The corpus: what runs found and keep for each other, in a folder or on a server that many share.

It is a database of hypothesis, so tests and campaigns may have one together. What lensmount keeps in it are entries:
small mappings, written as JSON behind a checksum, so that one that was cut or is another program's is seen and skipped.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast
from zlib import crc32

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase, MultiplexedDatabase, ReadOnlyDatabase

from lensmount_hardware.inputs import check_nesting
from lensmount_protocol.errors import CorpusError, MountError

USUAL = Path(".hypothesis") / "examples"
"""Where hypothesis keeps examples when nobody says otherwise."""

SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}
"""What a place on a server begins with, and what the client library calls it; with an `s` the line is encrypted."""

READ_ONLY = "read-only:"
"""What stands before a place that is read and never written."""

PATIENCE_S = 5.0
KEPT_FOR = timedelta(days=365)
"""How long a server keeps what nobody asks for."""

Entry = Mapping[str, Any]
T = TypeVar("T")


def pack(entry: Entry) -> bytes:
    """An entry as bytes; the same entry gives the same ones."""
    text = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
    return b"%08x %b" % (crc32(text), text)


def unpack(data: bytes) -> dict[str, Any] | None:
    """The entry in bytes; `None` where they hold none, or one that is damaged."""
    sum_, _, text = data.partition(b" ")
    if sum_ != b"%08x" % crc32(text):
        return None
    try:
        check_nesting(text)
        entry: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", entry) if isinstance(entry, dict) else None


class Corpus(ExampleDatabase):
    """A database whose troubles are told in one line, and that keeps entries.

    Args:
        place: where it is, for messages.
        database: what does the work.
        errors: what it raises when its place is out of reach.
        parts: the corpora that it is made of, where it has several places.

    Attributes:
        place: where it is, for messages.
        written: whether anything can be kept there.
    """

    def __init__(
        self,
        place: str,
        database: ExampleDatabase,
        errors: tuple[type[Exception], ...] = (OSError,),
        parts: tuple["Corpus", ...] = (),
    ) -> None:
        super().__init__()
        self.place = place
        self.written = not isinstance(database, ReadOnlyDatabase)
        self._parts = parts
        self._database = database
        self._errors = errors
        self._broken: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"Corpus({self.place!r})"

    @property
    def broken(self) -> int:
        """Entries that were skipped because they are damaged, among all that were read."""
        return sum(self._broken.values())

    def keep(self, subject: str, *entries: Entry) -> None:
        """Keep entries, and see that they are there.

        Args:
            subject: what they belong to, such as `"parser emount"`.
            entries: what to keep; one that is there already stays once.

        Raises:
            CorpusError: the place takes none, because it is full, out of reach or only to be read. Of several places
                all others have taken it, and those that are only to be read are not asked.
        """
        troubles = list[CorpusError]()
        for part in self._parts:
            try:
                if part.written:
                    part.keep(subject, *entries)
            except CorpusError as error:
                troubles.append(error)
        if troubles:
            raise troubles[0]
        if any(part.written for part in self._parts):
            return
        key, packed = _key(subject), [pack(entry) for entry in entries]
        for data in packed:
            self.save(key, data)
        missing = set(packed).difference(self.fetch(key))
        for data in missing:
            # A file that was cut while the disk was full is in the way of the whole one.
            self.delete(key, data)
            self.save(key, data)
        if missing and (lost := missing.difference(self.fetch(key))):
            raise CorpusError(f"{self.place}: {len(lost)} of {len(packed)} entries cannot be kept; is the place full?")

    def kept(self, subject: str, read: Callable[[Entry], T]) -> list[T]:
        """What was kept, always in the same order; what is damaged is skipped, and counted in `broken`.

        Args:
            subject: what it belongs to.
            read: makes of an entry what the caller wants; one for which it raises counts as damaged too.

        Raises:
            CorpusError: the place is out of reach.
        """
        good, broken = list[T](), 0
        for data in sorted(set(self.fetch(_key(subject)))):
            entry = unpack(data)
            try:
                if entry is None:
                    raise ValueError("damaged")
                good.append(read(entry))
            except (KeyError, TypeError, ValueError, MountError):
                broken += 1
        self._broken[subject] = broken
        return good

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """All values of a key."""
        return iter(self._guarded(lambda: list(self._database.fetch(key))))

    def save(self, key: bytes, value: bytes) -> None:
        """Add a value to a key."""
        self._guarded(lambda: self._database.save(key, value))

    def delete(self, key: bytes, value: bytes) -> None:
        """Take a value from a key."""
        self._guarded(lambda: self._database.delete(key, value))

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:
        """Take a value from one key to another."""
        self._guarded(lambda: self._database.move(src, dest, value))

    def _guarded(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except self._errors as error:
            raise CorpusError(f"{self.place}: {_line(error)}") from error


def open_corpus(place: str | Path | None = None, *more: str | Path) -> Corpus:
    """The corpus at a place.

    Args:
        place: a folder, made where it is missing; `redis://HOST:PORT/NUMBER` or `valkey://…`; either behind
            `read-only:` is never written; `None` is the folder of hypothesis, `.hypothesis/examples`.
        more: further places; what is kept goes to all that may be written, and what any of them has is found.

    Raises:
        CorpusError: the place cannot be reached, read or written, or the library for it is missing.
    """
    first = _open(str(USUAL if place is None else place))
    if not more:
        return first
    all_ = [first, *(_open(str(one)) for one in more)]
    return _made(", ".join(one.place for one in all_), MultiplexedDatabase(*all_), parts=tuple(all_))


def _open(place: str) -> Corpus:
    if place.startswith(READ_ONLY):
        place = place.removeprefix(READ_ONLY)
        corpus = _server(place) if "://" in place else _folder(Path(place), written=False)
        return _made(place, ReadOnlyDatabase(corpus))
    return _server(place) if "://" in place else _folder(Path(place), written=True)


def _folder(path: Path, *, written: bool) -> Corpus:
    try:
        if written:
            path.mkdir(parents=True, exist_ok=True)
            probe = path / ".lensmount-probe"
            probe.write_bytes(b"room")
            probe.unlink(missing_ok=True)
        any(path.iterdir())
    except OSError as error:
        raise CorpusError(f"{path}: the corpus cannot be used: {error.strerror or error}") from error
    return _made(str(path), DirectoryBasedExampleDatabase(path))


def _server(place: str) -> Corpus:
    scheme, _, rest = place.partition("://")
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise CorpusError(f"{place}: a corpus is a folder or begins with one of {known}")
    try:
        redis: Any = import_module("redis")
        database: Any = import_module("hypothesis.extra.redis")
    except ImportError as error:
        raise CorpusError(f"{place}: a corpus on a server wants redis; pip install 'lensmount[redis]'") from error
    # A password stays out of every message.
    shown = f"{scheme}://{rest.rpartition('@')[2]}"
    try:
        client = redis.Redis.from_url(
            f"{SCHEMES[scheme]}://{rest}", socket_connect_timeout=PATIENCE_S, socket_timeout=PATIENCE_S
        )
        client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise CorpusError(f"{shown}: the corpus cannot be reached: {_line(error)}") from error
    return _made(shown, database.RedisExampleDatabase(client, expire_after=KEPT_FOR), (redis.RedisError, OSError))


def _made(
    place: str,
    database: ExampleDatabase,
    errors: tuple[type[Exception], ...] = (OSError,),
    parts: tuple[Corpus, ...] = (),
) -> Corpus:
    # The metaclass of hypothesis says that a call gives a database, and no more.
    corpus = Corpus(place, database, errors, parts)
    assert isinstance(corpus, Corpus)
    return corpus


def _key(subject: str) -> bytes:
    return f"lensmount {subject}".encode()


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
