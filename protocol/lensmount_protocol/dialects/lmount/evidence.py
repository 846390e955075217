"""Where the open model's messages come from: the numbered items of what must cross the contacts, and our own design.

No value here is Leica's, Panasonic's or Sigma's: what is public says *that* something crosses the contacts, never how.
"""

from lensmount_protocol.evidence import Evidence, Proof

SOURCES = {
    "ITEMS": "lensmount protocol/spec/lmount.md, section 2: what must cross the contacts, with its public sources",
    "OWN": "lensmount's own design, protocol/spec/lmount.md",
}


def items(*numbers: int) -> Evidence:
    """A message that carries these items: that they cross the contacts is public or follows; its form is our own."""
    return Evidence(Proof.MODELLED, f"ITEMS {', '.join(map(str, numbers))}")


OWN = Evidence(Proof.MODELLED, "OWN")
