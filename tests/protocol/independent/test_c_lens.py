"""A lens in C, written from the specification alone, is a lens to our body, and stands what is no frame."""

import select
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.lmount.body.engine import BodyEngine
from lensmount_emulator.roles.lmount.body.script import VERBS
from lensmount_emulator.roles.lmount.compatibility_rules import RULES
from lensmount_emulator.roles.lmount.profile import BodySettings
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_emulator.verification.codec_equivalence import message_bytes
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import open_transport
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ZoomDrive
from lensmount_protocol.dialects.lmount.dialect import LMOUNT
from lensmount_protocol.dialects.lmount.exposure import CorrectionRequest, FrameStart
from lensmount_protocol.dialects.lmount.firmware_update import (
    ExtensionCommand,
    ExtensionId,
    ExtensionOffer,
    UpdateOffer,
)
from lensmount_protocol.dialects.lmount.focus import FocusDrive, FocusState, FocusTableRequest, RingBehaviour
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT, LINK, ORDER
from lensmount_protocol.dialects.lmount.identity import IdentityRequest, LensCapabilitiesRequest, MetadataRequest
from lensmount_protocol.dialects.lmount.link import (
    BodyHello,
    CommandDone,
    CommandRejected,
    LensHello,
    SetBaudrateCommand,
    Sleep,
    StreamConfig,
)
from lensmount_protocol.dialects.lmount.power import ImageCircleSelect, PowerGrant
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserCommand
from lensmount_protocol.dialects.lmount.types import (
    ApertureMode,
    CorrectionKind,
    FocusCommand,
    Outcome,
    PowerClass,
    RejectionCode,
    StabiliserMode,
)
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message
from lensmount_protocol.payload import build_payload
from lensmount_protocol.wire import Role

SOURCE = Path(__file__).parent / "lens.c"
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-O1")
SANITISED = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
LONGEST_S = 12.0
ALL = 0x7F
"""Every feature that has a name."""


def compiled(folder: Path, *options: str) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed")
    program = folder / "lens"
    subprocess.run([compiler, *STRICT, *options, "-o", program, SOURCE], check=True, timeout=60)
    return program


@pytest.fixture(scope="module")
def lens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("lens"))


@pytest.fixture(scope="module")
def sanitised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sanitised")
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed")
    tried = subprocess.run([compiler, *SANITISED, "-o", folder / "empty", folder / "empty.c"], check=False, timeout=60)
    if tried.returncode or subprocess.run([folder / "empty"], check=False, timeout=60).returncode:
        pytest.skip("the compiler has no sanitisers")
    return compiled(folder, *SANITISED)


class Sender:
    """Frames of a body, counted."""

    def __init__(self) -> None:
        self.sequence = 0

    def frame(self, *messages: Message, class_: int = ORDER) -> bytes:
        return self.framed(build_payload(messages), class_)

    def framed(self, payload: bytes, class_: int = ORDER) -> bytes:
        self.sequence = (self.sequence + 1) & 0xFF
        return LMOUNT.build_frame(payload, class_, self.sequence)

    def hello(self) -> bytes:
        return self.frame(BodyHello(features=ALL, rates=[115_200, 1_500_000]), class_=LINK)


def read(data: bytes) -> list[Frame]:
    """The frames of a lens's bytes; all of them have to be frames, in order, and declared down to the last field."""
    reader = FrameParser(LMOUNT, Role.LENS, LMOUNT.payload_parser())
    events = reader.receive(data)
    frames = [event for event in events if isinstance(event, Frame)]
    assert frames == events
    assert reader.consumed_offset == len(data)
    assert [frame.sequence for frame in frames] == [index & 0xFF for index in range(len(frames))]
    assert all(isinstance(message, Message) for frame in frames for message in frame.messages)
    return frames


def fed(program: Path, data: bytes) -> bytes:
    """What the lens says to these bytes, until its input has ended and nothing moves any more."""
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            said, complaints = child.communicate(data, timeout=LONGEST_S)
        finally:
            child.kill()
    assert complaints == b""
    assert child.returncode == 0
    return said


def messages(frames: Sequence[Frame]) -> Iterator[Message]:
    for frame in frames:
        yield from (message for message in frame.messages if isinstance(message, Message))


def test_it_knows_nothing_but_the_specification() -> None:
    text = SOURCE.read_text()
    assert "protocol/spec/lmount.md" in text
    assert "lensmount_" not in text


