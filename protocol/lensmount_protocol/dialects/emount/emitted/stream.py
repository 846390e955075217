"""Generated from lensmount_protocol.dialects.emount.stream by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.codec.support import Struct, fail, from_bytes, to_bytes


def StreamLayoutRequest(cls, ask):
    take_1 = Struct('<x3s5sB7s').unpack_from
    pack_2 = Struct('<B3s5sB7s').pack
    def make(status_blocks_, unknown_3_, focus_blocks_, unknown_9_):
        return cls(from_bytes(status_blocks_, 'little'), unknown_3_, focus_blocks_, unknown_9_)
    def build(message):
        try:
            return pack_2(0xa, to_bytes(message.status_blocks, 3, 'little'), (message.unknown_3 if len(message.unknown_3) == 5 else fail()), message.focus_blocks, (message.unknown_9 if len(message.unknown_9) == 7 else fail()))
        except Exception:
            return ask(message)
    return take_1, make, build


def StreamLayoutReply(cls, ask):
    take_1 = Struct('<x3s5sB7s').unpack_from
    pack_2 = Struct('<B3s5sB7s').pack
    def make(status_blocks_, unknown_3_, focus_blocks_, unknown_9_):
        return cls(from_bytes(status_blocks_, 'little'), unknown_3_, focus_blocks_, unknown_9_)
    def build(message):
        try:
            return pack_2(0xa, to_bytes(message.status_blocks, 3, 'little'), (message.unknown_3 if len(message.unknown_3) == 5 else fail()), message.focus_blocks, (message.unknown_9 if len(message.unknown_9) == 7 else fail()))
        except Exception:
            return ask(message)
    return take_1, make, build


CODECS = {
    'StreamLayoutRequest': ('1-8bd34558', StreamLayoutRequest),
    'StreamLayoutReply': ('1-8bd34558', StreamLayoutReply),
}
