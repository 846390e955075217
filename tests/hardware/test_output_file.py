"""Output files: existing files stay, two writers on one file, final names on complete files only, streams."""

import gc
import io
import os
import threading
from pathlib import Path

import pytest

from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.output_file import OutputFile, check_output, partial_path, write_output
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import CaptureError, TransportLostError
from lensmount_protocol.wire import Edge

WIRING = load_dialect("emount").wiring


def test_file_gets_its_final_name_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with OutputFile(path) as output:
        output.file.write(b"whole")
        assert not path.exists()
        assert output.current == partial_path(path)
    assert path.read_bytes() == b"whole"
    assert output.current == path
    assert os.listdir(tmp_path) == ["a.bin"]


def test_failure_leaves_no_file(tmp_path: Path) -> None:
    def write() -> None:
        with OutputFile(tmp_path / "a.bin") as output:
            output.file.write(b"half")
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        write()
    assert os.listdir(tmp_path) == []


def test_full_disk_leaves_no_file(tmp_path: Path) -> None:
    def write() -> None:
        with OutputFile(tmp_path / "a.bin") as output, open("/dev/full", "wb") as full:
            output.file.write(b"half")
            os.dup2(full.fileno(), output.file.fileno())

    with pytest.raises(CaptureError, match=r"a\.bin: No space left"):
        write()
    assert os.listdir(tmp_path) == []


def test_existing_file_stays_without_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(CaptureError, match=r"a\.bin: exists already; .* --force"):
        write_output(path, b"new")
    assert path.read_bytes() == b"old"
    path.chmod(0o600)
    write_output(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["same", "hard", "soft", "relative"])
def test_input_is_never_replaced_by_whatever_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "same"
    source.write_bytes(b"input")
    os.link(source, tmp_path / "hard")
    (tmp_path / "soft").symlink_to(source)
    monkeypatch.chdir(tmp_path)
    target = Path("./../") / tmp_path.name / "same" if name == "relative" else tmp_path / name
    with pytest.raises(CaptureError, match="is the input"):
        check_output(target, overwrite=True, inputs=[source])
    with pytest.raises(CaptureError, match="is the input"):
        write_output(target, b"", overwrite=True, inputs=[source])
    assert source.read_bytes() == b"input"


def test_partial_name_of_an_output_is_not_its_input(tmp_path: Path) -> None:
    source = tmp_path / "a.lmx.part"
    source.write_bytes(b"input")
    with pytest.raises(CaptureError, match="is the input"):
        check_output(tmp_path / "a.lmx", overwrite=True, inputs=[source])


def test_link_stays_a_link_to_the_new_content(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link, target = tmp_path / "link", tmp_path / "folder" / "target"
    link.symlink_to(target)
    write_output(link, b"content")
    assert link.is_symlink()
    assert target.read_bytes() == b"content"


@pytest.mark.parametrize("overwrite", [False, True])
def test_second_writer_gets_an_error_and_the_first_one_goes_on(tmp_path: Path, overwrite: bool) -> None:
    path = tmp_path / "a.lmx"
    with OutputFile(path) as first:
        first.file.write(b"first")
        with pytest.raises(CaptureError, match="another process writes it"):
            OutputFile(path, overwrite=overwrite)
    assert path.read_bytes() == b"first"


def test_of_many_writers_at_once_one_succeeds(tmp_path: Path) -> None:
    path, start, done = tmp_path / "a.lmx", threading.Barrier(8), list[bytes]()

    def write(number: int) -> None:
        start.wait()
        try:
            with OutputFile(path) as output:
                output.file.write(bytes([number]) * 100_000)
        except CaptureError:
            return
        done.append(bytes([number]) * 100_000)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [path.read_bytes()]
    assert os.listdir(tmp_path) == ["a.lmx"]


def test_file_that_appears_in_the_meantime_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    output = OutputFile(path)
    path.write_bytes(b"other")
    with pytest.raises(CaptureError, match="created by another program"):
        output.commit()
    assert path.read_bytes() == b"other"


def test_interrupted_recording_is_kept_and_read(tmp_path: Path) -> None:
    path = tmp_path / "a.lmx"
    child = os.fork()
    if not child:
        RecordingWriter(path, {"dialect": "emount"}).write(Edge(0.0, "VD", True))
        # As a killed process ends: nothing else runs.
        os._exit(9)
    os.waitpid(child, 0)
    partial = partial_path(path)
    assert list(open_capture(partial, WIRING).records) == [Edge(0.0, "VD", True)]
    with pytest.raises(CaptureError, match=r"a\.lmx\.part: an interrupted run left it; .* --force"):
        RecordingWriter(path, {})
    with RecordingWriter(path, {}, overwrite=True):
        pass
    assert os.listdir(tmp_path) == ["a.lmx"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), TransportLostError("gone")])
