"""Generated from lensmount_protocol.dialects.lmount.aperture_zoom by `lensmount describe lmount --emit`; not to be edited."""

from lensmount_protocol.dialects.lmount.types import ApertureMode as ApertureMode_7
from lensmount_protocol.codec.runtime import EnumMemberCache, Struct, new, reject, require_bytes


def ApertureDrive(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_8 = EnumMemberCache(ApertureMode_7)
    take_12 = Struct('<BBhL').unpack_from
    pack_14 = Struct('<BBhL').pack
    pack_15 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 8 > stop_2: reject()
        number_5, mode_6, target_9, duration_us_10, = take_12(data, p); p += 8
        mode_6 = members_8[mode_6]
        rest_13 = data[p:stop_2]; p = stop_2
        tail_11 = rest_13
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.mode = mode_6
        message.target = target_9
        message.duration_us = duration_us_10
        message.tail = tail_11
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_14(message.number, int(message.mode), message.target, message.duration_us))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_15(0x28, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def ZoomDrive(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_9 = Struct('<BhL').unpack_from
    pack_11 = Struct('<BhL').pack
    pack_12 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 7 > stop_2: reject()
        number_5, rate_6, target_um_7, = take_9(data, p); p += 7
        rest_10 = data[p:stop_2]; p = stop_2
        tail_8 = rest_10
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.rate = rate_6
        message.target_um = target_um_7
        message.tail = tail_8
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_11(message.number, message.rate, message.target_um))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_12(0x30, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def ApertureState(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_13 = Struct('<HhhhhhB').unpack_from
    pack_15 = Struct('<HhhhhhB').pack
    pack_16 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 13 > stop_2: reject()
        frame_5, now_6, target_7, widest_8, smallest_9, ring_10, flags_11, = take_13(data, p); p += 13
        rest_14 = data[p:stop_2]; p = stop_2
        tail_12 = rest_14
        p = stop_2
        message = new(cls)
        message.frame = frame_5
        message.now = now_6
        message.target = target_7
        message.widest = widest_8
        message.smallest = smallest_9
        message.ring = ring_10
        message.flags = flags_11
        message.tail = tail_12
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_15(message.frame, message.now, message.target, message.widest, message.smallest, message.ring, message.flags))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_16(0xa8, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def ZoomState(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_10 = Struct('<HLBB').unpack_from
    pack_12 = Struct('<HLBB').pack
    pack_13 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 8 > stop_2: reject()
        frame_5, focal_length_um_6, position_7, moving_8, = take_10(data, p); p += 8
        rest_11 = data[p:stop_2]; p = stop_2
        tail_9 = rest_11
        p = stop_2
        message = new(cls)
        message.frame = frame_5
        message.focal_length_um = focal_length_um_6
        message.position = position_7
        message.moving = moving_8
        message.tail = tail_9
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_12(message.frame, message.focal_length_um, message.position, message.moving))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_13(0xb0, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


CODECS = {
    'ApertureDrive': ('2-9a24e7a5', ApertureDrive),
    'ZoomDrive': ('2-f907e123', ZoomDrive),
    'ApertureState': ('2-ed74d7f5', ApertureState),
    'ZoomState': ('2-f201d953', ZoomState),
}
