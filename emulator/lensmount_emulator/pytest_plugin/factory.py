"""What the fixture `mount` gives: puts a lens on a body, virtual or on the port, as often as a test wants."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from lensmount_emulator.engine.dialect_roles import Place, get_roles, make_engine
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.faults.registry import FaultPlan, parse_plan
from lensmount_emulator.faults.rule import RulesLike, resolve_rules
from lensmount_emulator.profiles.library import Profile, load_profile
from lensmount_emulator.pytest_plugin.failure_report import (
    ProfileLike,
    ReplayCommand,
    device_replay_command,
    replay_command,
)
from lensmount_emulator.pytest_plugin.live import LiveMountSession
from lensmount_emulator.pytest_plugin.mount_session import MountSession
from lensmount_emulator.pytest_plugin.options import MountOptions
from lensmount_emulator.pytest_plugin.shared_port import SharedPort
from lensmount_emulator.pytest_plugin.traffic_log import Recording, TrafficLog
from lensmount_emulator.pytest_plugin.virtual import VirtualMountSession
from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard
from lensmount_emulator.sessions.virtual.participants import default_pair, make_participants, resolve_profile
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_hardware.transport import Transport, as_timed
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import TransportError
from lensmount_protocol.wire import Role

MAX_NAME = 100
"""Letters of a test's name that the name of its recording keeps."""


