"""Generated from lensmount_protocol.dialects.emount.power by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.codec.support import Struct, new


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
    'StartUpRequest': ('1-e588ac02', StartUpRequest),
    'StartUpReply': ('1-3446ba76', StartUpReply),
    'ShutDownRequest': ('1-f8d10ed2', ShutDownRequest),
    'ShutDownReply': ('1-847be826', ShutDownReply),
}