def test_our_body_takes_it_through_every_check(lens: Path) -> None:
    settings = load_profile("panasonic-s1r").settings
    assert isinstance(settings, BodySettings)
    notices: list[Notice] = []
    with open_transport("pty:", role=Role.BODY, baudrate=115_200) as port:
        script = parse_script("check all; focus 2m; aperture f/8; sleep; wake", VERBS)
        body = BodyEngine(settings, port.lines, script=script)
        with subprocess.Popen([lens, port.name.removeprefix("pty:")]) as child:
            try:
                session = EngineDriver(body, port, MonotonicClock(), on_notice=notices.append)
                session.run(LONGEST_S, stop_when=lambda: body.done)
            finally:
                child.kill()
    assert body.done
    assert [notice.text for notice in notices if notice.is_error] == []
    assert {finding.step for finding in body.compatibility_results} == {
        "attach", "identify", "negotiate", "zoom", "focus", "iris", "stabilise", "correct", "expose", "sleep", "wake",
        "firmware",
    }  # fmt: skip
    for finding in body.compatibility_results:
        assert finding.verdict in (Verdict.WORKS, Verdict.REDUCED)
        assert finding.verdict is Verdict.WORKS or finding.rule in RULES
    texts = [notice.text for notice in notices]
    assert "switched to 1500000 baud" in texts
    assert any(text.startswith("focus at 450, 2.00 m") for text in texts)
    assert any(text.startswith("aperture at f/8.0") for text in texts)
    assert texts.count("the lens sleeps") == 2


def test_every_answer_is_a_declared_one(lens: Path) -> None:
    """Canned frames, between garbage, cut ones and such as come twice; the answers are told by number."""
    sender, noise = Sender(), Random("noise")
    near = sender.frame(FocusDrive(number=20, order=FocusCommand.NEAR_END))
    orders: list[bytes] = [
        sender.frame(IdentityRequest(number=1)),
        sender.hello(),
        sender.frame(FocusDrive(number=2, order=FocusCommand.HOME)),
        sender.frame(PowerGrant(number=3, granted=PowerClass.LOW, limit_ma=200)),
        sender.frame(SetBaudrateCommand(number=4, baudrate=1_500_000)),
        sender.frame(SetBaudrateCommand(number=5, baudrate=9_600)),
        sender.frame(IdentityRequest(number=6), LensCapabilitiesRequest(number=7), MetadataRequest(number=8)),
        sender.frame(ImageCircleSelect(number=9)),
        sender.frame(StabiliserCommand(number=10, mode=StabiliserMode.NORMAL)),
        sender.frame(RingBehaviour(number=11)),
        sender.frame(ZoomDrive(number=12, target_um=50_000)),
        sender.frame(ExtensionOffer(number=13, pages=[ExtensionId(number=1, revision=1)])),
        sender.frame(ExtensionCommand(number=14, page=1, content=b"\x01")),
        sender.frame(UpdateOffer(number=15, size=4096)),
        sender.frame(CorrectionRequest(number=16, kind=CorrectionKind.DISTORTION)),
        *(sender.frame(FocusTableRequest(number=16 + table, table=table)) for table in (1, 2, 3)),
        near,
        near,
        sender.frame(FocusDrive(number=21, order=FocusCommand.RELATIVE, value=-100)),
        sender.frame(FocusDrive(number=22, order=FocusCommand.VELOCITY, value=500)),
        sender.frame(FocusDrive(number=23, order=FocusCommand.STOP)),
        sender.frame(FocusDrive(number=24, order=FocusCommand.ABSOLUTE, value=9_999)),
        sender.frame(FocusDrive(number=25, order=FocusCommand.ABSOLUTE, value=800)),
        sender.frame(ApertureDrive(number=26, mode=ApertureMode.SMOOTH, target=1024, duration_us=50_000)),
        sender.framed(b"\x7e\x02\x00\x1b\x00"),
        sender.framed(b"\x20\x03\x00\x1c\x01\x00"),
        sender.framed(b"\x08\x05\x00\x1d"),
        sender.framed(b"\x05\x02\x00\x20\x04"),
        sender.frame(IdentityRequest(number=30), class_=EVENT),
        sender.frame(BodyHello(), class_=CYCLE),
        sender.frame(StreamConfig(number=31, reports=[0xA0, 0xA8, 0xB0, 0xB8])),
        sender.frame(FrameStart(frame=77, period_us=20_000), class_=CYCLE),
    ]
    rubbish = [b"\xe0", b"\xe0\x20", near[:-3], bytes(noise.randrange(256) for _ in range(30)), b"\xe0\x03\x00\x03"]
    data = b"".join(order + noise.choice(rubbish) for order in orders)
    frames = read(fed(lens, data))
    answers: dict[int, list[Message]] = {}
    for message in messages([frame for frame in frames if frame.class_ == ORDER]):
        answers.setdefault(int(getattr(message, "number", 0)), []).append(message)
    assert {number: [_short(answer) for answer in given] for number, given in answers.items()} == {
        1: [RejectionCode.NOT_NOW],
        2: [RejectionCode.NO_POWER],
        3: [Outcome.DONE],
        4: [Outcome.ACCEPTED],
        5: [RejectionCode.NOT_ABLE],
        6: ["Identity"],
        7: ["LensCapabilities"],
        8: ["Metadata"],
        9: [Outcome.DONE],
        **{number: [RejectionCode.NOT_ABLE] for number in (10, 11, 12)},
        **{number: [RejectionCode.NOT_AGREED] for number in (13, 14, 15, 19)},
        16: ["Correction"],
        17: ["DistanceScale"],
        18: ["BreathingTable"],
        20: [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.REPLACED],
        21: [Outcome.ACCEPTED, Outcome.REPLACED],
        22: [Outcome.ACCEPTED, Outcome.STOPPED],
        23: [Outcome.DONE],
        24: [RejectionCode.OUT_OF_RANGE],
        25: [Outcome.ACCEPTED, Outcome.DONE],
        26: [Outcome.ACCEPTED, Outcome.DONE],
        27: [RejectionCode.UNKNOWN_MESSAGE],
        28: [RejectionCode.DAMAGED],
        29: [RejectionCode.DAMAGED],
        31: [Outcome.DONE],
        32: [RejectionCode.DAMAGED],
    }
    assert [type(message) for message in messages([f for f in frames if f.class_ == LINK])] == [LensHello]
    (cycle,) = [frame for frame in frames if frame.class_ == CYCLE]
    assert [(message.TYPE, getattr(message, "frame", None)) for message in messages([cycle])] == [
        (kind, 77) for kind in (0xA0, 0xA8, 0xB0, 0xB8)
    ]


