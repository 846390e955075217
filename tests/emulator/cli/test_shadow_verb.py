"""The verb `shadow`: a profile next to a device, over a recording and live on two listened ports."""

import json
import os
from dataclasses import replace
from pathlib import Path
from threading import Semaphore, Thread
from typing import Any

import pytest

from lensmount_emulator.cli.listen_console import ListeningPorts
from lensmount_emulator.cli.main import main
from lensmount_emulator.fidelity.shadow import Shadow
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.message import TYPE_BYTE_SIZE
from lensmount_protocol.wire import Burst, Role, WireRecord

from .conftest import pty_pair  # noqa: TID252  helpers of this folder

PATIENCE = 20.0


def changed(record: Burst, place: int) -> Burst:
    """A frame with another byte at a place of its payload, and the right checksum."""
    frame = bytearray(record.data)
    frame[5 + place] ^= 1
    frame[-3:-1] = (sum(frame[1:-3]) & 0xFFFF).to_bytes(2, "little")
    return replace(record, data=bytes(frame))


def session_with_a_change() -> list[WireRecord]:
    """A session of our own; the focal length in the last but three `05` of its lens is another one."""
    records = list(run_loopback("nex7", "voigtlander-15", seconds=1.0).records)
    status = [at for at, one in enumerate(records) if isinstance(one, Burst) and one.data[5:6] == b"\x05"]
    at = status[-4]
    record = records[at]
    assert isinstance(record, Burst)
    offset = next(spec.offset for spec in LensStatus.FIELDS if spec.name == "focal_length_dmm")
    records[at] = changed(record, TYPE_BYTE_SIZE + offset)
    return records


def write(path: Path, records: list[WireRecord]) -> str:
    with RecordingWriter(path, {"dialect": "emount"}) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def test_first_divergence_of_a_field_is_printed_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.lmx", session_with_a_change())
    assert main(["shadow", path, "--twin", "voigtlander-15"]) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[0].count("LensStatus.focal_length_dmm is ") == 1
    assert "first divergence" in out
    assert main(["shadow", path, "--twin", "nex7"]) == 0


def test_stop_ends_at_the_first_divergence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.lmx", session_with_a_change())
    assert main(["shadow", path, "--twin", "voigtlander-15", "--stop", "--json"]) == 1
    stopped = json.loads(capsys.readouterr().out)
    assert main(["shadow", path, "--twin", "voigtlander-15", "--json"]) == 1
    whole = json.loads(capsys.readouterr().out)
    assert stopped["replies"] == stopped["first_divergence"]["number"] == stopped["strict"] + 1
    assert whole["first_divergence"] == stopped["first_divergence"]
    assert whole["replies"] > stopped["replies"]
    assert whole["differences"]["fields"]["LensStatus.focal_length_dmm"]["differ"] == 1


def test_shadow_joins_a_session_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = session_with_a_change()
    bursts = [one for one in records if isinstance(one, Burst)]
    path = write(tmp_path / "late.lmx", list(bursts[40:-20]))
    assert main(["shadow", path, "--twin", "voigtlander-15", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["joined_at"]
    assert data["replies"] == data["strict"] > 20
    assert "orders under way" in data["notes"][0]


def test_nothing_compared_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = session_with_a_change()
    frames = [one for one in records if isinstance(one, Burst)][-6:]
    path = write(tmp_path / "short.lmx", list(frames))
    assert main(["shadow", path, "--twin", "voigtlander-15"]) == 1
    assert "nothing was compared" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["a.lmx", "--port", "pty:"], ["--port", "a", "--port", "b", "--port", "c"]])
def test_source_is_one_file_or_ports(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shadow", *words, "--twin", "nex7"]) == 2
    assert "name a FILE, or the place to listen" in capsys.readouterr().err


def test_live_shadow_stops_at_the_divergence_and_sends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bursts = [one for one in session_with_a_change() if isinstance(one, Burst)]
    came = Semaphore(0)
    feed = Shadow.feed

    def counting(shadow: Shadow, record: WireRecord) -> Any:
        found = list(feed(shadow, record))
        if isinstance(record, Burst):
            for _ in record.data:
                came.release()
        return iter(found)

    monkeypatch.setattr(Shadow, "feed", counting)
    with pty_pair() as (body, body_path), pty_pair() as (lens, lens_path):

        def play() -> None:
            for burst in bursts:
                os.write(body if burst.sender is Role.BODY else lens, burst.data)
                for _ in burst.data:
                    if not came.acquire(timeout=PATIENCE):
                        return

        thread = Thread(target=play)
        listen = ListeningPorts.listen

        def listening(ports: ListeningPorts, *limits: Any) -> None:
            # A port drops what came before it was opened.
            thread.start()
            listen(ports, *limits)

        monkeypatch.setattr(ListeningPorts, "listen", listening)
        record = tmp_path / "live.lmx"
        words = ["--port", f"serial:{body_path}", "--port", f"serial:{lens_path}", "--record", str(record)]
        code = main(["shadow", "--twin", "voigtlander-15", "--stop", "--duration", "20", *words])
        # What the ports did not read is let go.
        for _ in range(100_000):
            came.release()
        thread.join()
        os.set_blocking(body, False)
        os.set_blocking(lens, False)
        for near in (body, lens):
            with pytest.raises(BlockingIOError):
                os.read(near, 1)
    assert code == 1
    out = capsys.readouterr().out
    assert "LensStatus.focal_length_dmm is " in out
    assert "1 byte 1x" in out
    assert main(["shadow", str(record), "--twin", "voigtlander-15", "--stop"]) == 1


def test_memory_of_a_shadow_does_not_grow_with_the_session() -> None:
    records = list(run_loopback("nex7", "voigtlander-15", seconds=1.0).records)
    shadow = Shadow(EMOUNT, load_profile("loxia-21"))
    assert sum(1 for record in records for _ in shadow.feed(record)) > 50
    assert len(shadow.as_dict()["differences"]["fields"]) < 60
