"""A body and a lens on a virtual mount, ready to be asked anything."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.engine.tasks import WaitFor
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.lmount.body.engine import BodyEngine
from lensmount_emulator.roles.lmount.body.script import execute_step
from lensmount_emulator.roles.lmount.lens.engine import LensEngine
from lensmount_emulator.roles.lmount.profile import BodySettings, LensSettings
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role, WireRecord

LMOUNT = load_dialect("lmount")
CAST = get_roles("lmount")
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
    records: list[WireRecord] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.virtual_session = VirtualSession(
            LMOUNT, self.body, self.lens, tap=self.records.append, on_notice=self.notices.append
        )
        self.virtual_session.start()

    def run(self, seconds: float) -> None:
        self.virtual_session.run(self.virtual_session.now + seconds)

    def wait_until(self, ready: Callable[[], bool]) -> None:
        self.virtual_session.run(self.virtual_session.now + LONGEST_S, stop_when=ready)
        assert ready(), [notice.text for notice in self.notices][-5:]

    def streams(self) -> "Mounted":
        """Let the body get to know the lens."""
        self.wait_until(lambda: any(finding.step == "negotiate" for finding in self.body.compatibility_results))
        return self

    def run_script(self, deed: Generator[WaitFor, bool, Any]) -> Any:
        """Have the body do something, and give what came of it."""
        came: list[Any] = []

        def task() -> Generator[WaitFor, bool, None]:
            came.append((yield from deed))

        self.body.now = self.virtual_session.now
        self.body.spawn(task())
        self.wait_until(lambda: bool(came))
        return came[0]

    def request(self, order: Message) -> Any:
        return self.run_script(self.body.request(order))

    def script(self, text: str) -> None:
        """Have the body carry out a script."""
        for step in parse_script(text, CAST.verbs):
            self.run_script(execute_step(self.body, step))

    def operate(self, text: str) -> None:
        """Have the hand at the lens do something."""
        (step,) = parse_script(text, CAST.lens_verbs)
        self.virtual_session.operate_mount(step)

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
        return [notice.text for notice in self.notices if notice.is_error]


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
