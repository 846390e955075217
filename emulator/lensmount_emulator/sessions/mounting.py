"""How engines come on a virtual mount: a plain one, or one on which things go wrong, and how a lens makes way."""

from collections.abc import Callable

from lensmount_emulator.faults.mount import FaultyMount
from lensmount_emulator.faults.plan import Plan
from lensmount_emulator.mount.port import noting
from lensmount_emulator.mount.virtual import Resolution, VirtualMount
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Record, SetBaudrate

Mounting = Callable[[Dialect, Callable[[Record], None], Scheduler, Resolution, Plan | None], VirtualMount]
"""Makes a mount: what is spoken, who sees it all, the time, how bytes are delivered, and what goes wrong."""


def make_mount(
    dialect: Dialect,
    tap: Callable[[Record], None],
    scheduler: Scheduler,
    resolution: Resolution,
    plan: Plan | None,
) -> VirtualMount:
    """A mount; without a plan, or with one of no faults, nothing stands between the ends and the contacts."""
    return FaultyMount(dialect, tap, scheduler, resolution, plan) if plan else VirtualMount(
        dialect, tap, scheduler, resolution
    )  # fmt: skip


def join(engine: Engine, mount: VirtualMount, listen: Callable[[Notice], None]) -> None:
    """Bring an engine on its end of a mount, whatever rate the one before it spoke at."""
    mount.apply(engine.role, SetBaudrate(engine.baudrate))
    mount.connect(engine.role, engine.receive)
    engine.join(mount.timebase(engine.role), mount.port(engine.role), listen)


def leave(engine: Engine) -> None:
    """An engine is gone: what it may still do reaches nobody."""
    engine.stop_tasks()
    engine.join(Scheduler(), noting(lambda _action: None), lambda _notice: None)
