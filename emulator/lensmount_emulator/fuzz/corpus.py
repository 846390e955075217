"""The corpus: inputs that runs found, kept for later runs, in a folder or on a shared server.

It is a database of hypothesis, so tests and campaigns can share one. lensmount stores entries in it: small mappings,
written as JSON after a checksum, so that a cut or foreign entry is detected and skipped.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast
from zlib import crc32

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase, MultiplexedDatabase, ReadOnlyDatabase

from lensmount_hardware.input_file import check_nesting
from lensmount_protocol.errors import CorpusError, MountError

DEFAULT_PATH = Path(".hypothesis") / "examples"
"""Default folder of hypothesis for examples."""

SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}
"""Prefix of a place on a server, and its name in the client library; with an `s` the connection is encrypted."""

READ_ONLY = "read-only:"
"""Prefix of a place that is read and never written."""

SERVER_TIMEOUT_S = 5.0
RETENTION = timedelta(days=365)
"""Seconds after which a server drops an entry without accesses."""

Entry = Mapping[str, Any]
T = TypeVar("T")


def pack(entry: Entry) -> bytes:
    """Encode an entry as bytes; equal entries give equal bytes."""
    text = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
    return b"%08x %b" % (crc32(text), text)


def unpack(data: bytes) -> dict[str, Any] | None:
    """Decode an entry; `None` if the bytes hold none, or a damaged one."""
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
    """A database that reports errors in one line, and that stores entries.

    Args:
        place: its place, for messages.
        database: the underlying database.
        errors: the exceptions that it raises when its place is unreachable.
        parts: its corpora, if it has several places.

    Attributes:
        place: its place, for messages.
        written: whether entries can be stored there.
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
        """The number of damaged entries that were skipped, among all that were read."""
        return sum(self._broken.values())

    def keep(self, subject: str, *entries: Entry) -> None:
        """Store entries, and check that they are there.

        Args:
            subject: the owner of the entries, such as `"parser emount"`.
            entries: the entries; duplicates are stored once.

        Raises:
            CorpusError: the place is full, unreachable or read-only. With several places, all others have stored the
                entries, and read-only ones are skipped.
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
            # A file that was cut while the disk was full blocks the complete one.
            self.delete(key, data)
            self.save(key, data)
        if missing and (lost := missing.difference(self.fetch(key))):
            raise CorpusError(f"{self.place}: {len(lost)} of {len(packed)} entries cannot be kept; is the place full?")

    def kept(self, subject: str, read: Callable[[Entry], T]) -> list[T]:
        """Return the stored entries, always in the same order; damaged ones are skipped, and counted in `broken`.

        Args:
            subject: the owner of the entries.
            read: converts an entry; an entry for which it raises counts as damaged too.

        Raises:
            CorpusError: the place is unreachable.
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
        return iter(self._run_guarded(lambda: list(self._database.fetch(key))))

    def save(self, key: bytes, value: bytes) -> None:
        """Add a value to a key."""
        self._run_guarded(lambda: self._database.save(key, value))

    def delete(self, key: bytes, value: bytes) -> None:
        """Remove a value from a key."""
        self._run_guarded(lambda: self._database.delete(key, value))

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:
        """Move a value from one key to another."""
        self._run_guarded(lambda: self._database.move(src, dest, value))

    def _run_guarded(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except self._errors as error:
            raise CorpusError(f"{self.place}: {_line(error)}") from error


def open_corpus(place: str | Path | None = None, *more: str | Path) -> Corpus:
    """Open the corpus at a place.

    Args:
        place: a folder, made if missing; `redis://HOST:PORT/NUMBER` or `valkey://…`; either after `read-only:` is
            never written; `None` is the folder of hypothesis, `.hypothesis/examples`.
        more: further places; entries are stored at all writable ones, and read from all.

    Raises:
        CorpusError: the place cannot be reached, read or written, or the library for it is missing.
    """
    first = _open(str(DEFAULT_PATH if place is None else place))
    if not more:
        return first
    all_ = [first, *(_open(str(one)) for one in more)]
    return _make_corpus(", ".join(one.place for one in all_), MultiplexedDatabase(*all_), parts=tuple(all_))


def _open(place: str) -> Corpus:
    if place.startswith(READ_ONLY):
        place = place.removeprefix(READ_ONLY)
        corpus = _server(place) if "://" in place else _folder(Path(place), written=False)
        return _make_corpus(place, ReadOnlyDatabase(corpus))
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
    return _make_corpus(str(path), DirectoryBasedExampleDatabase(path))


def _server(place: str) -> Corpus:
    scheme, _, rest = place.partition("://")
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise CorpusError(f"{place}: a corpus is a folder or begins with one of {known}")
    try:
        redis: Any = import_module("redis")
        database: Any = import_module("hypothesis.extra.redis")
    except ImportError as error:
        raise CorpusError(f"{place}: a corpus on a server wants redis; pip install redis") from error
    # A password stays out of every message.
    shown = f"{scheme}://{rest.rpartition('@')[2]}"
    try:
        client = redis.Redis.from_url(
            f"{SCHEMES[scheme]}://{rest}", socket_connect_timeout=SERVER_TIMEOUT_S, socket_timeout=SERVER_TIMEOUT_S
        )
        client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise CorpusError(f"{shown}: the corpus cannot be reached: {_line(error)}") from error
    return _make_corpus(
        shown, database.RedisExampleDatabase(client, expire_after=RETENTION), (redis.RedisError, OSError)
    )


def _make_corpus(
    place: str,
    database: ExampleDatabase,
    errors: tuple[type[Exception], ...] = (OSError,),
    parts: tuple[Corpus, ...] = (),
) -> Corpus:
    # The type of hypothesis's metaclass promises only a database.
    corpus = Corpus(place, database, errors, parts)
    assert isinstance(corpus, Corpus)
    return corpus


def _key(subject: str) -> bytes:
    return f"lensmount {subject}".encode()


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
