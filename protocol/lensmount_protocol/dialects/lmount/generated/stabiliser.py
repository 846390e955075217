"""Generated from lensmount_protocol.dialects.lmount.stabiliser by `lensmount describe lmount --emit`; not to be edited."""

from lensmount_protocol.dialects.lmount.types import StabiliserMode as StabiliserMode_7
from lensmount_protocol.codec.runtime import EnumMemberCache, Struct, new, reject, require_bytes


def StabiliserCommand(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_8 = EnumMemberCache(StabiliserMode_7)
    take_12 = Struct('<BBBH').unpack_from
    pack_14 = Struct('<BBBH').pack
    pack_15 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 5 > stop_2: reject()
        number_5, mode_6, axes_9, share_permille_10, = take_12(data, p); p += 5
        mode_6 = members_8[mode_6]
        rest_13 = data[p:stop_2]; p = stop_2
        tail_11 = rest_13
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.mode = mode_6
        message.axes = axes_9
        message.share_permille = share_permille_10
        message.tail = tail_11
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_14(message.number, int(message.mode), message.axes, message.share_permille))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_15(0x38, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def AngularRate(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_11 = Struct('<HLhhh').unpack_from
    pack_13 = Struct('<HLhhh').pack
    pack_14 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 12 > stop_2: reject()
        frame_5, time_us_6, pitch_7, yaw_8, roll_9, = take_11(data, p); p += 12
        rest_12 = data[p:stop_2]; p = stop_2
        tail_10 = rest_12
        p = stop_2
        message = new(cls)
        message.frame = frame_5
        message.time_us = time_us_6
        message.pitch = pitch_7
        message.yaw = yaw_8
        message.roll = roll_9
        message.tail = tail_10
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_13(message.frame, message.time_us, message.pitch, message.yaw, message.roll))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_14(0x39, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def StabiliserState(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_8 = EnumMemberCache(StabiliserMode_7)
    take_14 = Struct('<HBhhHB').unpack_from
    pack_16 = Struct('<HBhhHB').pack
    pack_17 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 10 > stop_2: reject()
        frame_5, mode_6, shift_x_9, shift_y_10, range_um_11, flags_12, = take_14(data, p); p += 10
        mode_6 = members_8[mode_6]
        rest_15 = data[p:stop_2]; p = stop_2
        tail_13 = rest_15
        p = stop_2
        message = new(cls)
        message.frame = frame_5
        message.mode = mode_6
        message.shift_x = shift_x_9
        message.shift_y = shift_y_10
        message.range_um = range_um_11
        message.flags = flags_12
        message.tail = tail_13
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_16(message.frame, int(message.mode), message.shift_x, message.shift_y, message.range_um, message.flags))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_17(0xb8, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


CODECS = {
    'StabiliserCommand': ('2-1cfc241a', StabiliserCommand),
    'AngularRate': ('2-d3bd93a7', AngularRate),
    'StabiliserState': ('2-35d3583e', StabiliserState),
}
