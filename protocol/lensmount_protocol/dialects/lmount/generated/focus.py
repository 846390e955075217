"""Generated from lensmount_protocol.dialects.lmount.focus by `lensmount describe lmount --emit`; not to be edited."""

from lensmount_protocol.dialects.lmount.focus import ScalePoint as ScalePoint_15
from lensmount_protocol.dialects.lmount.types import FocusCommand as FocusCommand_7
from lensmount_protocol.dialects.lmount.types import RingKind as RingKind_6
from lensmount_protocol.dialects.lmount.types import RingKind as RingKind_7
from lensmount_protocol.codec.runtime import EnumMemberCache, Struct, new, reject, require_bytes


def FocusDrive(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_8 = EnumMemberCache(FocusCommand_7)
    take_12 = Struct('<BBlH').unpack_from
    pack_17 = Struct('<BBlH').pack
    pack_18 = Struct('<H').pack
    pack_19 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 8 > stop_2: reject()
        number_5, order_6, value_9, speed_10, = take_12(data, p); p += 8
        order_6 = members_8[order_6]
        optional_13 = None
        if p + 2 <= stop_2:
            if p + 2 > stop_2: reject()
            value_14, = take_4(data, p); p += 2
            optional_13 = value_14
        frame_11 = optional_13
        rest_16 = data[p:stop_2]; p = stop_2
        tail_15 = rest_16
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.order = order_6
        message.value = value_9
        message.speed = speed_10
        message.frame = frame_11
        message.tail = tail_15
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_17(message.number, int(message.order), message.value, message.speed))
            if message.frame is not None:
                pass
                add(pack_18(message.frame))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_19(0x20, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def FocusLimits(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_9 = Struct('<BHH').unpack_from
    pack_11 = Struct('<BHH').pack
    pack_12 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 5 > stop_2: reject()
        number_5, near_6, far_7, = take_9(data, p); p += 5
        rest_10 = data[p:stop_2]; p = stop_2
        tail_8 = rest_10
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.near = near_6
        message.far = far_7
        message.tail = tail_8
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_11(message.number, message.near, message.far))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_12(0x21, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def RingBehaviour(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_8 = EnumMemberCache(RingKind_7)
    take_14 = Struct('<BBBHBB').unpack_from
    pack_16 = Struct('<BBBHBB').pack
    pack_17 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 7 > stop_2: reject()
        number_5, ring_6, linear_9, throw_degrees_10, reversed__11, clicks_12, = take_14(data, p); p += 7
        ring_6 = members_8[ring_6]
        rest_15 = data[p:stop_2]; p = stop_2
        tail_13 = rest_15
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.ring = ring_6
        message.linear = linear_9
        message.throw_degrees = throw_degrees_10
        message.reversed_ = reversed__11
        message.clicks = clicks_12
        message.tail = tail_13
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_16(message.number, int(message.ring), message.linear, message.throw_degrees, message.reversed_, message.clicks))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_17(0x22, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def FocusTableRequest(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_9 = Struct('<BBL').unpack_from
    pack_11 = Struct('<BBL').pack
    pack_12 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 6 > stop_2: reject()
        number_5, table_6, focal_length_um_7, = take_9(data, p); p += 6
        rest_10 = data[p:stop_2]; p = stop_2
        tail_8 = rest_10
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.table = table_6
        message.focal_length_um = focal_length_um_7
        message.tail = tail_8
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_11(message.number, message.table, message.focal_length_um))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_12(0x23, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def FocusState(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_12 = Struct('<HHHhLB').unpack_from
    pack_14 = Struct('<HHHhLB').pack
    pack_15 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 13 > stop_2: reject()
        frame_5, position_6, target_7, velocity_8, distance_mm_9, flags_10, = take_12(data, p); p += 13
        rest_13 = data[p:stop_2]; p = stop_2
        tail_11 = rest_13
        p = stop_2
        message = new(cls)
        message.frame = frame_5
        message.position = position_6
        message.target = target_7
        message.velocity = velocity_8
        message.distance_mm = distance_mm_9
        message.flags = flags_10
        message.tail = tail_11
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_14(message.frame, message.position, message.target, message.velocity, message.distance_mm, message.flags))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_15(0xa0, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def RingMoved(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_7 = EnumMemberCache(RingKind_6)
    take_11 = Struct('<BhH').unpack_from
    pack_13 = Struct('<BhH').pack
    pack_14 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 5 > stop_2: reject()
        ring_5, delta_8, speed_9, = take_11(data, p); p += 5
        ring_5 = members_7[ring_5]
        rest_12 = data[p:stop_2]; p = stop_2
        tail_10 = rest_12
        p = stop_2
        message = new(cls)
        message.ring = ring_5
        message.delta = delta_8
        message.speed = speed_9
        message.tail = tail_10
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_13(int(message.ring), message.delta, message.speed))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_14(0xa1, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def DistanceScale(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_8 = Struct('<BL').unpack_from
    take_11 = Struct('<B').unpack_from
    unpack_14 = Struct('<HL').unpack
    def read_16(data):
        position_12, distance_mm_13, = unpack_14(data)
        return ScalePoint_15(position=position_12, distance_mm=distance_mm_13)
    pack_17 = Struct('<HL').pack
    def write_18(value):
        return pack_17(value.position, value.distance_mm)
    steps_22 = Struct('<6s').iter_unpack
    pack_25 = Struct('<BL').pack
    pack_26 = Struct('<B').pack
    def read_30(data):
        position_28, distance_mm_29, = unpack_14(data)
        return ScalePoint_15(position=position_28, distance_mm=distance_mm_29)
    def write_31(value):
        return pack_17(value.position, value.distance_mm)
    pack_32 = Struct('<6s').pack
    pack_33 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 5 > stop_2: reject()
        number_5, focal_length_um_6, = take_8(data, p); p += 5
        if p + 1 > stop_2: reject()
        value_10, = take_11(data, p); p += 1
        count_9 = value_10
        stop_20 = p + count_9 * 6
        if stop_20 > stop_2: reject()
        values_19 = [read_16(each_21) for (each_21,) in steps_22(data[p:stop_20])]; p = stop_20
        points_7 = values_19
        rest_24 = data[p:stop_2]; p = stop_2
        tail_23 = rest_24
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.focal_length_um = focal_length_um_6
        message.points = points_7
        message.tail = tail_23
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_25(message.number, message.focal_length_um))
            add(pack_26(len(message.points)))
            for element_27 in message.points:
                add(pack_32(write_31(element_27)))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_33(0xa3, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def BreathingTable(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_8 = Struct('<BL').unpack_from
    take_11 = Struct('<B').unpack_from
    steps_15 = Struct('<H').iter_unpack
    pack_18 = Struct('<BL').pack
    pack_19 = Struct('<B').pack
    pack_21 = Struct('<H').pack
    pack_22 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 5 > stop_2: reject()
        number_5, focal_length_um_6, = take_8(data, p); p += 5
        if p + 1 > stop_2: reject()
        value_10, = take_11(data, p); p += 1
        count_9 = value_10
        stop_13 = p + count_9 * 2
        if stop_13 > stop_2: reject()
        values_12 = [each_14 for (each_14,) in steps_15(data[p:stop_13])]; p = stop_13
        scales_7 = values_12
        rest_17 = data[p:stop_2]; p = stop_2
        tail_16 = rest_17
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.focal_length_um = focal_length_um_6
        message.scales = scales_7
        message.tail = tail_16
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_18(message.number, message.focal_length_um))
            add(pack_19(len(message.scales)))
            for element_20 in message.scales:
                add(pack_21(element_20))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_22(0xa4, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def DefocusTable(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_8 = Struct('<BL').unpack_from
    take_11 = Struct('<B').unpack_from
    steps_15 = Struct('<h').iter_unpack
    pack_18 = Struct('<BL').pack
    pack_19 = Struct('<B').pack
    pack_21 = Struct('<h').pack
    pack_22 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 5 > stop_2: reject()
        number_5, focal_length_um_6, = take_8(data, p); p += 5
        if p + 1 > stop_2: reject()
        value_10, = take_11(data, p); p += 1
        count_9 = value_10
        stop_13 = p + count_9 * 2
        if stop_13 > stop_2: reject()
        values_12 = [each_14 for (each_14,) in steps_15(data[p:stop_13])]; p = stop_13
        blur_7 = values_12
        rest_17 = data[p:stop_2]; p = stop_2
        tail_16 = rest_17
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.focal_length_um = focal_length_um_6
        message.blur = blur_7
        message.tail = tail_16
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_18(message.number, message.focal_length_um))
            add(pack_19(len(message.blur)))
            for element_20 in message.blur:
                add(pack_21(element_20))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_22(0xa5, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


CODECS = {
    'FocusDrive': ('2-d398f7a3', FocusDrive),
    'FocusLimits': ('2-8ab05b47', FocusLimits),
    'RingBehaviour': ('2-105789f6', RingBehaviour),
    'FocusTableRequest': ('2-7a5c1d2e', FocusTableRequest),
    'FocusState': ('2-c838b68d', FocusState),
    'RingMoved': ('2-68f5fdd9', RingMoved),
    'DistanceScale': ('2-85a0bae4', DistanceScale),
    'BreathingTable': ('2-1be98d0d', BreathingTable),
    'DefocusTable': ('2-4d4ca952', DefocusTable),
}
