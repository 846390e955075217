"""Generated from lensmount_protocol.dialects.emount.body_mode by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.dialects.emount.types import FocusMode as FocusMode_1
from lensmount_protocol.codec.support import Members, Struct, fail, new


def BodyMode(cls, ask):
    members_2 = Members(FocusMode_1)
    pack_3 = Struct('<B2sBB2sBB2sB2s').pack
    take_4 = Struct('<x2sBB2sBB2sB2s').unpack_from
    def read(data, at):
        message = new(cls)
        message.unknown_0, message.unknown_2, message.focus_mode, message.unknown_4, message.body_constant, message.target_kind, message.unknown_8, message.state, message.unknown_11, = take_4(data, at)
        message.focus_mode = members_2[message.focus_mode]
        return message
    def build(message):
        try:
            return pack_3(0x4, (message.unknown_0 if len(message.unknown_0) == 2 else fail()), message.unknown_2, int(message.focus_mode), (message.unknown_4 if len(message.unknown_4) == 2 else fail()), message.body_constant, message.target_kind, (message.unknown_8 if len(message.unknown_8) == 2 else fail()), message.state, (message.unknown_11 if len(message.unknown_11) == 2 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


CODECS = {
    'BodyMode': ('1-9e01c3a8', BodyMode),
}
