"""What one end saw of one direction, small enough for any length: how many bytes, and a digest every so often."""

import hashlib
from dataclasses import dataclass, field

BLOCK = 65536


@dataclass
class Ledger:
    """Bytes that went by, in order.

    Attributes:
        size: how many.
        digests: of everything up to each whole block.
    """

    size: int = 0
    digests: list[str] = field(default_factory=list)
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, data: bytes) -> None:
        while data:
            part = data[: BLOCK - self.size % BLOCK]
            self._hash.update(part)
            self.size += len(part)
            data = data[len(part) :]
            if self.size % BLOCK == 0:
                self.digests.append(self._hash.hexdigest()[:16])

    def told(self) -> dict[str, object]:
        return {"size": self.size, "digests": self.digests, "last": self._hash.hexdigest()[:16]}


def difference(sent: dict, heard: dict) -> str:
    """What is wrong between the ledgers of the sender and of the receiver, as they tell them; `""` for nothing."""
    for number, (here, there) in enumerate(zip(sent["digests"], heard["digests"], strict=False)):
        if here != there:
            return f"bytes {number * BLOCK} to {(number + 1) * BLOCK} are not what was sent"
    if (sent["size"], sent["last"]) != (heard["size"], heard["last"]):
        return f"{sent['size']} bytes were sent and {heard['size']} came, the last of them different"
    return ""
