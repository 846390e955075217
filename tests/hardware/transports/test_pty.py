"""Pseudo-terminals: where the peer finds one, that no byte is special, and what a missing peer costs."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_protocol.errors import TransportOpenError
from lensmount_protocol.wire import Received, Role, Transmit


def _open(spec: str) -> Transport:
    return open_transport(spec, role=Role.LENS, baudrate=750_000)


def _drain(far: Transport) -> bytes:
    data = b""
    while events := far.receive(0.05):
        data += b"".join(event.data for event in events if isinstance(event, Received))
    return data


def test_the_name_is_the_path_that_the_peer_opens() -> None:
    with _open("pty:") as near:
        assert Path(near.name).is_char_device()
        far = os.open(near.name, os.O_RDWR | os.O_NOCTTY)
        # ^C, ^D, ^S, ^Q, ^V, CR and LF mean something to a terminal that is not raw.
        os.write(far, b"\x03\x04\x13\x11\x16\r\n\x7f\xff")
        assert near.receive(5) == [Received(b"\x03\x04\x13\x11\x16\r\n\x7f\xff")]
        os.close(far)


def test_a_link_leads_to_it_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lens"
    with _open(f"pty:{path}") as near:
        assert near.name == str(path)
        with _open(f"serial:{path}") as far:
            far.send(Transmit(b"hello"))
            assert near.receive(5) == [Received(b"hello")]
    assert not path.is_symlink()


def test_a_link_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "lens"
    path.symlink_to(tmp_path / "gone")
    with _open(f"pty:{path}"):
        assert path.is_char_device()


def test_a_path_that_is_served_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lens"
    with _open(f"pty:{path}") as near:
        with pytest.raises(TransportOpenError, match=r"lens: a process serves .*lens already; end it, or"):
            _open(f"pty:{path}")
        with pytest.raises(TransportOpenError, match="serves"):
            _open(f"pty:{tmp_path}/./lens")
        with _open(f"serial:{path}") as far:
            far.send(Transmit(b"still"))
            assert near.receive(5) == [Received(b"still")]
    assert list(tmp_path.iterdir()) == []
    _open(f"pty:{path}").close()


def test_a_link_that_another_program_serves_is_refused(tmp_path: Path) -> None:
    near, far = os.openpty()
    path = tmp_path / "lens"
    path.symlink_to(os.ttyname(far))
    with pytest.raises(TransportOpenError, match="a process serves"):
        _open(f"pty:{path}")
    assert path.readlink() == Path(os.ttyname(far))
    os.close(far)
    os.close(near)
    with _open(f"pty:{path}"):
        assert path.is_char_device()
    assert list(tmp_path.iterdir()) == []


SERVE = """
import sys
from lensmount_hardware.port_spec import open_transport
from lensmount_protocol.wire import Role
port = open_transport(f"pty:{sys.argv[1]}", role=Role.LENS, baudrate=750_000)
print("open", flush=True)
sys.stdin.read()
"""


def _serve(path: Path) -> "subprocess.Popen[str]":
    path_of_code = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": path_of_code},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_a_link_of_a_process_that_was_killed_is_replaced_wherever_it_leads(tmp_path: Path) -> None:
    path = tmp_path / "lens"
    with _serve(path) as process:
        with pytest.raises(TransportOpenError, match="a process serves"):
            _open(f"pty:{path}")
        process.kill()
    # The number of the pseudo-terminal is free again, and taken by another program.
    left, others = path.readlink(), list[tuple[int, int]]()
    while not left.exists() and len(others) < 20:
        others.append(os.openpty())
    with _open(f"pty:{path}") as near:
        assert path.readlink() != left
        assert Path(near.name) == path
    for pair in others:
        for descriptor in pair:
            os.close(descriptor)
    assert list(tmp_path.iterdir()) == []


def test_of_two_that_want_a_path_at_once_one_gets_it(tmp_path: Path) -> None:
    path, opened, refused = tmp_path / "lens", list[Transport](), list[str]()
    start = threading.Barrier(4)

    def claim() -> None:
        start.wait()
        for _ in range(30):
            try:
                port = _open(f"pty:{path}")
            except TransportOpenError as error:
                refused.append(str(error))
                continue
            opened.append(port)
            assert path.is_char_device()
            port.close()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) + len(refused) == 120
    assert opened
    assert all("serves" in text for text in refused)
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_something_else_is_left_alone(tmp_path: Path) -> None:
    path, file = tmp_path / "lens", tmp_path / "file"
    file.write_text("precious")
    path.symlink_to(file)
    with pytest.raises(TransportOpenError, match=r"is a link to .*file; remove it, or choose another path"):
        _open(f"pty:{path}")
    assert path.readlink() == file
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "lens"]


def test_someone_elses_link_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "lens"
    with _open(f"pty:{path}"):
        path.unlink()
        path.symlink_to("elsewhere")
    assert path.readlink() == Path("elsewhere")


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "lens"
    path.write_text("precious")
    with pytest.raises(TransportOpenError, match=r"lens: cannot make a link there: File exists$"):
        _open(f"pty:{path}")
    assert path.read_text() == "precious"


def test_a_link_in_no_directory_is_reported(tmp_path: Path) -> None:
    with pytest.raises(TransportOpenError, match=r"cannot make a link there: No such file or directory$"):
        _open(f"pty:{tmp_path}/no/lens")


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = os.listdir("/dev/fd")
    _open("pty:").close()
    with pytest.raises(TransportOpenError):
        _open(f"pty:{tmp_path}")
    assert os.listdir("/dev/fd") == before


def test_peers_come_and_go() -> None:
    with _open("pty:") as near:
        for word in (b"first", b"second"):
            with _open(f"serial:{near.name}") as far:
                far.send(Transmit(word))
                assert near.receive(5) == [Received(word)]
            assert near.receive(0.01) == []


def test_sending_to_no_one_neither_waits_nor_piles_up() -> None:
    with _open("pty:") as near:
        clock = MonotonicClock()
        for _ in range(1000):
            near.send(Transmit(bytes(1000)))
        assert clock.now() < 5
        far = os.open(near.name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        waiting = 0
        while True:
            try:
                waiting += len(os.read(far, 65536))
            except BlockingIOError:
                break
        os.close(far)
        assert 0 < waiting < 300_000


def test_a_peer_that_opens_it_as_a_serial_port_starts_again() -> None:
    with _open("pty:") as near:
        near.send(Transmit(b"nobody was there"))
        with _open(f"serial:{near.name}") as far:
            assert _drain(far) == b""
            near.send(Transmit(b"now"))
            assert far.receive(5) == [Received(b"now")]
