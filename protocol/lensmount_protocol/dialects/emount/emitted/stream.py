"""Generated from lensmount_protocol.dialects.emount.stream by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.codec.support import Struct, fail, from_bytes, new, to_bytes


def StreamLayoutRequest(cls, ask):
    pack_1 = Struct('<B3s5sB7s').pack
    take_2 = Struct('<x3s5sB7s').unpack_from
    def read(data, at):
        message = new(cls)
        message.status_blocks, message.unknown_3, message.focus_blocks, message.unknown_9, = take_2(data, at)
        message.status_blocks = from_bytes(message.status_blocks, 'little')
        return message
    def build(message):
        try:
            return pack_1(0xa, to_bytes(message.status_blocks, 3, 'little'), (message.unknown_3 if len(message.unknown_3) == 5 else fail()), message.focus_blocks, (message.unknown_9 if len(message.unknown_9) == 7 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def StreamLayoutReply(cls, ask):
    pack_1 = Struct('<B3s5sB7s').pack
    take_2 = Struct('<x3s5sB7s').unpack_from
    def read(data, at):
        message = new(cls)
        message.status_blocks, message.unknown_3, message.focus_blocks, message.unknown_9, = take_2(data, at)
        message.status_blocks = from_bytes(message.status_blocks, 'little')
        return message
    def build(message):
        try:
            return pack_1(0xa, to_bytes(message.status_blocks, 3, 'little'), (message.unknown_3 if len(message.unknown_3) == 5 else fail()), message.focus_blocks, (message.unknown_9 if len(message.unknown_9) == 7 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


CODECS = {
    'StreamLayoutRequest': ('1-4b0c38e4', StreamLayoutRequest),
    'StreamLayoutReply': ('1-4b0c38e4', StreamLayoutReply),
}
