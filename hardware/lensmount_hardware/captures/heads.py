"""How each format is recognised by the beginning of a file, whatever the file's name."""

import re

MAGIC = b'{"lensmount":"recording"'
"""How every recording begins."""

PCAPNG_MAGIC = b"\n\r\r\n"
"""How every pcapng file begins, in either byte order."""

_VCD = re.compile(rb"\s*\$(?:date|version|timescale|comment|scope|var|attrbegin|enddefinitions)\b", re.IGNORECASE)
"""How the header of a Value Change Dump begins: with any of its declarations."""

_SIGNS = re.compile(rb"(?:Body->Lens|Lens->Body)\b|\[[BbLl]:\d+\]|^[cC] \d{3,}\s*$", re.MULTILINE)
"""What at least one line of a sniffer's log is: a message or a mark."""


def is_sigrok(head: bytes) -> bool:
    """Whether a file that begins like this may be a sigrok capture."""
    return head.startswith(b"PK\x03\x04")


def is_recording(head: bytes) -> bool:
    """Whether a file that begins like this is a recording, perhaps one that was cut in its header."""
    return head.startswith(MAGIC) or (bool(head) and MAGIC.startswith(head))


def is_pcapng(head: bytes) -> bool:
    """Whether a file that begins like this is pcapng, perhaps one that was cut in its first bytes."""
    return head.startswith(PCAPNG_MAGIC) or (len(head) > 1 and PCAPNG_MAGIC.startswith(head))


def is_vcd(head: bytes) -> bool:
    """Whether a file that begins like this is a Value Change Dump."""
    return _VCD.match(head) is not None


def is_text(head: bytes) -> bool:
    """Whether a file that begins like this is a sniffer's log: at least one line is a message or a mark."""
    return _SIGNS.search(head) is not None


def is_jsonl(head: bytes) -> bool:
    """Whether a file that begins like this may be JSON lines; the first of them may be damaged."""
    return any(line.lstrip().startswith(b"{") for line in head.splitlines())
