"""Recordings in the tools of others: what tshark and sigrok-cli say of a session is what was recorded, one by one."""

import io
import math
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.lmx import RecordingWriter, read_recording
from lensmount_hardware.captures.packet_files.pcapng_writer import PcapngWriter
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import Annotation, Burst, ClockSync, DataLoss, Edge, Role, WireRecord, Wiring

RATE = 12_000_000
PAIRS = {
    "emount": ("a6000", "sel55210", "wait 0.2; focus 0x4200; sleep"),
    "lmount": ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", "focus 2m; expose 1/60; sleep"),
}


@dataclass(frozen=True)
class Recorded:
    """A session, and its recording in a file."""

    session: LoopbackResult
    path: Path

    @property
    def dialect(self) -> str:
        return self.session.dialect.name

    def exported(self, ending: str, *options: str) -> Path:
        target = self.path.with_suffix(ending)
        assert (
            main(["export", str(self.path), "--dialect", self.dialect, "--to", str(target), "--force", *options]) == 0
        )
        return target

    def frames(self) -> list[DecodedFrame]:
        records = read_recording(self.path, self.session.dialect.wiring).records
        return frames_of(list(records), self)


def frames_of(records: list[WireRecord], recorded: Recorded) -> list[DecodedFrame]:
    events = Decoder(recorded.session.dialect).decode(records)
    return sorted((event for event in events if isinstance(event, DecodedFrame)), key=lambda frame: frame.at or 0.0)


@pytest.fixture(scope="module", params=PAIRS)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    body, lens, script = PAIRS[request.param]
    session = run_loopback(body, lens, script=script, seed=7)
    assert session.clean
    path = tmp_path_factory.mktemp(request.param) / "session.lmx"
    with RecordingWriter(path, {"dialect": request.param}) as writer:
        for record in session.records:
            writer.write(record)
    return Recorded(session, path)


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install --no-install-recommends {name}")
    return found


