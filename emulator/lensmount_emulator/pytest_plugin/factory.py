"""What the fixture `mount` gives: puts a lens on a body, virtual or on the port, as often as a test wants."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.pytest_plugin.choices import Choices
from lensmount_emulator.pytest_plugin.heard import Heard, Recording
from lensmount_emulator.pytest_plugin.held_port import HeldPort
from lensmount_emulator.pytest_plugin.live import LiveMounted
from lensmount_emulator.pytest_plugin.played import Mounted
from lensmount_emulator.pytest_plugin.retelling import ProfileLike, Retelling, again_on_port, retelling
from lensmount_emulator.pytest_plugin.virtual import VirtualMounted
from lensmount_emulator.roles.cast import Place
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.roles.registry import cast_of
from lensmount_emulator.roles.script import parse_script
from lensmount_emulator.sessions.chain import Chain
from lensmount_emulator.sessions.gate import Gate, GatedTransport
from lensmount_emulator.sessions.loopback import cast_parts, profile_of, usual_pair
from lensmount_hardware.transport import Transport, timed
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import TransportError
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Role

LONGEST_NAME = 100
"""Letters of a test's name that the name of its recording keeps."""


class MountFactory:
    """Makes mounts for one test, and ends them.

    Attributes:
        choices: what is taken where a call does not say it.
        recording: what was heard on the newest mount.
    """

    def __init__(
        self, choices: Choices, port: HeldPort | None, folder: Path, test: str, played: list[Mounted], lines: int
    ) -> None:
        self.choices = choices
        self.recording = Recording(self._newest)
        self._port = None if choices.virtual else port
        self._folder = folder
        self._test = test
        self._played = played
        self._lines = lines

    def __repr__(self) -> str:
        return f"mount({self.choices})"

    def __call__(
        self,
        body: ProfileLike | None = None,
        lens: ProfileLike | None = None,
        accessories: Sequence[ProfileLike] | None = None,
        script: str | None = None,
        *,
        seed: int | None = None,
        arm: Sequence[str] = (),
    ) -> Mounted:
        """Put a lens on a body; no time has passed yet.

        What is not given is what the test's marker says, then the ini file, then the usual partner of the other end.

        Args:
            body: a body profile, by name or path, or one that has been read.
            lens: a lens profile.
            accessories: profiles of what stands between them, from the body on; on a port the test is skipped.
            script: what the body does once it runs.
            seed: where reaction times get their jitter from; a port has its own.
            arm: guarded messages that our body may send, by name: `Update*`. They can leave a device dead. On a port
                also unknown types, by number: `0x7f`.

        Raises:
            ProfileError: a profile is unknown or impossible, or they do not fit together.
            ScriptError: a verb or value of the script that nobody knows.
            DialectError: a name that no guarded message has.
        """
        choices = self.choices
        given = (choices.body if body is None else body, choices.lens if lens is None else lens)
        ends = self._ends(*given)
        between = choices.accessories if accessories is None else accessories
        script = choices.script if script is None else script
        seed = choices.seed if seed is None else seed
        if self._port is None:
            told = retelling([*zip(given, ends, strict=True)], between, script, seed, arm)
            mounted = self._virtual(
                ends, [profile_of(one, Place.ACCESSORY) for one in between], told, script, seed, arm
            )
        else:
            if between:
                pytest.skip(f"{between[0]} between the ends is virtual, and a device is on {self._port.spec}")
            mounted = self._live(self._port, ends, script, arm)
        self._played.append(mounted)
        return mounted

    def close(self) -> None:
        """The test is over: end what plays, and put the port at rest."""
        with ExitStack() as stack:
            if self._port is not None:
                stack.callback(self._port.give_back)
            for mounted in self._played:
                stack.callback(mounted.close)

    def _ends(self, body: ProfileLike | None, lens: ProfileLike | None) -> tuple[Profile, Profile]:
        wanted = self.choices.dialect
        if body is None and lens is None:
            if wanted is None:
                return usual_pair(None, None)
            cast = cast_of(wanted)
            return load_profile(cast.usual_body, Role.BODY), load_profile(cast.usual_lens, Role.LENS)
        near = None if body is None else profile_of(body, Place.BODY)
        far = None if lens is None else profile_of(lens, Place.LENS)
        if near is None:
            assert far is not None
            near = load_profile(cast_of(far.dialect).usual_body, Role.BODY)
        if far is None:
            far = load_profile(cast_of(near.dialect).usual_lens, Role.LENS)
        return near, far

    def _virtual(
        self,
        ends: tuple[Profile, Profile],
        between: Sequence[Profile],
        told: Retelling,
        script: str,
        seed: int | None,
        arm: Sequence[str],
    ) -> Mounted:
        body, lens = ends
        parts = cast_parts(body, lens, between, script, seed)
        parts.body.arm(arm)
        dialect = load_dialect(body.dialect)
        header: dict[str, Any] = {"body": body.name, "lens": lens.name, "script": script, "seed": seed}
        heard = self._heard(dialect, frozenset(dialect.wiring.lines), header)
        heard.notices += [Notice(0.0, Role.LENS, remark) for remark in parts.remarks]
        chain = Chain(dialect, parts.body, parts.lens, parts.accessories, tap=heard.tap, listen=heard.listen)
        return VirtualMounted(chain, cast_of(body.dialect), heard, self._lines, told)

    def _live(self, port: HeldPort, ends: tuple[Profile, Profile], script: str, arm: Sequence[str]) -> Mounted:
        if self._played:
            # One port, one session: an earlier mount of the same test ends here.
            self._played[-1].close()
        profile = ends[0] if port.role is Role.BODY else ends[1]
        dialect, cast = load_dialect(profile.dialect), cast_of(profile.dialect)
        steps = parse_script(script, cast.verbs) if port.role is Role.BODY else []
        # A test may send what it words itself, so what leaves is looked at once more.
        taken = _taken(port, dialect)
        port.gate = Gate(dialect, port.role, arm, after=port.gate)
        for note in port.gate.notes:
            port.announce(f"note: {note}")
        transport = GatedTransport(taken, port.gate)
        engine = cast.engine(profile.settings, transport.lines, None, steps)
        engine.arm(arm)
        engine.connection.keeps_windows = timed(transport) is not None
        header = {"role": port.role.value, "profile": profile.name, "port": port.spec}
        heard = self._heard(dialect, transport.lines, header)
        told = again_on_port(heard.path, port.spec, port.role, arm)
        return LiveMounted(engine, transport, port, cast, heard, self._lines, told, self.choices.allow)

    def _heard(self, dialect: Dialect, lines: frozenset[str], header: dict[str, Any]) -> Heard:
        count = len(self._played) + 1
        name = re.sub(r"[^\w.=-]+", "-", self._test)[-LONGEST_NAME:].strip("-")
        # Two tests may be called alike but for signs that a file's name cannot have.
        unique = f"{name}-{crc32(self._test.encode()):08x}" + (f"-{count}" if count > 1 else "")
        windowed = dialect.select_line(Role.BODY) in lines
        head = {"dialect": dialect.name, **header, "test": self._test}
        return Heard(dialect, self._folder / f"{unique}.lmx", head, windowed)

    def _newest(self) -> Heard:
        if not self._played:
            raise LookupError("nothing was mounted in this test, so nothing was heard; call mount() first")
        return self._played[-1].heard


def _taken(port: HeldPort, dialect: Dialect) -> Transport:
    try:
        return port.take(dialect)
    except TransportError as error:
        wrong = str(error)
    pytest.fail(wrong, pytrace=False)
