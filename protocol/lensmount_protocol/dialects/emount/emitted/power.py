"""Generated from lensmount_protocol.dialects.emount.power by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.codec.support import Struct


def StartUpRequest(cls, ask):
    take_1 = Struct('<xB').unpack_from
    pack_2 = Struct('<BB').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x10, message.drives)
        except Exception:
            return ask(message)
    return take_1, make, build


def StartUpReply(cls, ask):
    take_1 = Struct('<xB').unpack_from
    pack_2 = Struct('<BB').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x10, message.result)
        except Exception:
            return ask(message)
    return take_1, make, build


def ShutDownRequest(cls, ask):
    take_1 = Struct('<xB').unpack_from
    pack_2 = Struct('<BB').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x16, message.order)
        except Exception:
            return ask(message)
    return take_1, make, build


def ShutDownReply(cls, ask):
    take_1 = Struct('<xB').unpack_from
    pack_2 = Struct('<BB').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x16, message.result)
        except Exception:
            return ask(message)
    return take_1, make, build


CODECS = {
    'StartUpRequest': ('1-0e1f78f9', StartUpRequest),
    'StartUpReply': ('1-bea28a3e', StartUpReply),
    'ShutDownRequest': ('1-e8434859', ShutDownRequest),
    'ShutDownReply': ('1-ed33e3da', ShutDownReply),
}
