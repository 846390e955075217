"""Generated from lensmount_protocol.dialects.emount.service by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.dialects.emount.units import RefusalCode as RefusalCode_1
from lensmount_protocol.codec.runtime import EnumMemberCache, Struct, new, reject


def Refusal(cls, ask):
    members_2 = EnumMemberCache(RefusalCode_1)
    pack_3 = Struct('<BBBB4s').pack
    take_4 = Struct('<xBBB4s').unpack_from
    def read(data, at):
        message = new(cls)
        message.class_, message.type_, message.code, message.unknown_3, = take_4(data, at)
        message.code = members_2[message.code]
        return message
    def build(message):
        try:
            return pack_3(0x2, message.class_, message.type_, int(message.code), (message.unknown_3 if len(message.unknown_3) == 4 else reject()))
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
            return pack_1(0x14, (message.content if len(message.content) == 15 else reject()))
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
            return pack_1(0x15, (message.content if len(message.content) == 1031 else reject()))
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
            return pack_1(0x17, (message.content if len(message.content) == 2 else reject()))
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
            return pack_1(0x20, (message.content if len(message.content) == 11 else reject()))
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
            return pack_1(0x26, (message.content if len(message.content) == 4 else reject()))
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
            return pack_1(0x28, (message.unknown_0 if len(message.unknown_0) == 4 else reject()), message.focal_length_dmm, message.nominal_focal_length_dmm, message.unknown_8, message.aperture, (message.row_a if len(message.row_a) == 6 else reject()), (message.row_b if len(message.row_b) == 6 else reject()), (message.unknown_23 if len(message.unknown_23) == 12 else reject()))
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
            return pack_1(0x35, (message.unknown_0 if len(message.unknown_0) == 4 else reject()), message.focal_length_dmm, message.nominal_focal_length_dmm, (message.unknown_8 if len(message.unknown_8) == 3 else reject()), (message.row_a if len(message.row_a) == 6 else reject()), (message.unknown_17 if len(message.unknown_17) == 3 else reject()), (message.row_b if len(message.row_b) == 6 else reject()), (message.unknown_26 if len(message.unknown_26) == 13 else reject()))
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
            return pack_1(0x3a, (message.content if len(message.content) == 23 else reject()))
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
            return pack_1(0x3a, (message.content if len(message.content) == 23 else reject()))
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
            return pack_1(0x3b, (message.content if len(message.content) == 7 else reject()))
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
            return pack_1(0x3b, (message.content if len(message.content) == 491 else reject()))
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
            return pack_1(0x3e, (message.content if len(message.content) == 8 else reject()))
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
            return pack_1(0x3e, (message.content if len(message.content) == 11 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def ServiceCommand40(cls, ask):
    pack_1 = Struct('<BBB16s').pack
    take_2 = Struct('<xBB16s').unpack_from
    def read(data, at):
        message = new(cls)
        message.main, message.sub, message.data, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x40, message.main, message.sub, (message.data if len(message.data) == 16 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def ServiceReply40(cls, ask):
    pack_1 = Struct('<BBB16s').pack
    take_2 = Struct('<xBB16s').unpack_from
    def read(data, at):
        message = new(cls)
        message.main, message.sub, message.data, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x40, message.main, message.sub, (message.data if len(message.data) == 16 else reject()))
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
            return pack_1(0x4a, (message.content if len(message.content) == 11 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def Order4B(cls, ask):
    pack_1 = Struct('<B2s').pack
    take_2 = Struct('<x2s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x4b, (message.content if len(message.content) == 2 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def Order4C(cls, ask):
    pack_1 = Struct('<B7s').pack
    take_2 = Struct('<x7s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x4c, (message.content if len(message.content) == 7 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


CODECS = {
    'Refusal': ('2-a3ef0715', Refusal),
    'UpdateOrder14': ('2-8bc6c3bc', UpdateOrder14),
    'UpdateBlock15': ('2-53f4743e', UpdateBlock15),
    'ErrorReport': ('2-c8d4e840', ErrorReport),
    'Query19': ('2-1a651bc6', Query19),
    'Answer19': ('2-1a651bc6', Answer19),
    'AdapterStatus20': ('2-91e2240f', AdapterStatus20),
    'Query26': ('2-b01a3abb', Query26),
    'Answer26': ('2-61770e76', Answer26),
    'OpticsRequest28': ('2-7ba8463b', OpticsRequest28),
    'OpticsReply28': ('2-0ee73c22', OpticsReply28),
    'OpticsRequest35': ('2-12117d2f', OpticsRequest35),
    'OpticsReply35': ('2-fc043b8c', OpticsReply35),
    'TableRequest3A': ('2-a3eb1bcd', TableRequest3A),
    'TableReply3A': ('2-a3eb1bcd', TableReply3A),
    'TableRequest3B': ('2-99b00eb5', TableRequest3B),
    'TableReply3B': ('2-649676b9', TableReply3B),
    'Query3E': ('2-6cb2a66b', Query3E),
    'Answer3E': ('2-6992cf20', Answer3E),
    'ServiceCommand40': ('2-5375d030', ServiceCommand40),
    'ServiceReply40': ('2-5375d030', ServiceReply40),
    'Order4A': ('2-8bde04c9', Order4A),
    'Order4B': ('2-8dffcc4c', Order4B),
    'Order4C': ('2-6a63fa15', Order4C),
}
