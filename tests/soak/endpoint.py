"""One end of a long live session in a process of its own: `python -m soak.endpoint lens PROFILE PORT SECONDS`."""

import json
import sys
from contextlib import suppress
from pathlib import Path

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard
from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import TransportLostError
from lensmount_protocol.wire import Burst, Received, Role, WireRecord
from soak.byte_accounting import Ledger

LOOKS = 20
"""How often memory is looked at."""

PATIENCE = 30.0
"""Seconds within which the lens has gone, once the body is silent."""


def main(role_name: str, profile_name: str, port: str, seconds: float) -> None:
    role = Role(role_name)
    profile = load_profile(profile_name, role)
    dialect = load_dialect(profile.dialect)
    ledgers = {end: Ledger() for end in Role}
    troubles: list[str] = []
    memory: list[int] = []

    def tap(record: WireRecord) -> None:
        if isinstance(record, Burst):
            ledgers[record.sender].add(record.data)

    with open_transport(port, role=role, baudrate=dialect.wiring.baudrates[0]) as opened:
        # As `lensmount run` plays.
        transport = GuardedTransport(opened, SendGuard(dialect, role))
        print(transport.name, flush=True)
        engine = get_roles(profile.dialect).make_engine(profile.settings, transport.lines, None, ())
        clock = MonotonicClock()
        listen = lambda notice: troubles.append(notice.text) if notice.is_error else None  # noqa: E731
        session = EngineDriver(engine, transport, clock, tap, listen)

        def look() -> bool:
            if clock.now() >= seconds * (len(memory) + 1) / LOOKS:
                memory.append(resident_kib())
            return False

        session.run(seconds, stop_when=look)
        if role is Role.BODY:
            drain(transport, ledgers[Role.LENS], clock, seconds + PATIENCE)
    told = {
        "ledgers": {end.value: ledger.told() for end, ledger in ledgers.items()},
        "troubles": troubles[:10],
        "memory_kib": memory,
        "deadlines": session.jitter.total,
        "lateness": session.jitter.summary(),
        "bars": list(session.jitter.bars()),
    }
    print(json.dumps(told))


def drain(transport: Transport, ledger: Ledger, clock: Clock, until: float) -> None:
    """Take what the lens still says, until it has gone."""
    with suppress(TransportLostError):
        while clock.now() < until:
            for event in transport.receive(0.1):
                if isinstance(event, Received):
                    ledger.add(event.data)


def resident_kib() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
