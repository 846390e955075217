"""What learning knows of Micro Four Thirds: units as words, and where the alphabets are."""

from lensmount_emulator.engine.learn_traits import LearnTraits, OutputToken
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.mft.messages import LensByte
from lensmount_protocol.payload import message_type


def _words(arrival: ReceivedFrame) -> tuple[OutputToken, ...]:
    """A single byte with its value; of an answer only its type, since values are not states."""
    return tuple(
        OutputToken(f"01({message.value:02X})" if isinstance(message, LensByte) else f"{message_type(message):02X}")
        for message in arrival.messages
    )


MFT_LEARN = LearnTraits(alphabets="lensmount_emulator.roles.mft.alphabets", describe=_words)
"""The Micro Four Thirds traits for learning."""