def test_recording_that_ends_with_its_session_is_complete(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), RecordingWriter(tmp_path / "a.lmx", {}):
        raise error
    assert os.listdir(tmp_path) == ["a.lmx"]


def test_recording_of_a_program_error_keeps_its_partial_name(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RecordingWriter(tmp_path / "a.lmx", {}):
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["a.lmx.part"]


def test_devices_and_fifos_are_written_directly(tmp_path: Path) -> None:
    write_output(Path("/dev/null"), b"anything")
    fifo, heads = tmp_path / "fifo", list[bytes]()
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: heads.append(fifo.read_bytes()))
    reader.start()
    write_output(fifo, b"through")
    reader.join()
    assert heads == [b"through"]
    assert os.listdir(tmp_path) == ["fifo"]
    with pytest.raises(CaptureError, match=r"/dev/full: No space left"):
        write_output(Path("/dev/full"), b"x")


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_is_appended_to(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    print("before")
    write_output(Path(name), b"content\n")
    print("after")
    assert capfd.readouterr().out == "before\ncontent\nafter\n"


def test_folder_is_no_output(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="Is a directory"):
        write_output(tmp_path, b"", overwrite=True)
    with pytest.raises(CaptureError, match="No such file or directory"):
        write_output(tmp_path / "none" / "a", b"")


def test_without_locks_a_partial_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lensmount_hardware.output_file.fcntl", None)
    path = tmp_path / "a"
    write_output(path, b"1")
    partial_path(tmp_path / "b").write_bytes(b"left")
    with pytest.raises(CaptureError, match="another process writes it, or an interrupted run left it"):
        write_output(tmp_path / "b", b"2")
    assert partial_path(tmp_path / "b").read_bytes() == b"left"


def test_file_of_the_caller_is_not_renamed() -> None:
    memory = io.BytesIO()
    with RecordingWriter(memory, {}) as writer:
        assert writer.path is None
    assert memory.getvalue()


def test_file_that_is_dropped_leaves_nothing(tmp_path: Path) -> None:
    output = OutputFile(tmp_path / "a.bin")
    output.file.write(b"half")
    del output
    gc.collect()
    assert os.listdir(tmp_path) == []


def test_recording_that_is_dropped_keeps_its_partial_name(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.lmx", {"dialect": "emount"})
    writer.write(Edge(0.0, "VCC", True))
    del writer
    gc.collect()
    assert os.listdir(tmp_path) == ["a.lmx.part"]


def test_recording_that_is_dropped_before_its_first_record_leaves_nothing(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.lmx", {"dialect": "emount"})
    assert os.listdir(tmp_path) == ["a.lmx.part"]
    del writer
    gc.collect()
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_process_drops_no_file_of_its_parent(tmp_path: Path) -> None:
    output = OutputFile(tmp_path / "a.bin")
    child = os.fork()
    if not child:
        del output
        gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert os.listdir(tmp_path) == ["a.bin.part"]
    output.discard()
