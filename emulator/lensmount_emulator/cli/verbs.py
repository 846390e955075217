"""The verbs of the `lensmount` command with their one-line help, and the old names of verbs and flags.

A verb is a line of `VERBS` and the module of its name in this package, with `add_arguments` and `run`.
"""

from collections.abc import Iterable, Mapping, Sequence

VERBS = {
    "demo": "the main job, watched: the alliance's bodies and lenses on the open model, then a real E-mount",
    "decode": "read captures: bytes and edges to frames to typed messages",
    "explain": "what went wrong in a session: the first cause, what was due, and what followed",
    "export": "recordings to Wireshark, PulseView and waveform viewers; dissectors for Wireshark",
    "plot": "fields and lines of a capture over time, as a picture",
    "margins": "how far a delay, a jitter or a clock may move until a session fails",
    "loopback": "a body and a lens meet on a virtual mount",
    "matrix": "run every body with every lens and accessory of a dialect through one script",
    "run": "play one end in real time on a port",
    "flash": "write the firmware that ships with lensmount to a board in boot mode",
    "bootloader": "restart a board with our firmware in its boot mode",
    "devices": "list the serial devices of this machine, and what they can do",
    "doctor": "examine a port: what is wrong with it, and what to do",
    "record": "listen at a port, or at two, and write all to a file",
    "sniff": "listen between a body and a lens, and print their messages",
    "replay": "play a recording to a port, or a virtual session once more from its recording",
    "bridge": "join two ports: what comes at one goes out at the other",
    "firmware": "look at a firmware image, or make one to try updates with",
    "fidelity": "put a profile's engine in the place of a captured device, and score its replies",
    "ledger": "what captures show about each field of a device: ranked hypotheses with counts",
    "shadow": "a profile or twin next to the real device, live or over a recording; differences per field",
    "twin": "make a lens or body that plays from captures of a real one, and score it",
    "dialects": "list the available dialects",
    "profiles": "list the lenses and bodies that can be played",
    "verify-codec": "compare generated code with construct on mutated frames",
    "learn": "what an end does, as a state machine; what two builds do differently",
    "campaign": "many sessions from one file: profiles x faults x seeds, into one file of results, and its report",
    "fuzz": "break readers, sessions and the device on a port at random, and repeat what broke from one file",
    "monitor": "watch traffic in the terminal: a line per message with count, period and last fields",
    "rules": "rules between body and lens: how a relay carries them out, and as C for a small MCU",
    "ui": "sessions, matrices and campaigns in the browser",
    "new": "write a package, a profile or a test repository to begin with: dialect, profile, fault, test",
    "describe": "show a dialect's messages, their fields, offsets and evidence",
}
"""Verb -> what it does, in the order of the help."""


def verb_module(verb: str) -> str:
    """Return the name of the module that runs a verb."""
    return f"lensmount_emulator.cli.{verb.replace('-', '_')}"


OLD_VERBS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("board", "flash"): ("flash",),
    ("board", "image"): ("flash", "--dry-run"),
    ("board", "boot"): ("bootloader",),
    ("boards",): ("devices",),
    ("campaign", "replay"): ("campaign", "rerun"),
    ("fuzz", "replay"): ("replay",),
    ("prove",): ("verify-codec",),
}
"""Old verb -> the arguments that replace it."""

_OLD_DEVICE_FLAGS = {
    "--answer": "--reply-timeout",
    "--arm": "--allow",
    "--ask": "--interactive",
    "--greeting": "--startup-timeout",
    "--repeats": "--repeat",
}

OLD_FLAGS: Mapping[str, Mapping[str, str]] = {
    "bridge": {"--story": "--summary"},
    "campaign": {"--shorten": "--shrink", "--to": "--output", "--where": "--filter"},
    "describe": {"--emit": "--write-codecs"},
    "devices": {"--closed": "--no-probe"},
    "doctor": {"--jumpers": "--loopback-jumpers"},
    "export": {"--to": "--output"},
    "fuzz": {
        **_OLD_DEVICE_FLAGS,
        "--folder": "--output-dir",
        "--stories": "--output-dir",
        "--tries": "--shrink-attempts",
    },
    "loopback": {"--arm": "--allow", "--do": "--script", "--with": "--accessory"},
    "matrix": {"--do": "--script", "--with": "--accessory"},
    "record": {"--also": "--second-port", "--hears": "--direction", "--to": "--output"},
    "replay": {
        **_OLD_DEVICE_FLAGS,
        "--any-device": "--ignore-identity",
        "--as": "--role",
        "--patience": "--timeout",
        "--wait": "--sync",
    },
    "run": {"--arm": "--allow", "--do": "--script"},
}
"""Verb -> its old flags, each with the flag that replaces it. Old names work for one release."""


def replace_old_names(arguments: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Replace the old names of verbs and flags.

    Args:
        arguments: the arguments of the command, the verb first.

    Returns:
        The arguments with the current name of each verb and flag, and the old names that were used, each with the
        current one.
    """
    items, replaced = list(arguments), list[tuple[str, str]]()
    for old, new in OLD_VERBS.items():
        if tuple(items[: len(old)]) == old:
            items[: len(old)] = new
            replaced.append((" ".join(old), " ".join(new)))
            break
    flags: Mapping[str, str] = OLD_FLAGS.get(items[0], {}) if items else {}
    # What follows `--` is no flag.
    end = items.index("--") if "--" in items else len(items)
    for number, item in enumerate(items[:end]):
        flag, equals, value = item.partition("=")
        if flag in flags:
            items[number] = f"{flags[flag]}{equals}{value}"
            replaced.append((flag, flags[flag]))
    return items, replaced


def log_old_names(replaced: Iterable[tuple[str, str]]) -> None:
    """Log each old name that was used, at INFO."""
    for old, new in replaced:
        from lensmount_protocol.logs import get_logger

        get_logger("cli").info("%s is an old name, which the next release drops: use %s", old, new)
