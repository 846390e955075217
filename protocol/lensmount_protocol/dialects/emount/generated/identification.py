"""Generated from lensmount_protocol.dialects.emount.identification by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.dialects.emount.units import MountKind as MountKind_1
from lensmount_protocol.codec.runtime import EnumMemberCache, Struct, new, reject


def BodyCapabilities(cls, ask):
    pack_1 = Struct('<BQ24s').pack
    take_2 = Struct('<xQ24s').unpack_from
    def read(data, at):
        message = new(cls)
        message.types, message.rest, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x1, message.types, (message.rest if len(message.rest) == 24 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def LensCapabilities(cls, ask):
    pack_1 = Struct('<BQ24s').pack
    take_2 = Struct('<xQ24s').unpack_from
    def read(data, at):
        message = new(cls)
        message.types, message.rest, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x1, message.types, (message.rest if len(message.rest) == 24 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def IdentityRequest(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.unknown_0, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x7, message.unknown_0)
        except Exception:
            return ask(message)
    return True, read, build


def IdentityReply(cls, ask):
    members_2 = EnumMemberCache(MountKind_1)
    pack_3 = Struct('<BBBHBHBBH4s4s7s3s5s').pack
    take_4 = Struct('<xBBHBHBBH4s4s7s3s5s').unpack_from
    def read(data, at):
        message = new(cls)
        message.kind, message.capabilities, message.mount_version, message.unknown_4, message.firmware_version, message.unknown_7, message.unknown_8, message.lens_id, message.unknown_11, message.unknown_15, message.unknown_19, message.unknown_26, message.unknown_29, = take_4(data, at)
        message.kind = members_2[message.kind]
        return message
    def build(message):
        try:
            return pack_3(0x7, int(message.kind), message.capabilities, message.mount_version, message.unknown_4, message.firmware_version, message.unknown_7, message.unknown_8, message.lens_id, (message.unknown_11 if len(message.unknown_11) == 4 else reject()), (message.unknown_15 if len(message.unknown_15) == 4 else reject()), (message.unknown_19 if len(message.unknown_19) == 7 else reject()), (message.unknown_26 if len(message.unknown_26) == 3 else reject()), (message.unknown_29 if len(message.unknown_29) == 5 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def DescriptorRequest(cls, ask):
    pack_1 = Struct('<BBB2sH2s').pack
    take_2 = Struct('<xBB2sH2s').unpack_from
    def read(data, at):
        message = new(cls)
        message.flags_0, message.flags_1, message.unknown_2, message.body_family, message.unknown_6, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x8, message.flags_0, message.flags_1, (message.unknown_2 if len(message.unknown_2) == 2 else reject()), message.body_family, (message.unknown_6 if len(message.unknown_6) == 2 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def DescriptorReply(cls, ask):
    pack_1 = Struct('<BHH11s8s4sL170s').pack
    take_2 = Struct('<xHH11s8s4sL170s').unpack_from
    def read(data, at):
        message = new(cls)
        message.widest_aperture, message.narrowest_aperture, message.unknown_4, message.lens_spec, message.unknown_23, message.serial, message.rest, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x8, message.widest_aperture, message.narrowest_aperture, (message.unknown_4 if len(message.unknown_4) == 11 else reject()), (message.lens_spec if len(message.lens_spec) == 8 else reject()), (message.unknown_23 if len(message.unknown_23) == 4 else reject()), message.serial, (message.rest if len(message.rest) == 170 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def Query09(cls, ask):
    pack_1 = Struct('<B4s').pack
    take_2 = Struct('<x4s').unpack_from
    def read(data, at):
        message = new(cls)
        message.unknown_0, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x9, (message.unknown_0 if len(message.unknown_0) == 4 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def Answer09(cls, ask):
    pack_1 = Struct('<B11s').pack
    take_2 = Struct('<x11s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x9, (message.content if len(message.content) == 11 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def Query0B(cls, ask):
    pack_1 = Struct('<BBB').pack
    take_2 = Struct('<xBB').unpack_from
    def read(data, at):
        message = new(cls)
        message.value, message.unknown_1, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0xb, message.value, message.unknown_1)
        except Exception:
            return ask(message)
    return True, read, build


def Answer0B(cls, ask):
    pack_1 = Struct('<BBB').pack
    take_2 = Struct('<xBB').unpack_from
    def read(data, at):
        message = new(cls)
        message.value, message.unknown_1, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0xb, message.value, message.unknown_1)
        except Exception:
            return ask(message)
    return True, read, build


def SpeedRequest(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.speed, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0xc, message.speed)
        except Exception:
            return ask(message)
    return True, read, build


def SpeedReply(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.accepted, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0xc, message.accepted)
        except Exception:
            return ask(message)
    return True, read, build


def FrameRateRequest(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.rate, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0xd, message.rate)
        except Exception:
            return ask(message)
    return True, read, build


def FrameRateReply(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.rate, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0xd, message.rate)
        except Exception:
            return ask(message)
    return True, read, build


def Query3D(cls, ask):
    pack_1 = Struct('<B23s').pack
    take_2 = Struct('<x23s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3d, (message.content if len(message.content) == 23 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def Answer3D(cls, ask):
    pack_1 = Struct('<B63s').pack
    take_2 = Struct('<x63s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3d, (message.content if len(message.content) == 63 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def NameRequest(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.unknown_0, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3f, message.unknown_0)
        except Exception:
            return ask(message)
    return True, read, build


def NameReply(cls, ask):
    pack_1 = Struct('<BB64s').pack
    take_2 = Struct('<xB64s').unpack_from
    def read(data, at):
        message = new(cls)
        message.status, message.name, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3f, message.status, (message.name if len(message.name) == 64 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


CODECS = {
    'BodyCapabilities': ('2-bb4b5f82', BodyCapabilities),
    'LensCapabilities': ('2-bb4b5f82', LensCapabilities),
    'IdentityRequest': ('2-74e9c6e8', IdentityRequest),
    'IdentityReply': ('2-82f9befd', IdentityReply),
    'DescriptorRequest': ('2-010eb388', DescriptorRequest),
    'DescriptorReply': ('2-e71b73a2', DescriptorReply),
    'Query09': ('2-a4d27b7d', Query09),
    'Answer09': ('2-24f8fe99', Answer09),
    'Query0B': ('2-a14e218f', Query0B),
    'Answer0B': ('2-a14e218f', Answer0B),
    'SpeedRequest': ('2-a6fcd73e', SpeedRequest),
    'SpeedReply': ('2-09142b7c', SpeedReply),
    'FrameRateRequest': ('2-3ef48a1d', FrameRateRequest),
    'FrameRateReply': ('2-3ef48a1d', FrameRateReply),
    'Query3D': ('2-9782a038', Query3D),
    'Answer3D': ('2-275bd3ba', Answer3D),
    'NameRequest': ('2-338cd6d8', NameRequest),
    'NameReply': ('2-908cc1db', NameReply),
}
