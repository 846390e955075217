"""The corpus: what is kept is found again, what is damaged is skipped and counted, what cannot be had is told."""

from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import find, settings
from hypothesis import strategies as st
from hypothesis.database import ExampleDatabase, InMemoryExampleDatabase

from lensmount_emulator.fuzz import corpus as corpora
from lensmount_emulator.fuzz.corpus import Corpus, open_corpus, pack, unpack
from lensmount_protocol.errors import CorpusError

ENTRIES: list[dict[str, Any]] = [{"data": "f00b", "window": True}, {"data": "", "cuts": [1, 2]}]


def same(entry: Any) -> Any:
    return entry


def keeps_and_finds(place: str | Path) -> None:
    one = open_corpus(place)
    one.keep("parser emount", *ENTRIES)
    one.keep("parser emount", ENTRIES[0])
    one.keep("parser lmount", {"data": "00"})
    other = open_corpus(place)
    assert sorted(map(pack, other.kept("parser emount", same))) == sorted(map(pack, ENTRIES))
    assert other.kept("parser lmount", same) == [{"data": "00"}]
    assert other.kept("nothing", same) == []
    assert other.broken == 0
    assert isinstance(other, ExampleDatabase)


def skips_and_counts(place: str | Path) -> None:
    corpus = open_corpus(place)
    corpus.keep("parser emount", *ENTRIES)
    whole = pack(ENTRIES[0])
    for damaged in (b"", b"\xff\xfe", whole[:-1], whole.replace(b"f00b", b"f00c"), pack([1]), b"00000000 "):  # type: ignore[arg-type]
        corpus.save(b"lensmount parser emount", damaged)
    assert len(corpus.kept("parser emount", same)) == 2
    assert corpus.broken == 6
    assert corpus.kept("parser emount", lambda entry: entry["window"]) == [True]
    assert corpus.broken == 7


def test_a_folder_keeps_and_finds(tmp_path: Path) -> None:
    keeps_and_finds(tmp_path / "not" / "there yet")
    skips_and_counts(tmp_path / "other")


def test_a_server_keeps_and_finds(server: str) -> None:
    keeps_and_finds(server)
    skips_and_counts(server.replace("redis://", "valkey://").replace("/0", "/1"))


def test_hypothesis_and_the_corpus_share_a_place(tmp_path: Path) -> None:
    corpus = open_corpus(tmp_path)
    found = find(st.integers(), lambda n: n > 10, settings=settings(database=corpus), database_key=b"mine")
    assert found == 11
    assert list(corpus.fetch(b"mine"))
    corpus.keep("mine", ENTRIES[0])
    assert corpus.kept("mine", same) == ENTRIES[:1]


def test_no_one_says_where_and_it_is_where_hypothesis_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_corpus().keep("parser emount", ENTRIES[0])
    assert (tmp_path / ".hypothesis" / "examples").is_dir()


def test_several_places_are_read_and_those_that_may_be_are_written(tmp_path: Path) -> None:
    open_corpus(tmp_path / "one").keep("here", ENTRIES[0])
    both = open_corpus(tmp_path / "two", f"read-only:{tmp_path / 'one'}")
    both.keep("here", ENTRIES[1])
    assert len(both.kept("here", same)) == 2
    assert len(open_corpus(tmp_path / "one").kept("here", same)) == 1
    assert len(open_corpus(tmp_path / "two").kept("here", same)) == 1


def test_a_place_that_is_only_read_says_that_it_keeps_nothing(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="1 of 1 entries cannot be kept"):
        open_corpus(f"read-only:{tmp_path}").keep("here", ENTRIES[0])


def one_line(place: str) -> str:
    with pytest.raises(CorpusError) as raised:
        open_corpus(place)
    text = str(raised.value)
    assert "\n" not in text
    return text


