"""How well a followed frame fits, in bytes; it decides between phases that give equally many strict frames."""

from lensmount_emulator.fidelity.follower import FollowedReply
from lensmount_emulator.fidelity.reply_score import message_pieces


def equal_bytes(reply: FollowedReply) -> int:
    """Bytes of the captured payload that our frame has at the same place of the same message."""
    if reply.ours is None:
        return 0
    pieces = zip(message_pieces(reply.captured), message_pieces(reply.ours), strict=False)
    return sum(a == b for theirs, mine in pieces for a, b in zip(theirs, mine, strict=False))
