"""A body and a lens on a virtual mount, ready to be asked anything."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.lmount.body import BodyEngine
from lensmount_emulator.roles.lmount.body_script import carry_out
from lensmount_emulator.roles.lmount.lens import LensEngine
from lensmount_emulator.roles.lmount.settings import BodySettings, LensSettings
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.roles.registry import cast_of
from lensmount_emulator.roles.script import parse_script
from lensmount_emulator.roles.tasks import Await
from lensmount_emulator.sessions.bench import Bench
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.message import Message
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Record, Role

LMOUNT = load_dialect("lmount")
CAST = cast_of("lmount")
LONGEST_S = 8.0


def changed(settings: Any, **changes: Any) -> Any:
    """Settings with other values: `changed(lens, parts={"diaphragm": False})`."""
    new = {
        key: msgspec.structs.replace(getattr(settings, key), **value) if isinstance(value, dict) else value
        for key, value in changes.items()
    }
    return msgspec.structs.replace(settings, **new)


@dataclass
class Mounted:
    """Both ends on a bench, and all that was said."""

    body: BodyEngine
    lens: LensEngine
    records: list[Record] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bench = Bench(LMOUNT, self.body, self.lens, tap=self.records.append, listen=self.notices.append)
        self.bench.start()

    def run(self, seconds: float) -> None:
        self.bench.run(self.bench.now + seconds)

    def until(self, ready: Callable[[], bool]) -> None:
        self.bench.run(self.bench.now + LONGEST_S, unless=ready)
        assert ready(), [notice.text for notice in self.notices][-5:]

    def streams(self) -> "Mounted":
        """Let the body get to know the lens."""
        self.until(lambda: any(finding.step == "negotiate" for finding in self.body.findings))
        return self

    def do(self, deed: Generator[Await, bool, Any]) -> Any:
        """Have the body do something, and give what came of it."""
        came: list[Any] = []

        def task() -> Generator[Await, bool, None]:
            came.append((yield from deed))

        self.body.now = self.bench.now
        self.body.spawn(task())
        self.until(lambda: bool(came))
        return came[0]

    def ask(self, order: Message) -> Any:
        return self.do(self.body.ask(order))

    def script(self, text: str) -> None:
        """Have the body carry out a script."""
        for step in parse_script(text, CAST.verbs):
            self.do(carry_out(self.body, step))

    def hand(self, text: str) -> None:
        """Have the hand at the lens do something."""
        (step,) = parse_script(text, CAST.lens_verbs)
        self.bench.do_by_hand(step)

    def messages(self, role: Role | None = None) -> list[Message]:
        """Everything that was said so far."""
        said: list[Message] = []
        for event in Decoder(LMOUNT).decode(self.records):
            if isinstance(event, DecodedFrame) and role in (None, event.sender):
                said += [message for message in event.messages if isinstance(message, Message)]
        return said

    def of(self, kind: type[Message]) -> list[Any]:
        """Every message of a class, in order."""
        return [message for message in self.messages() if isinstance(message, kind)]

    @property
    def troubles(self) -> list[str]:
        return [notice.text for notice in self.notices if notice.trouble]


Mount = Callable[..., Mounted]


@pytest.fixture
def mount() -> Mount:
    """Puts a lens on a body: profiles by name, and settings that differ from them."""

    def put_on(
        body: str = "panasonic-s1r",
        lens: str = "sigma-45mm-f2.8-dg-dn",
        *,
        body_changes: dict[str, Any] | None = None,
        lens_changes: dict[str, Any] | None = None,
        script: str = "",
    ) -> Mounted:
        bodies, lenses = load_profile(body).settings, load_profile(lens).settings
        assert isinstance(bodies, BodySettings)
        assert isinstance(lenses, LensSettings)
        return Mounted(
            BodyEngine(changed(bodies, **body_changes or {}), script=parse_script(script, CAST.verbs)),
            LensEngine(changed(lenses, **lens_changes or {})),
        )

    return put_on