def test_what_cannot_be_opened_is_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    assert "cannot be used" in one_line(str(file))
    assert "No such file" in one_line(f"read-only:{tmp_path / 'missing'}")
    assert "begins with one of redis://" in one_line("mongodb://here")
    monkeypatch.setattr(corpora, "import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    assert "pip install redis" in one_line("redis://127.0.0.1:1/0")


def test_a_server_out_of_reach_is_reported_in_one_line_without_its_password() -> None:
    pytest.importorskip("redis")
    text = one_line("valkey://me:secret@127.0.0.1:1/0")
    assert text.startswith("valkey://127.0.0.1:1/0: the corpus cannot be reached: ")
    assert "secret" not in text
    assert "cannot be reached" in one_line("redis://127.0.0.1:notaport/0")


def test_a_server_that_goes_away_is_told_and_what_was_kept_is_there(server: str) -> None:
    import redis

    corpus = open_corpus(server)
    corpus.keep("here", ENTRIES[0])
    redis.Redis.from_url(server).shutdown(nosave=True)
    with pytest.raises(CorpusError, match=r"redis://127\.0\.0\.1"):
        corpus.keep("here", ENTRIES[1])
    with pytest.raises(CorpusError, match=r"redis://127\.0\.0\.1"):
        corpus.kept("here", same)


def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = open_corpus(tmp_path / "corpus")
    corpus.keep("here", ENTRIES[0])
    # hypothesis makes its files elsewhere and says nothing when that fails.
    monkeypatch.setattr("hypothesis.database.tempfile.mkstemp", full)
    with pytest.raises(CorpusError, match="1 of 2 entries cannot be kept"):
        corpus.keep("here", *ENTRIES)
    monkeypatch.undo()
    assert corpus.kept("here", same) == ENTRIES[:1]
    monkeypatch.setattr(Path, "write_bytes", full)
    assert "No space left on device" in one_line(str(tmp_path / "corpus"))


def full(*_given: Any, **_named: Any) -> Any:
    raise OSError(28, "No space left on device")


def test_a_file_that_was_cut_while_the_disk_was_full_is_made_whole(tmp_path: Path) -> None:
    corpus = open_corpus(tmp_path)
    corpus.keep("here", ENTRIES[0])
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == pack(ENTRIES[0])]
    assert len(files) == 1
    files[0].write_bytes(pack(ENTRIES[0])[:9])
    assert corpus.kept("here", same) == []
    assert corpus.broken == 1
    corpus.keep("here", ENTRIES[0])
    assert corpus.kept("here", same) == ENTRIES[:1]
    assert corpus.broken == 0


def test_an_entry_is_the_same_bytes_whatever_its_order() -> None:
    assert pack({"a": 1, "b": 2}) == pack({"b": 2, "a": 1})
    assert unpack(pack({"a": 1})) == {"a": 1}
    deep = b"[" * 100_000
    assert unpack(b"%08x %b" % (crc32(deep), deep)) is None


def test_any_database_of_hypothesis_can_be_one() -> None:
    corpus = Corpus("memory", InMemoryExampleDatabase())
    corpus.keep("here", *ENTRIES)
    assert len(corpus.kept("here", same)) == 2
    corpus.move(b"lensmount here", b"lensmount there", pack(ENTRIES[0]))
    assert corpus.kept("there", same) == ENTRIES[:1]
    assert repr(corpus) == "Corpus('memory')"


def test_of_several_places_one_that_is_lost_keeps_nothing_from_the_others(tmp_path: Path, server: str) -> None:
    import redis

    both = open_corpus(server, tmp_path / "here", f"read-only:{server}")
    both.keep("here", ENTRIES[0])
    assert open_corpus(server).kept("here", same) == open_corpus(tmp_path / "here").kept("here", same) == ENTRIES[:1]
    redis.Redis.from_url(server).shutdown(nosave=True)
    with pytest.raises(CorpusError, match=r"redis://127\.0\.0\.1"):
        both.keep("here", ENTRIES[1])
    assert len(open_corpus(tmp_path / "here").kept("here", same)) == 2


def test_two_places_that_are_only_read_take_nothing(tmp_path: Path) -> None:
    for name in ("one", "two"):
        open_corpus(tmp_path / name)
    with pytest.raises(CorpusError, match="1 of 1 entries cannot be kept"):
        open_corpus(f"read-only:{tmp_path / 'one'}", f"read-only:{tmp_path / 'two'}").keep("here", ENTRIES[0])
