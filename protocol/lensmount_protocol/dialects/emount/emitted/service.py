"""Generated from lensmount_protocol.dialects.emount.service by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.dialects.emount.types import RefusalCode as RefusalCode_1
from lensmount_protocol.codec.support import Members, Struct, fail, new


def Refusal(cls, ask):
    members_2 = Members(RefusalCode_1)
    pack_3 = Struct('<BBBB4s').pack
    take_4 = Struct('<xBBB4s').unpack_from
    def read(data, at):
        message = new(cls)
        message.class_, message.type_, message.code, message.unknown_3, = take_4(data, at)
        message.code = members_2[message.code]
        return message
    def build(message):
        try:
            return pack_3(0x2, message.class_, message.type_, int(message.code), (message.unknown_3 if len(message.unknown_3) == 4 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def UpdateOrder14(cls, ask):
    pack_1 = Struct('<B15s').pack
    take_2 = Struct('<x15s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x14, (message.content if len(message.content) == 15 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def UpdateBlock15(cls, ask):
    pack_1 = Struct('<B1031s').pack
    take_2 = Struct('<x1031s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x15, (message.content if len(message.content) == 1031 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def ErrorReport(cls, ask):
    pack_1 = Struct('<B2s').pack
    take_2 = Struct('<x2s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x17, (message.content if len(message.content) == 2 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def Query19(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.value, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x19, message.value)
        except Exception:
            return ask(message)
    return True, read, build


def Answer19(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.value, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x19, message.value)
        except Exception:
            return ask(message)
    return True, read, build


def AdapterStatus20(cls, ask):
    pack_1 = Struct('<B11s').pack
    take_2 = Struct('<x11s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x20, (message.content if len(message.content) == 11 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def Query26(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.value, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x26, message.value)
        except Exception:
            return ask(message)
    return True, read, build


def Answer26(cls, ask):
    pack_1 = Struct('<B4s').pack
    take_2 = Struct('<x4s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x26, (message.content if len(message.content) == 4 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def OpticsRequest28(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.value, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x28, message.value)
        except Exception:
            return ask(message)
    return True, read, build


def OpticsReply28(cls, ask):
    pack_1 = Struct('<B4sHHBH6s6s12s').pack
    take_2 = Struct('<x4sHHBH6s6s12s').unpack_from
    def read(data, at):
        message = new(cls)
        message.unknown_0, message.focal_length_dmm, message.nominal_focal_length_dmm, message.unknown_8, message.aperture, message.row_a, message.row_b, message.unknown_23, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x28, (message.unknown_0 if len(message.unknown_0) == 4 else fail()), message.focal_length_dmm, message.nominal_focal_length_dmm, message.unknown_8, message.aperture, (message.row_a if len(message.row_a) == 6 else fail()), (message.row_b if len(message.row_b) == 6 else fail()), (message.unknown_23 if len(message.unknown_23) == 12 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def OpticsRequest35(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.value, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x35, message.value)
        except Exception:
            return ask(message)
    return True, read, build


def OpticsReply35(cls, ask):
    pack_1 = Struct('<B4sHH3s6s3s6s13s').pack
    take_2 = Struct('<x4sHH3s6s3s6s13s').unpack_from
    def read(data, at):
        message = new(cls)
        message.unknown_0, message.focal_length_dmm, message.nominal_focal_length_dmm, message.unknown_8, message.row_a, message.unknown_17, message.row_b, message.unknown_26, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x35, (message.unknown_0 if len(message.unknown_0) == 4 else fail()), message.focal_length_dmm, message.nominal_focal_length_dmm, (message.unknown_8 if len(message.unknown_8) == 3 else fail()), (message.row_a if len(message.row_a) == 6 else fail()), (message.unknown_17 if len(message.unknown_17) == 3 else fail()), (message.row_b if len(message.row_b) == 6 else fail()), (message.unknown_26 if len(message.unknown_26) == 13 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def TableRequest3A(cls, ask):
    pack_1 = Struct('<B23s').pack
    take_2 = Struct('<x23s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3a, (message.content if len(message.content) == 23 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def TableReply3A(cls, ask):
    pack_1 = Struct('<B23s').pack
    take_2 = Struct('<x23s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3a, (message.content if len(message.content) == 23 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def TableRequest3B(cls, ask):
    pack_1 = Struct('<B7s').pack
    take_2 = Struct('<x7s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3b, (message.content if len(message.content) == 7 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def TableReply3B(cls, ask):
    pack_1 = Struct('<B491s').pack
    take_2 = Struct('<x491s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3b, (message.content if len(message.content) == 491 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def Query3E(cls, ask):
    pack_1 = Struct('<B8s').pack
    take_2 = Struct('<x8s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3e, (message.content if len(message.content) == 8 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def Answer3E(cls, ask):
    pack_1 = Struct('<B11s').pack
    take_2 = Struct('<x11s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3e, (message.content if len(message.content) == 11 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def ServiceCommand40(cls, ask):
    pack_1 = Struct('<B18s').pack
    take_2 = Struct('<x18s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x40, (message.content if len(message.content) == 18 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


def Order4A(cls, ask):
    pack_1 = Struct('<B11s').pack
    take_2 = Struct('<x11s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x4a, (message.content if len(message.content) == 11 else fail()))
        except Exception:
            return ask(message)
    return True, read, build


CODECS = {
    'Refusal': ('1-62a0e68c', Refusal),
    'UpdateOrder14': ('1-8eb8194c', UpdateOrder14),
    'UpdateBlock15': ('1-408d9710', UpdateBlock15),
    'ErrorReport': ('1-991987d4', ErrorReport),
    'Query19': ('1-f9e934f9', Query19),
    'Answer19': ('1-f9e934f9', Answer19),
    'AdapterStatus20': ('1-c15575b3', AdapterStatus20),
    'Query26': ('1-24990847', Query26),
    'Answer26': ('1-d13a99f7', Answer26),
    'OpticsRequest28': ('1-041bfeec', OpticsRequest28),
    'OpticsReply28': ('1-35448d54', OpticsReply28),
    'OpticsRequest35': ('1-8af777f6', OpticsRequest35),
    'OpticsReply35': ('1-675ca25c', OpticsReply35),
    'TableRequest3A': ('1-c6d2112b', TableRequest3A),
    'TableReply3A': ('1-c6d2112b', TableReply3A),
    'TableRequest3B': ('1-fe1ea9c0', TableRequest3B),
    'TableReply3B': ('1-af55b3a3', TableReply3B),
    'Query3E': ('1-98c2139c', Query3E),
    'Answer3E': ('1-e45bc94b', Answer3E),
    'ServiceCommand40': ('1-6266947a', ServiceCommand40),
    'Order4A': ('1-937bf3b0', Order4A),
}
