"""Generated from lensmount_protocol.dialects.emount.startup_shutdown by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.codec.runtime import Struct, from_bytes, new, reject, to_bytes


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
            return pack_1(0xa, to_bytes(message.status_blocks, 3, 'little'), (message.unknown_3 if len(message.unknown_3) == 5 else reject()), message.focus_blocks, (message.unknown_9 if len(message.unknown_9) == 7 else reject()))
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
            return pack_1(0xa, to_bytes(message.status_blocks, 3, 'little'), (message.unknown_3 if len(message.unknown_3) == 5 else reject()), message.focus_blocks, (message.unknown_9 if len(message.unknown_9) == 7 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def StartUpRequest(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.drives, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x10, message.drives)
        except Exception:
            return ask(message)
    return True, read, build


def StartUpReply(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.result, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x10, message.result)
        except Exception:
            return ask(message)
    return True, read, build


def ShutDownRequest(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.order, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x16, message.order)
        except Exception:
            return ask(message)
    return True, read, build


def ShutDownReply(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.result, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x16, message.result)
        except Exception:
            return ask(message)
    return True, read, build


CODECS = {
    'StreamLayoutRequest': ('2-4b0c38e4', StreamLayoutRequest),
    'StreamLayoutReply': ('2-4b0c38e4', StreamLayoutReply),
    'StartUpRequest': ('2-e588ac02', StartUpRequest),
    'StartUpReply': ('2-3446ba76', StartUpReply),
    'ShutDownRequest': ('2-f8d10ed2', ShutDownRequest),
    'ShutDownReply': ('2-847be826', ShutDownReply),
}