def tshark(path: Path, script: Path, *words: str) -> list[list[str]]:
    """The fields that tshark prints, one row a packet."""
    command = [tool("tshark"), "-X", f"lua_script:{script}", "-r", str(path), "-T", "fields", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "lua" not in done.stderr.lower(), done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.fixture
def script(recorded: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "dissector.lua"
    assert main(["export", "--dissector", recorded.dialect]) == 0
    path.write_text(capsys.readouterr().out)
    return path


@pytest.mark.parametrize("packets", ["bursts", "frames"])
def test_tshark_sees_every_frame_at_its_nanosecond(recorded: Recorded, script: Path, packets: str) -> None:
    path = recorded.exported(".pcapng", "--packets", packets)
    name = f"lensmount_{recorded.dialect}"
    fields = ["frame.time_epoch", f"{name}.sender", f"{name}.frame", f"{name}.type", f"{name}.message"]
    words = [word for field in fields for word in ("-e", field)]
    rows = sorted(tshark(path, script, "-Y", f"{name}.frame", *words))
    frames = recorded.frames()
    assert len(rows) == len(frames) > 50
    for row, frame in zip(rows, frames, strict=True):
        types = ",".join(f"0x{message.TYPE:02x}" for message in frame.messages)
        names = ",".join(type(message).__name__ for message in frame.messages)
        at = f"{round(frame.at * 1e9) / 1e9:.9f}"
        assert row == [at, frame.sender.value, frame.frame.raw.hex(), types, names]
    assert tshark(path, script, "-Y", f"{name}.badsum or {name}.garbage", "-e", "frame.number") == []


def test_tshark_sees_every_edge(recorded: Recorded, script: Path) -> None:
    name = f"lensmount_{recorded.dialect}_lines"
    words = [word for field in ("frame.time_epoch", f"{name}.line", f"{name}.level") for word in ("-e", field)]
    rows = tshark(recorded.exported(".pcapng"), script, "-Y", f"{name}.line", *words)
    edges = [record for record in recorded.session.records if isinstance(record, Edge)]
    assert rows == [[f"{round(edge.at * 1e9) / 1e9:.9f}", edge.line, str(int(edge.level))] for edge in edges]


def test_a_wrong_checksum_is_picked_out_and_padding_is_none(recorded: Recorded, script: Path, tmp_path: Path) -> None:
    name = f"lensmount_{recorded.dialect}"
    good = recorded.frames()[0].frame.raw
    path = tmp_path / "bad.pcapng"
    with PcapngWriter(path) as writer:
        # Every bit of the frame but those of its start, its length and its end.
        for place in range(24, 8 * len(good) - 8):
            bad = bytearray(good)
            bad[place // 8] ^= 1 << place % 8
            writer.write(Burst(place * 1e-3, Role.BODY, bytes(bad), 750_000))
        writer.write(Burst(10.0, Role.BODY, good + bytes(7), 750_000))
        writer.write(Burst(11.0, Role.BODY, b"\x01\x02" + good, 750_000))
        writer.write(Burst(12.0, Role.BODY, good * 3, 750_000))
        writer.write(Burst(13.0, Role.BODY, good[:-1], 750_000))
    count = 8 * len(good) - 32
    numbers = [int(row[0]) for row in tshark(path, script, "-Y", f"{name}.badsum", "-e", "frame.number")]
    assert numbers == list(range(1, count + 1))
    rows = tshark(path, script, "-Y", f"frame.number > {count}", "-e", f"{name}.frame", "-e", f"{name}.padding")
    whole = good.hex()
    assert [row[0].split(",") for row in rows] == [[whole], [whole], [whole] * 3, [""]]
    assert rows[0][1] == "00" * 7
    assert len(tshark(path, script, "-Y", f"{name}.garbage", "-e", "frame.number")) == 2


def test_fields_have_the_values_that_we_decode(recorded: Recorded, script: Path) -> None:
    """Every field of a number that the script declares, in every frame of the session."""
    path, name = recorded.exported(".pcapng"), f"lensmount_{recorded.dialect}"
    declared = set(re.findall(r'field\("u?int\d+", "(\w+\.\w+)"', script.read_text()))
    messages = [frame.messages for frame in recorded.frames()]
    columns = sorted({place for said in messages for message in said for place in fields_of(message)} & declared)
    words = [word for column in columns for word in ("-e", f"{name}.{column}")]
    rows = tshark(path, script, "-Y", f"{name}.frame", "-e", "frame.time_epoch", *words)
    compared = 0
    for said, row in zip(messages, sorted(rows, key=lambda row: float(row[0])), strict=True):
        values = {place: str(value) for message in said for place, value in fields_of(message).items()}
        expected = [values.get(column, "") for column in columns]
        assert row[1:] == expected
        compared += sum(map(bool, expected))
    assert compared > 300


def fields_of(message: AnyMessage) -> dict[str, int]:
    """The plain numbers of a message, by the names that the dissector gives them."""
    assert isinstance(message, Message)
    kind = type(message).__name__.lower()
    return {f"{kind}.{name}": int(value) for name, value in message.values().items() if isinstance(value, int)}


UART_LINE = re.compile(r"(\d+)-(\d+) uart-(\d+): ([0-9A-F]{2})")


def test_sigrok_sees_every_byte_at_its_sample(recorded: Recorded) -> None:
    """A pass for each rate: of each, only what was sent at that rate is looked at, for the rest is noise to it."""
    path = recorded.exported(".sr")
    wiring = recorded.session.dialect.wiring
    bursts = [record for record in recorded.session.records if isinstance(record, Burst)]
    seen = 0
    for baudrate in {burst.baudrate for burst in bursts}:
        decoders = [
            word for line in wiring.serial for word in ("-P", f"uart:rx={line.name}:baudrate={baudrate}:format=hex")
        ]
        command = [tool("sigrok-cli"), "-i", str(path), *decoders, "-A", "uart=rx-data", "--protocol-decoder-samplenum"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        found = {
            line.sender: [
                (int(start), int(value, 16))
                for start, _, instance, value in UART_LINE.findall(done.stdout)
                if int(instance) == number
            ]
            for number, line in enumerate(wiring.serial, 1)
        }
        for burst in (burst for burst in bursts if burst.baudrate == baudrate):
            first, last = (round((burst.byte_at(index) or 0.0) * RATE) for index in (0, len(burst.data)))
            heard = [(start, value) for start, value in found[burst.sender] if first <= start < last]
            assert bytes(value for _, value in heard) == burst.data
            for index, (start, _) in enumerate(heard):
                # What it shows as a byte begins behind the start bit.
                expected = ((burst.byte_at(index) or 0.0) + 1 / baudrate) * RATE
                assert abs(start - expected) <= 1.5
            seen += len(heard)
    assert seen == sum(len(burst.data) for burst in bursts)


def test_sigrok_reads_the_dump_of_values(recorded: Recorded) -> None:
    path = recorded.exported(".vcd", "--samplerate", "100M")
    words = ["-I", "vcd:downsample=10", "-i", str(path), "--show"]
    done = subprocess.run([tool("sigrok-cli"), *words], capture_output=True, text=True, check=True, timeout=120)
    assert "10000000" in done.stdout
    for line in recorded.session.dialect.wiring.serial:
        assert line.name in done.stdout


@pytest.mark.parametrize(("ending", "within"), [(".pcapng", 0.51e-9), (".vcd", 1.01e-9), (".sr", 0.51 / RATE)])
def test_what_is_exported_decodes_to_the_same_frames(recorded: Recorded, ending: str, within: float) -> None:
    capture = open_capture(recorded.exported(ending), recorded.session.dialect.wiring)
    records = list(capture.records)
    compare(records, recorded, within)


def compare(records: list[WireRecord], recorded: Recorded, within: float) -> None:
    """Every frame and every edge of the session is there, and its time is no further off than so many seconds."""
    back, frames = frames_of(records, recorded), recorded.frames()
    assert [(f.sender, f.baudrate, f.frame.raw, f.padding) for f in back] == [
        (f.sender, f.baudrate, f.frame.raw, f.padding) for f in frames
    ]
    assert all(abs((a.at or 0.0) - (b.at or 0.0)) <= within for a, b in zip(back, frames, strict=True))
    kept, drawn = edges_of(recorded.session.records, recorded), edges_of(records, recorded)
    assert kept.keys() == drawn.keys()
    for line, edges in kept.items():
        assert [edge.level for edge in edges] == [edge.level for edge in drawn[line]], line
        assert all(abs(a.at - b.at) <= within for a, b in zip(edges, drawn[line], strict=True))


def edges_of(records: list[WireRecord], recorded: Recorded) -> dict[str, list[Edge]]:
    """The edges of each line behind time 0; of a serial line those in front of its first byte."""
    ends = {line.name: math.inf for line in recorded.session.dialect.wiring.serial}
    for line in recorded.session.dialect.wiring.serial:
        ends[line.name] = min(r.at or 0.0 for r in records if isinstance(r, Burst) and r.sender is line.sender) - 1e-6
    found: dict[str, list[Edge]] = {}
    for record in records:
        if isinstance(record, Edge) and 0 < record.at < ends.get(record.line, math.inf):
            found.setdefault(record.line, []).append(record)
    return found


@pytest.fixture(scope="module", params=PAIRS)
def greeting(request: pytest.FixtureRequest) -> LoopbackResult:
    """A session from the first edge until the lens has said who it is: each cut is read from its beginning."""
    body, lens, _ = PAIRS[request.param]
    return run_loopback(body, lens, seconds=0.155 if request.param == "emount" else 0.1, seed=7)


def test_a_recording_cut_at_every_byte_is_readable_up_to_the_cut(greeting: LoopbackResult, tmp_path: Path) -> None:
    file, ends = io.BytesIO(), []
    with RecordingWriter(file, {"dialect": greeting.dialect.name}) as writer:
        ends.append(file.tell())
        for record in greeting.records:
            writer.write(record)
            ends.append(file.tell())
    check_cuts(file.getvalue(), ends, greeting, tmp_path / "cut.lmx")


def test_so_is_pcapng(greeting: LoopbackResult, tmp_path: Path) -> None:
    file, ends = io.BytesIO(), []
    with PcapngWriter(file) as writer:
        ends.append(file.tell())
        for record in greeting.records:
            writer.write(record)
            ends.append(file.tell())
    check_cuts(file.getvalue(), ends, greeting, tmp_path / "cut.pcapng")


def check_cuts(whole: bytes, ends: list[int], session: LoopbackResult, path: Path) -> None:
    """Every cut of a file gives the records in front of it, and at most a remark; in front of the first, one line.

    Args:
        whole: the file.
        ends: where that ends which stands in front of the records, then each record.
        session: whose records they are.
        path: where to put what is left.
    """
    wiring = session.dialect.wiring
    path.write_bytes(whole)
    every = list(open_capture(path, wiring).records)
    assert len(every) == len(session.records) > 30
    assert sum(isinstance(record, Burst) for record in every) >= 6
    for cut in range(1, len(whole) + 1):
        path.write_bytes(whole[:cut])
        complete = sum(end <= cut for end in ends[1:])
        if cut < ends[0]:
            assert not records_or_line(path, wiring)
            continue
        records = list(open_capture(path, wiring).records)
        assert records[:complete] == every[:complete]
        assert all(isinstance(record, Annotation) and "cut" in record.text for record in records[complete:])
        assert len(records) == complete + (cut not in ends)


def records_or_line(path: Path, wiring: Wiring) -> list[WireRecord]:
    """What can be read but for remarks; nothing where the file is refused in one line."""
    try:
        records = list(open_capture(path, wiring).records)
    except CaptureError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return []
    return [record for record in records if not isinstance(record, Annotation)]


@pytest.mark.parametrize("form", ["vcd", "srzip"])
def test_a_reader_of_ours_takes_what_others_made_of_it(form: str, recorded: Recorded, tmp_path: Path) -> None:
    """What sigrok-cli writes from our `.sr`: a `.sr` of its own, or a `.vcd` with its changes where samples were."""
    path = tmp_path / f"sigrok.{form}"
    command = [tool("sigrok-cli"), "-i", str(recorded.exported(".sr")), "-O", form, "-o", str(path)]
    subprocess.run(command, capture_output=True, check=True, timeout=120)
    compare(list(open_capture(path, recorded.session.dialect.wiring).records), recorded, 0.51 / RATE + 1e-9)


def test_tshark_by_itself_sees_every_burst_its_direction_and_its_nanosecond(recorded: Recorded) -> None:
    """Without our dissector: plain packets with a time, an interface and a flag."""
    names = ["time_epoch", "interface_name", "packet_flags_direction", "len"]
    words = [word for name in names for word in ("-e", f"frame.{name}")]
    command = [tool("tshark"), "-r", str(recorded.exported(".pcapng")), "-T", "fields", *words, "-e", "data.data"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    records = list(read_recording(recorded.path, recorded.session.dialect.wiring).records)
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        assert row[0] == f"{round((record.at or 0.0) * 1e9) / 1e9:.9f}"
        if isinstance(record, Burst):
            name, flag = ("body->lens", 2) if record.sender is Role.BODY else ("lens->body", 1)
            assert (row[1], int(row[2], 0), int(row[3])) == (name, flag, len(record.data))
            assert row[4] == record.data.hex()
        else:
            assert row[1] == "lines"


@pytest.mark.parametrize("ending", [".pcapng", ".vcd", ".sr"])
def test_decode_takes_what_export_wrote(recorded: Recorded, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = recorded.exported(ending)
    assert main(["decode", str(path), "--dialect", recorded.dialect, "--verify"]) == 0
    frames = len(recorded.frames())
    assert f"verified: {frames} valid frames, {frames} typed, {frames} rebuilt" in capsys.readouterr().out


@pytest.mark.parametrize("ending", [".pcapng", ".vcd", ".sr"])
def test_the_same_recording_gives_the_same_bytes(recorded: Recorded, ending: str) -> None:
    first = recorded.exported(ending).read_bytes()
    assert recorded.exported(ending).read_bytes() == first


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["session.lmx", "--to", "x.doc"], 2, "known endings: .pcapng, .sr, .vcd"),
        (["session.lmx", "--to", "session.lmx"], 2, "known endings"),
        (["session.lmx", "--to", "no-folder/x.pcapng"], 3, "No such file or directory"),
        (["session.lmx", "--to", "no-folder/x.sr"], 3, "No such file or directory"),
        (["session.lmx", "--to", "no-folder/x.vcd"], 3, "No such file or directory"),
        (["session.lmx", "--to", "x.sr", "--samplerate", "1M"], 3, "1 MHz is too slow"),
        (["session.lmx", "--to", "x.vcd", "--samplerate", "1M"], 3, "1 MHz is too slow"),
        (["session.lmx", "--to", "x.pcapng", "--samplerate", "12M"], 2, "has times and no samples"),
        (["missing.lmx", "--to", "x.sr"], 3, "missing.lmx: No such file"),
        (["letter.txt", "--to", "x.vcd"], 3, "not a known capture format"),
        (["timeless.txt", "--to", "x.vcd"], 3, "no byte or edge in it has a time"),
        (["future.lmx", "--to", "x.vcd"], 3, "version 9"),
        (["session.lmx"], 2, "--output FILE"),
        (["--dissector", "klingon"], 2, "klingon"),
    ],
)
def test_what_cannot_be_is_one_line(
    words: list[str],
    code: int,
    said: str,
    recorded: Recorded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("session.lmx").write_bytes(recorded.path.read_bytes())
    Path("letter.txt").write_text("dear somebody\n")
    Path("timeless.txt").write_text("Body->Lens F00B0002000B6000780055\n")
    Path("future.lmx").write_text('{"lensmount":"recording","version":9}\n')
    assert main(["export", *words, "--dialect", recorded.dialect]) == code
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not list(Path().glob("x.*"))
    assert Path("session.lmx").read_bytes() == recorded.path.read_bytes()


def test_a_source_is_never_written_over(recorded: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    path = recorded.exported(".pcapng")
    whole = path.read_bytes()
    assert main(["export", str(path), "--dialect", recorded.dialect, "--to", str(path)]) == 2
    assert "is the recording itself" in capsys.readouterr().err
    assert path.read_bytes() == whole


@pytest.mark.parametrize("text", ["12M", "12000000", "12000k", "12 MHz", "12MHz"])
def test_a_rate_in_any_words(text: str, recorded: Recorded) -> None:
    assert recorded.exported(".sr", "--samplerate", text).read_bytes() == recorded.exported(".sr").read_bytes()


@pytest.mark.parametrize("text", ["fast", "0", "-1M", "1.5M", "2G", "²M"])
def test_a_rate_that_is_none_is_reported(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["export", "x.lmx", "--to", "x.sr", f"--samplerate={text}"])
    assert error.value.code == 2
    assert "is no rate" in capsys.readouterr().err


def test_what_cannot_be_drawn_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.lmx"
    with RecordingWriter(path, {}) as writer:
        for record in (
            Burst(None, Role.BODY, b"\xf0", 750_000),
            Burst(1e-3, Role.BODY, b"\xf0\x0a", 750_000),
            Burst(1.005e-3, Role.BODY, b"\xf0", 750_000),
            Edge(2e-3, "VD", True),
            Edge(2e-3 + 1e-9, "VD", False),
        ):
            writer.write(record)
    assert main(["export", str(path), "--to", str(tmp_path / "odd.sr")]) == 0
    told = capsys.readouterr().err.splitlines()
    assert [line.partition("odd.sr: ")[2].split()[0] for line in told] == ["1", "1", "2"]


def test_what_tshark_writes_again_is_read_alike(recorded: Recorded, tmp_path: Path) -> None:
    path, again = recorded.exported(".pcapng"), tmp_path / "again.pcapng"
    subprocess.run([tool("tshark"), "-r", str(path), "-w", str(again)], capture_output=True, check=True, timeout=60)
    wiring = recorded.session.dialect.wiring
    assert list(open_capture(again, wiring).records) == list(read_recording(recorded.path, wiring).records)


def test_decode_shows_clocks_and_drops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "board.lmx"
    with RecordingWriter(path, {}) as writer:
        writer.write(ClockSync(1e-3, 4711, 31e-6))
        writer.write(DataLoss(2e-3, "bytes of the lens", 12))
    assert main(["export", str(path), "--to", str(path.with_suffix(".pcapng"))]) == 0
    for source in (path, path.with_suffix(".pcapng")):
        assert main(["decode", str(source)]) == 0
        told = capsys.readouterr().out
        assert "1.000  # the board's clock stood at 4711 µs, known to ±31.000 µs" in told
        assert "2.000  # lost: 12 bytes of the lens" in told


@pytest.mark.parametrize("ending", [".pcapng", ".vcd", ".sr"])
def test_captures_of_real_devices_go_out_and_come_in_again(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(__file__).resolve().parents[3].parent / "shared" / "captures" / "e-mount"
    if not folder.is_dir():
        pytest.skip("the captures are not beside the project: ../shared/captures/e-mount")
    for source in sorted(folder.glob("*.sr")):
        target = tmp_path / f"{source.stem}{ending}"
        assert main(["export", str(source), "--to", str(target)]) == 0
        assert main(["decode", str(source), str(target), "--verify"]) == 0
        told = [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines() if "verified" in line]
        assert len(told) == 2
        assert told[0] == told[1]
