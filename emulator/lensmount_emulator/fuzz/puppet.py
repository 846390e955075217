"""An end that is no engine."""

from lensmount_emulator.roles.engine import Engine


class Puppet(Engine):
    """An end that hears, and does nothing by itself."""
