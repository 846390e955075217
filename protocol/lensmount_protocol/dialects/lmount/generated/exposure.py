"""Generated from lensmount_protocol.dialects.lmount.exposure by `lensmount describe lmount --emit`; not to be edited."""

from lensmount_protocol.dialects.lmount.types import ControlKind as ControlKind_6
from lensmount_protocol.dialects.lmount.types import CorrectionKind as CorrectionKind_7
from lensmount_protocol.dialects.lmount.types import ExposurePhase as ExposurePhase_7
from lensmount_protocol.codec.runtime import EnumMemberCache, Struct, new, reject, require_bytes


def CorrectionRequest(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_8 = EnumMemberCache(CorrectionKind_7)
    take_13 = Struct('<BBLLh').unpack_from
    pack_15 = Struct('<BBLLh').pack
    pack_16 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 12 > stop_2: reject()
        number_5, kind_6, focal_length_um_9, distance_mm_10, aperture_11, = take_13(data, p); p += 12
        kind_6 = members_8[kind_6]
        rest_14 = data[p:stop_2]; p = stop_2
        tail_12 = rest_14
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.kind = kind_6
        message.focal_length_um = focal_length_um_9
        message.distance_mm = distance_mm_10
        message.aperture = aperture_11
        message.tail = tail_12
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_15(message.number, int(message.kind), message.focal_length_um, message.distance_mm, message.aperture))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_16(0x40, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def FrameStart(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_8 = Struct('<HL').unpack_from
    pack_10 = Struct('<HL').pack
    pack_11 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 6 > stop_2: reject()
        frame_5, period_us_6, = take_8(data, p); p += 6
        rest_9 = data[p:stop_2]; p = stop_2
        tail_7 = rest_9
        p = stop_2
        message = new(cls)
        message.frame = frame_5
        message.period_us = period_us_6
        message.tail = tail_7
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_10(message.frame, message.period_us))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_11(0x48, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def Exposure(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_8 = EnumMemberCache(ExposurePhase_7)
    take_11 = Struct('<BBL').unpack_from
    pack_13 = Struct('<BBL').pack
    pack_14 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 6 > stop_2: reject()
        number_5, phase_6, duration_us_9, = take_11(data, p); p += 6
        phase_6 = members_8[phase_6]
        rest_12 = data[p:stop_2]; p = stop_2
        tail_10 = rest_12
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.phase = phase_6
        message.duration_us = duration_us_9
        message.tail = tail_10
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_13(message.number, int(message.phase), message.duration_us))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_14(0x49, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def Correction(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_8 = EnumMemberCache(CorrectionKind_7)
    take_13 = Struct('<BBLLh').unpack_from
    take_16 = Struct('<B').unpack_from
    steps_20 = Struct('<h').iter_unpack
    pack_23 = Struct('<BBLLh').pack
    pack_24 = Struct('<B').pack
    pack_26 = Struct('<h').pack
    pack_27 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 12 > stop_2: reject()
        number_5, kind_6, focal_length_um_9, distance_mm_10, aperture_11, = take_13(data, p); p += 12
        kind_6 = members_8[kind_6]
        if p + 1 > stop_2: reject()
        value_15, = take_16(data, p); p += 1
        count_14 = value_15
        stop_18 = p + count_14 * 2
        if stop_18 > stop_2: reject()
        values_17 = [each_19 for (each_19,) in steps_20(data[p:stop_18])]; p = stop_18
        coefficients_12 = values_17
        rest_22 = data[p:stop_2]; p = stop_2
        tail_21 = rest_22
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.kind = kind_6
        message.focal_length_um = focal_length_um_9
        message.distance_mm = distance_mm_10
        message.aperture = aperture_11
        message.coefficients = coefficients_12
        message.tail = tail_21
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_23(message.number, int(message.kind), message.focal_length_um, message.distance_mm, message.aperture))
            add(pack_24(len(message.coefficients)))
            for element_25 in message.coefficients:
                add(pack_26(element_25))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_27(0xc0, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def ControlEvent(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_7 = EnumMemberCache(ControlKind_6)
    take_10 = Struct('<BB').unpack_from
    pack_12 = Struct('<BB').pack
    pack_13 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 2 > stop_2: reject()
        control_5, value_8, = take_10(data, p); p += 2
        control_5 = members_7[control_5]
        rest_11 = data[p:stop_2]; p = stop_2
        tail_9 = rest_11
        p = stop_2
        message = new(cls)
        message.control = control_5
        message.value = value_8
        message.tail = tail_9
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_12(int(message.control), message.value))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_13(0xc8, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


CODECS = {
    'CorrectionRequest': ('2-6a06e65f', CorrectionRequest),
    'FrameStart': ('2-b5c56f41', FrameStart),
    'Exposure': ('2-cf9c2e2f', Exposure),
    'Correction': ('2-0d8cffac', Correction),
    'ControlEvent': ('2-6ada1704', ControlEvent),
}
