"""Generated from lensmount_protocol.dialects.lmount.power by `lensmount describe lmount --emit`; not to be edited."""

from lensmount_protocol.dialects.lmount.types import ImageCircle as ImageCircle_7
from lensmount_protocol.dialects.lmount.types import PowerClass as PowerClass_7
from lensmount_protocol.codec.runtime import EnumMemberCache, Struct, new, reject, require_bytes


def PowerGrant(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_8 = EnumMemberCache(PowerClass_7)
    take_12 = Struct('<BBHB').unpack_from
    pack_14 = Struct('<BBHB').pack
    pack_15 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 5 > stop_2: reject()
        number_5, granted_6, limit_ma_9, warned_10, = take_12(data, p); p += 5
        granted_6 = members_8[granted_6]
        rest_13 = data[p:stop_2]; p = stop_2
        tail_11 = rest_13
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.granted = granted_6
        message.limit_ma = limit_ma_9
        message.warned = warned_10
        message.tail = tail_11
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_14(message.number, int(message.granted), message.limit_ma, message.warned))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_15(0x10, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def ImageCircleSelect(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_8 = EnumMemberCache(ImageCircle_7)
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
        number_5, used_6, = take_10(data, p); p += 2
        used_6 = members_8[used_6]
        rest_11 = data[p:stop_2]; p = stop_2
        tail_9 = rest_11
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.used = used_6
        message.tail = tail_9
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_12(message.number, int(message.used)))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_13(0x11, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def PowerReport(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_9 = Struct('<HHB').unpack_from
    pack_11 = Struct('<HHB').pack
    pack_12 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 5 > stop_2: reject()
        draw_ma_5, peak_ma_6, reduced_7, = take_9(data, p); p += 5
        rest_10 = data[p:stop_2]; p = stop_2
        tail_8 = rest_10
        p = stop_2
        message = new(cls)
        message.draw_ma = draw_ma_5
        message.peak_ma = peak_ma_6
        message.reduced = reduced_7
        message.tail = tail_8
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_11(message.draw_ma, message.peak_ma, message.reduced))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_12(0x90, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def BrownOut(cls, ask):
    take_4 = Struct('<H').unpack_from
    pack_8 = Struct('<H').pack
    pack_9 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 2 > stop_2: reject()
        supply_mv_5, = take_4(data, p); p += 2
        rest_7 = data[p:stop_2]; p = stop_2
        tail_6 = rest_7
        p = stop_2
        message = new(cls)
        message.supply_mv = supply_mv_5
        message.tail = tail_6
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_8(message.supply_mv))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_9(0x91, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


CODECS = {
    'PowerGrant': ('2-134fad7c', PowerGrant),
    'ImageCircleSelect': ('2-77eadcca', ImageCircleSelect),
    'PowerReport': ('2-1d356a60', PowerReport),
    'BrownOut': ('2-a6f567a8', BrownOut),
}
