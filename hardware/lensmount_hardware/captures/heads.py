"""How each format is recognised by the beginning of a file, whatever the file's name."""

import re

MAGIC = b'{"lensmount":"recording"'
"""How every recording begins."""

PCAPNG_MAGIC = b"\n\r\r\n"
"""How every pcapng file begins, in either byte order."""

PCAP_MAGICS = frozenset(map(bytes.fromhex, ("d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d")))
"""How classic pcap files begin: in either byte order, with microseconds or nanoseconds."""

_VCD = re.compile(rb"\s*\$(?:date|version|timescale|comment|scope|var|attrbegin|enddefinitions)\b", re.IGNORECASE)
"""How the header of a Value Change Dump begins: with any of its declarations."""

CSV_COMMENT = re.compile(rb"[;#]")
"""How a row in front of a table's header begins, where programs write what they are and at which rate they sampled."""

CSV_HEADER = re.compile(
    rb'[ \t]*"?time(?:stamp)?[ \t]*(?:[\[(][ \t]*((?:[mun]|\xc2\xb5)?s)[ \t]*[\])])?"?([ ]*[,;\t])', re.IGNORECASE
)
"""How the header of a table of levels begins: a column of times with its unit, and the separator."""

_DATA_TABLE = re.compile(rb'"?name"?,"?type"?,"?start_time"?,"?duration"?', re.IGNORECASE)

SALEAE_MAGIC = b"<SALEAE>"
"""How every binary file of Saleae Logic 2 begins."""

_SIGROK_FIRST = re.compile(rb"PK\x03\x04.{26}(?:version|metadata|logic-\d)", re.DOTALL)

_SIGNS = re.compile(
    rb"\b(?:body|camera)\s*[-=]*(?:>|\xe2\x86\x92)\s*lens\b|\blens\s*[-=]*(?:>|\xe2\x86\x92)\s*(?:body|camera)\b"
    rb"|\[[BbLl]:\d+\]|^[cC] \d{3,}\s*$"
    rb"|^[\s\[\d:.,\]]{0,40}\*?\s{0,8}[tr]x\b[\s:]{1,4}(?:\d{1,12}\s{1,8})?(?:0x)?[0-9a-f]{2}(?:[\s,:]|[0-9a-f]{8})",
    re.MULTILINE | re.IGNORECASE,
)
"""What at least one line of a sniffer's log is: a message or a mark."""


def is_sigrok(head: bytes) -> bool:
    """Whether a file that begins like this is a ZIP whose first member is one of a sigrok capture."""
    return _SIGROK_FIRST.match(head) is not None


def is_zip(head: bytes) -> bool:
    """Whether a file that begins like this is a ZIP, perhaps one of a capture format."""
    return head.startswith(b"PK\x03\x04")


def is_waveform_csv(head: bytes) -> bool:
    """Whether a file that begins like this is a table of levels over time."""
    rows = (row for row in head.splitlines() if row.strip() and not CSV_COMMENT.match(row))
    return CSV_HEADER.match(next(rows, b"")) is not None


def is_data_table(head: bytes) -> bool:
    """Whether a file that begins like this is what an analyzer of Saleae Logic 2 decoded."""
    return _DATA_TABLE.match(head) is not None


def is_saleae_binary(head: bytes) -> bool:
    """Whether a file that begins like this is a binary file of Saleae Logic 2."""
    return head.startswith(SALEAE_MAGIC)


def is_recording(head: bytes) -> bool:
    """Whether a file that begins like this is a recording, perhaps one that was cut in its header."""
    return head.startswith(MAGIC) or (bool(head) and MAGIC.startswith(head))


def is_pcapng(head: bytes) -> bool:
    """Whether a file that begins like this is pcapng, perhaps one that was cut in its first bytes."""
    return head.startswith(PCAPNG_MAGIC) or (len(head) > 1 and PCAPNG_MAGIC.startswith(head))


def is_pcap(head: bytes) -> bool:
    """Whether a file that begins like this is classic pcap, in either byte order."""
    return head[:4] in PCAP_MAGICS


def is_vcd(head: bytes) -> bool:
    """Whether a file that begins like this is a Value Change Dump."""
    return _VCD.match(head) is not None


def is_text(head: bytes) -> bool:
    """Whether a file that begins like this is a sniffer's log: at least one line is a message or a mark."""
    return _SIGNS.search(head) is not None


def is_jsonl(head: bytes) -> bool:
    """Whether a file that begins like this may be JSON lines; the first of them may be damaged."""
    return any(line.lstrip().startswith(b"{") for line in head.splitlines())
