"""Generated from lensmount_protocol.dialects.emount.body_mode by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.dialects.emount.types import FocusMode as FocusMode_1
from lensmount_protocol.codec.support import Members, Struct, fail


def BodyMode(cls, ask):
    members_2 = Members(FocusMode_1)
    take_3 = Struct('<x2sBB2sBB2sB2s').unpack_from
    pack_4 = Struct('<B2sBB2sBB2sB2s').pack
    def make(*values):
        message = cls(*values)
        message.focus_mode = members_2[message.focus_mode]
        return message
    def build(message):
        try:
            return pack_4(0x4, (message.unknown_0 if len(message.unknown_0) == 2 else fail()), message.unknown_2, int(message.focus_mode), (message.unknown_4 if len(message.unknown_4) == 2 else fail()), message.body_constant, message.target_kind, (message.unknown_8 if len(message.unknown_8) == 2 else fail()), message.state, (message.unknown_11 if len(message.unknown_11) == 2 else fail()))
        except Exception:
            return ask(message)
    return take_3, make, build


CODECS = {
    'BodyMode': ('1-e5385036', BodyMode),
}