def _short(answer: Message) -> object:
    if isinstance(answer, CommandRejected):
        return answer.code
    return answer.outcome if isinstance(answer, CommandDone) else type(answer).__name__


def test_a_frame_that_stays_cut_is_given_up_in_silence(lens: Path) -> None:
    sender = Sender()
    with subprocess.Popen([lens], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(b"\xe0\x40\x02\x03\x00" + sender.hello())
            assert select.select([child.stdout], [], [], LONGEST_S)[0]
            said = child.stdout.read(4096)
        finally:
            child.kill()
    assert [type(message) for message in messages(read(said))] == [LensHello]


def test_what_comes_again_is_not_done_again(lens: Path) -> None:
    """The second and third copy of a relative drive are accepted, and move nothing."""
    sender = Sender()
    relative = sender.frame(FocusDrive(number=2, order=FocusCommand.RELATIVE, value=120))
    before = [sender.hello(), sender.frame(PowerGrant(number=1, granted=PowerClass.NORMAL, limit_ma=500)), relative]
    stream = sender.frame(StreamConfig(number=3, reports=[0xA0]))
    start = sender.frame(FrameStart(frame=1, period_us=20_000), class_=CYCLE)
    once = read(fed(lens, b"".join(before) + stream + start))
    again = read(fed(lens, b"".join(before) + relative + relative + stream + start))
    targets = [[m.target for m in messages(frames) if isinstance(m, FocusState)] for frames in (once, again)]
    assert targets == [[1120], [1120]]
    accepted = [m for m in messages(again) if isinstance(m, CommandDone) and m.outcome == Outcome.ACCEPTED]
    assert len(accepted) == 3


def test_no_burst_upsets_it(sanitised: Path) -> None:
    """Noise, noise that looks like a frame, frames with a right checksum around anything, and frames that are bent."""
    random, sender = Random("bursts"), Sender()
    declared = [cls for cls in LMOUNT.messages.values() if cls.SENDER is Role.BODY]
    bursts: list[bytes] = [sender.hello(), sender.frame(PowerGrant(number=1, granted=PowerClass.HIGH, limit_ma=900))]
    for _ in range(4_000):
        payload = bytearray(
            b"".join(message_bytes(random.choice(declared), random) for _ in range(random.randrange(1, 4)))
        )
        if random.random() < 0.5:
            payload = bytearray(random.randbytes(random.randrange(3, 60)))
        elif payload:
            payload[random.randrange(len(payload))] = random.randrange(256)
        frame = sender.framed(bytes(payload[:593]), random.randrange(6))
        bursts.append(
            random.choice((frame, frame[: random.randrange(len(frame))], random.randbytes(random.randrange(60))))
        )
    # Smooth drives may last for hours; sleep ends them.
    ending = sender.hello() + sender.frame(Sleep(number=77))
    frames = read(fed(sanitised, b"".join(bursts) + ending))
    assert len(frames) > 500
    last = [frame.messages[0] for frame in frames[-4:]]
    assert any(isinstance(message, LensHello) for message in last)
    assert _short(list(messages(frames))[-1]) == Outcome.DONE
