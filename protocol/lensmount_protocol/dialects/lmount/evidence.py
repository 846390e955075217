"""Evidence of the open model's messages: the numbered items that must cross the contacts, and our own design.

No value here is Leica's, Panasonic's or Sigma's: public sources show *that* something crosses the contacts, never how.
"""

from lensmount_protocol.evidence import Evidence, EvidenceLevel

SOURCES = {
    "ITEMS": "lensmount protocol/spec/lmount.md, section 2: what must cross the contacts, with its public sources",
    "OWN": "lensmount's own design, protocol/spec/lmount.md",
}


def evidence_items(*numbers: int) -> Evidence:
    """A message that carries these items: that they cross the contacts is public or follows; its form is our own."""
    return Evidence(EvidenceLevel.MODELLED, f"ITEMS {', '.join(map(str, numbers))}")


OUR_DESIGN = Evidence(EvidenceLevel.MODELLED, "OWN")