class MountFactory:
    """Makes mounts for one test, and ends them.

    Attributes:
        options: defaults for the arguments of a call.
        recording: the traffic of the newest mount.
    """

    def __init__(
        self,
        options: MountOptions,
        port: SharedPort | None,
        folder: Path,
        test: str,
        sessions: list[MountSession],
        lines: int,
    ) -> None:
        self.options = options
        self.recording = Recording(self._newest)
        self._port = None if options.virtual else port
        self._folder = folder
        self._test = test
        self._sessions = sessions
        self._lines = lines

    def __repr__(self) -> str:
        return f"mount({self.options})"

    def __call__(
        self,
        body: ProfileLike | None = None,
        lens: ProfileLike | None = None,
        accessories: Sequence[ProfileLike] | None = None,
        script: str | None = None,
        *,
        seed: int | None = None,
        allow: Sequence[str] = (),
        rules: RulesLike | None = None,
    ) -> MountSession:
        """Put a lens on a body; no time has passed yet.

        Missing arguments come from the test's marker, then the ini file, then the default partner of the other end.

        Args:
            body: a body profile, by name or path, or one that has been read.
            lens: a lens profile.
            accessories: profiles of what stands between them, from the body on; on a port the test is skipped.
            script: what the body does once it runs.
            seed: where reaction times get their jitter from; a port has its own.
            allow: guarded messages that our body may send, by name: `Update*`. They can leave a device dead. On a port
                also unknown types, by number: `0x7f`.
            rules: what changes messages between the ends: the path of a file of rules, or texts and `Rule` objects; on
                a port the test is skipped.

        Raises:
            ProfileError: a profile is unknown or impossible, or they do not fit together.
            ScriptError: an unknown verb or value of the script.
            DialectError: a name that no guarded message has.
            FaultError: a rule is wrong.
        """
        choices = self.options
        given = (
            (choices.body_firmware or choices.body) if body is None else body,
            (choices.lens_firmware or choices.lens) if lens is None else lens,
        )
        ends = self._resolve_profiles(*given)
        between = choices.accessories if accessories is None else accessories
        script = choices.script if script is None else script
        seed = choices.seed if seed is None else seed
        plan = parse_plan(resolve_rules(choices.rules if rules is None else rules), seed)
        if self._port is None:
            print_line = replay_command([*zip(given, ends, strict=True)], between, script, seed, allow, plan)
            mounted = self._virtual(
                ends, [resolve_profile(one, Place.ACCESSORY) for one in between], print_line, script, seed, allow, plan
            )
        else:
            if plan:
                pytest.skip(f"rules between the ends are virtual, and a device is on {self._port.spec}")
            if between:
                pytest.skip(f"{between[0]} between the ends is virtual, and a device is on {self._port.spec}")
            mounted = self._live(self._port, ends, script, allow)
        self._sessions.append(mounted)
        return mounted

    def close(self) -> None:
        """The test is over: end what plays, and put the port at rest."""
        with ExitStack() as stack:
            if self._port is not None:
                stack.callback(self._port.release)
            for mounted in self._sessions:
                stack.callback(mounted.close)

    def _resolve_profiles(self, body: ProfileLike | None, lens: ProfileLike | None) -> tuple[Profile, Profile]:
        wanted = self.options.dialect
        if body is None and lens is None:
            if wanted is None:
                return default_pair(None, None)
            roles = get_roles(wanted)
            return load_profile(roles.default_body, Role.BODY), load_profile(roles.default_lens, Role.LENS)
        near = None if body is None else resolve_profile(body, Place.BODY)
        far = None if lens is None else resolve_profile(lens, Place.LENS)
        if near is None:
            assert far is not None
            near = load_profile(get_roles(far.dialect).default_body, Role.BODY)
        if far is None:
            far = load_profile(get_roles(near.dialect).default_lens, Role.LENS)
        return near, far

    def _virtual(
        self,
        ends: tuple[Profile, Profile],
        between: Sequence[Profile],
        print_line: ReplayCommand,
        script: str,
        seed: int | None,
        allow: Sequence[str],
        plan: FaultPlan,
    ) -> MountSession:
        body, lens = ends
        parts = make_participants(body, lens, between, script, seed)
        parts.body.allow(allow)
        dialect = load_dialect(body.dialect)
        plan.check(dialect)
        header: dict[str, Any] = {"body": body.name, "lens": lens.name, "script": script, "seed": seed}
        log = self._make_log(dialect, frozenset(dialect.wiring.lines), header)
        log.notices += [Notice(0.0, Role.LENS, remark) for remark in parts.notes]
        chain = VirtualSession(
            dialect,
            parts.body,
            parts.lens,
            parts.accessories,
            tap=log.tap,
            on_notice=log.on_notice,
            plan=plan if plan else None,
        )
        # A test waits for what follows; one that stops at frames sets it to true.
        chain.breaks = False
        return VirtualMountSession(chain, get_roles(body.dialect), log, self._lines, print_line)

    def _live(self, port: SharedPort, ends: tuple[Profile, Profile], script: str, allow: Sequence[str]) -> MountSession:
        if self._sessions:
            # One port, one session: an earlier mount of the same test ends here.
            self._sessions[-1].close()
        profile = ends[0] if port.role is Role.BODY else ends[1]
        dialect, roles = load_dialect(profile.dialect), get_roles(profile.dialect)
        steps = parse_script(script, roles.verbs) if port.role is Role.BODY else []
        # A test may send bytes that it builds itself, so the send guard checks them again.
        taken = _take_port(port, dialect)
        guard = SendGuard(dialect, port.role, allow)
        for note in guard.notes:
            port.announce(f"note: {note}")
        transport = GuardedTransport(taken, guard)
        engine = make_engine(roles, profile.settings, transport.lines, None, steps)
        engine.allow(allow)
        engine.connection.keeps_windows = as_timed(transport) is not None
        header = {"role": port.role.value, "profile": profile.name, "port": port.spec}
        log = self._make_log(dialect, transport.lines, header)
        print_line = device_replay_command(log.path, port.spec, port.role, allow)
        return LiveMountSession(engine, transport, port, roles, log, self._lines, print_line, self.options.allow)

    def _make_log(self, dialect: Dialect, lines: frozenset[str], header: dict[str, Any]) -> TrafficLog:
        count = len(self._sessions) + 1
        name = re.sub(r"[^\w.=-]+", "-", self._test)[-MAX_NAME:].strip("-")
        # Two tests may be called alike but for signs that a file's name cannot have.
        unique = f"{name}-{crc32(self._test.encode()):08x}" + (f"-{count}" if count > 1 else "")
        windowed = dialect.select_line(Role.BODY) in lines
        head = {"dialect": dialect.name, **header, "test": self._test}
        return TrafficLog(dialect, self._folder / f"{unique}.lmx", head, windowed)

    def _newest(self) -> TrafficLog:
        if not self._sessions:
            raise LookupError("nothing was mounted in this test, so there is no traffic; call mount() first")
        return self._sessions[-1].log


def _take_port(port: SharedPort, dialect: Dialect) -> Transport:
    try:
        return port.take(dialect)
    except TransportError as error:
        wrong = str(error)
    pytest.fail(wrong, pytrace=False)
