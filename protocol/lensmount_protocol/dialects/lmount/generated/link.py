"""Generated from lensmount_protocol.dialects.lmount.link by `lensmount describe lmount --emit`; not to be edited."""

from lensmount_protocol.dialects.lmount.types import Outcome as Outcome_8
from lensmount_protocol.dialects.lmount.types import PowerClass as PowerClass_8
from lensmount_protocol.dialects.lmount.types import RejectionCode as RejectionCode_8
from lensmount_protocol.codec.runtime import EnumMemberCache, Struct, new, reject, require_bytes


def BodyHello(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_12 = Struct('<BLHH4sH').unpack_from
    take_15 = Struct('<B').unpack_from
    steps_19 = Struct('<L').iter_unpack
    pack_22 = Struct('<BLHH4sH').pack
    pack_23 = Struct('<B').pack
    pack_25 = Struct('<L').pack
    pack_26 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 15 > stop_2: reject()
        revision_5, features_6, maker_7, model_8, firmware_9, largest_payload_10, = take_12(data, p); p += 15
        if p + 1 > stop_2: reject()
        value_14, = take_15(data, p); p += 1
        count_13 = value_14
        stop_17 = p + count_13 * 4
        if stop_17 > stop_2: reject()
        values_16 = [each_18 for (each_18,) in steps_19(data[p:stop_17])]; p = stop_17
        rates_11 = values_16
        rest_21 = data[p:stop_2]; p = stop_2
        tail_20 = rest_21
        p = stop_2
        message = new(cls)
        message.revision = revision_5
        message.features = features_6
        message.maker = maker_7
        message.model = model_8
        message.firmware = firmware_9
        message.largest_payload = largest_payload_10
        message.rates = rates_11
        message.tail = tail_20
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_22(message.revision, message.features, message.maker, message.model, (message.firmware if len(message.firmware) == 4 else reject()), message.largest_payload))
            add(pack_23(len(message.rates)))
            for element_24 in message.rates:
                add(pack_25(element_24))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_26(0x1, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def Challenge(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_7 = Struct('<B').unpack_from
    pack_15 = Struct('<B').pack
    pack_19 = Struct('<H').pack
    pack_20 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 1 > stop_2: reject()
        scheme_5, = take_7(data, p); p += 1
        if p + 2 > stop_2: reject()
        value_9, = take_4(data, p); p += 2
        length_8 = value_9
        stop_10 = p + length_8
        if not p <= stop_10 <= stop_2: reject()
        rest_12 = data[p:stop_10]; p = stop_10
        value_11 = rest_12
        p = stop_10
        content_6 = value_11
        rest_14 = data[p:stop_2]; p = stop_2
        tail_13 = rest_14
        p = stop_2
        message = new(cls)
        message.scheme = scheme_5
        message.content = content_6
        message.tail = tail_13
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_15(message.scheme))
            parts_17 = []; add_18 = parts_17.append
            add_18(require_bytes(message.content))
            data_16 = b''.join(parts_17)
            add(pack_19(len(data_16)))
            add(data_16)
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_20(0x2, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def SetBaudrateCommand(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_8 = Struct('<BL').unpack_from
    pack_10 = Struct('<BL').pack
    pack_11 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 5 > stop_2: reject()
        number_5, baudrate_6, = take_8(data, p); p += 5
        rest_9 = data[p:stop_2]; p = stop_2
        tail_7 = rest_9
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.baudrate = baudrate_6
        message.tail = tail_7
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_10(message.number, message.baudrate))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_11(0x3, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def Sleep(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_8 = Struct('<BB').unpack_from
    pack_10 = Struct('<BB').pack
    pack_11 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 2 > stop_2: reject()
        number_5, keeps_drive_6, = take_8(data, p); p += 2
        rest_9 = data[p:stop_2]; p = stop_2
        tail_7 = rest_9
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.keeps_drive = keeps_drive_6
        message.tail = tail_7
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_10(message.number, message.keeps_drive))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_11(0x4, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def StreamConfig(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_7 = Struct('<B').unpack_from
    steps_13 = Struct('<B').iter_unpack
    pack_16 = Struct('<B').pack
    pack_18 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 1 > stop_2: reject()
        number_5, = take_7(data, p); p += 1
        if p + 1 > stop_2: reject()
        value_9, = take_7(data, p); p += 1
        count_8 = value_9
        stop_11 = p + count_8 * 1
        if stop_11 > stop_2: reject()
        values_10 = [each_12 for (each_12,) in steps_13(data[p:stop_11])]; p = stop_11
        reports_6 = values_10
        rest_15 = data[p:stop_2]; p = stop_2
        tail_14 = rest_15
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.reports = reports_6
        message.tail = tail_14
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_16(message.number))
            add(pack_16(len(message.reports)))
            for element_17 in message.reports:
                add(pack_16(element_17))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_18(0x5, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def LensHello(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_9 = EnumMemberCache(PowerClass_8)
    take_13 = Struct('<BLBHH').unpack_from
    take_16 = Struct('<B').unpack_from
    steps_20 = Struct('<L').iter_unpack
    pack_23 = Struct('<BLBHH').pack
    pack_24 = Struct('<B').pack
    pack_26 = Struct('<L').pack
    pack_27 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 10 > stop_2: reject()
        revision_5, features_6, power_class_7, peak_current_ma_10, largest_payload_11, = take_13(data, p); p += 10
        power_class_7 = members_9[power_class_7]
        if p + 1 > stop_2: reject()
        value_15, = take_16(data, p); p += 1
        count_14 = value_15
        stop_18 = p + count_14 * 4
        if stop_18 > stop_2: reject()
        values_17 = [each_19 for (each_19,) in steps_20(data[p:stop_18])]; p = stop_18
        rates_12 = values_17
        rest_22 = data[p:stop_2]; p = stop_2
        tail_21 = rest_22
        p = stop_2
        message = new(cls)
        message.revision = revision_5
        message.features = features_6
        message.power_class = power_class_7
        message.peak_current_ma = peak_current_ma_10
        message.largest_payload = largest_payload_11
        message.rates = rates_12
        message.tail = tail_21
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_23(message.revision, message.features, int(message.power_class), message.peak_current_ma, message.largest_payload))
            add(pack_24(len(message.rates)))
            for element_25 in message.rates:
                add(pack_26(element_25))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_27(0x81, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def ChallengeAnswer(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_7 = Struct('<B').unpack_from
    pack_15 = Struct('<B').pack
    pack_19 = Struct('<H').pack
    pack_20 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 1 > stop_2: reject()
        scheme_5, = take_7(data, p); p += 1
        if p + 2 > stop_2: reject()
        value_9, = take_4(data, p); p += 2
        length_8 = value_9
        stop_10 = p + length_8
        if not p <= stop_10 <= stop_2: reject()
        rest_12 = data[p:stop_10]; p = stop_10
        value_11 = rest_12
        p = stop_10
        content_6 = value_11
        rest_14 = data[p:stop_2]; p = stop_2
        tail_13 = rest_14
        p = stop_2
        message = new(cls)
        message.scheme = scheme_5
        message.content = content_6
        message.tail = tail_13
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_15(message.scheme))
            parts_17 = []; add_18 = parts_17.append
            add_18(require_bytes(message.content))
            data_16 = b''.join(parts_17)
            add(pack_19(len(data_16)))
            add(data_16)
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_20(0x82, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def CommandRejected(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_9 = EnumMemberCache(RejectionCode_8)
    take_12 = Struct('<BBBB').unpack_from
    pack_14 = Struct('<BBBB').pack
    pack_15 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 4 > stop_2: reject()
        number_5, order_6, code_7, field_number_10, = take_12(data, p); p += 4
        code_7 = members_9[code_7]
        rest_13 = data[p:stop_2]; p = stop_2
        tail_11 = rest_13
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.order = order_6
        message.code = code_7
        message.field_number = field_number_10
        message.tail = tail_11
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_14(message.number, message.order, int(message.code), message.field_number))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_15(0x84, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def CommandDone(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_9 = EnumMemberCache(Outcome_8)
    take_11 = Struct('<BBB').unpack_from
    pack_13 = Struct('<BBB').pack
    pack_14 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 3 > stop_2: reject()
        number_5, order_6, outcome_7, = take_11(data, p); p += 3
        outcome_7 = members_9[outcome_7]
        rest_12 = data[p:stop_2]; p = stop_2
        tail_10 = rest_12
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.order = order_6
        message.outcome = outcome_7
        message.tail = tail_10
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_13(message.number, message.order, int(message.outcome)))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_14(0x85, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


CODECS = {
    'BodyHello': ('2-5886a857', BodyHello),
    'Challenge': ('2-fb46c003', Challenge),
    'SetBaudrateCommand': ('2-0a85b8b0', SetBaudrateCommand),
    'Sleep': ('2-744cdb18', Sleep),
    'StreamConfig': ('2-0fd71329', StreamConfig),
    'LensHello': ('2-ae79c425', LensHello),
    'ChallengeAnswer': ('2-a61d9b10', ChallengeAnswer),
    'CommandRejected': ('2-b866517a', CommandRejected),
    'CommandDone': ('2-fb2fd9fc', CommandDone),
}
