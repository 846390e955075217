"""Generated from lensmount_protocol.dialects.lmount.firmware_update by `lensmount describe lmount --emit`; not to be edited."""

from lensmount_protocol.dialects.lmount.firmware_update import ExtensionId as ExtensionId_13
from lensmount_protocol.dialects.lmount.types import RejectionCode as RejectionCode_11
from lensmount_protocol.dialects.lmount.types import UpdateStage as UpdateStage_7
from lensmount_protocol.codec.runtime import EnumMemberCache, Struct, new, reject, require_bytes


def UpdateOffer(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_12 = Struct('<BHH4sLL').unpack_from
    pack_14 = Struct('<BHH4sLL').pack
    pack_15 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 17 > stop_2: reject()
        number_5, maker_6, model_7, firmware_8, size_9, crc32_10, = take_12(data, p); p += 17
        rest_13 = data[p:stop_2]; p = stop_2
        tail_11 = rest_13
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.maker = maker_6
        message.model = model_7
        message.firmware = firmware_8
        message.size = size_9
        message.crc32 = crc32_10
        message.tail = tail_11
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_14(message.number, message.maker, message.model, (message.firmware if len(message.firmware) == 4 else reject()), message.size, message.crc32))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_15(0x60, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def UpdateBlock(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_9 = Struct('<BLL').unpack_from
    pack_17 = Struct('<BLL').pack
    pack_21 = Struct('<H').pack
    pack_22 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 9 > stop_2: reject()
        number_5, offset_6, crc32_7, = take_9(data, p); p += 9
        if p + 2 > stop_2: reject()
        value_11, = take_4(data, p); p += 2
        length_10 = value_11
        stop_12 = p + length_10
        if not p <= stop_12 <= stop_2: reject()
        rest_14 = data[p:stop_12]; p = stop_12
        value_13 = rest_14
        p = stop_12
        content_8 = value_13
        rest_16 = data[p:stop_2]; p = stop_2
        tail_15 = rest_16
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.offset = offset_6
        message.crc32 = crc32_7
        message.content = content_8
        message.tail = tail_15
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_17(message.number, message.offset, message.crc32))
            parts_19 = []; add_20 = parts_19.append
            add_20(require_bytes(message.content))
            data_18 = b''.join(parts_19)
            add(pack_21(len(data_18)))
            add(data_18)
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_22(0x61, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def UpdateActivate(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_7 = Struct('<B').unpack_from
    pack_9 = Struct('<B').pack
    pack_10 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 1 > stop_2: reject()
        number_5, = take_7(data, p); p += 1
        rest_8 = data[p:stop_2]; p = stop_2
        tail_6 = rest_8
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.tail = tail_6
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_9(message.number))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_10(0x62, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def UpdateRollback(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_7 = Struct('<B').unpack_from
    pack_9 = Struct('<B').pack
    pack_10 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 1 > stop_2: reject()
        number_5, = take_7(data, p); p += 1
        rest_8 = data[p:stop_2]; p = stop_2
        tail_6 = rest_8
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.tail = tail_6
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_9(message.number))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_10(0x63, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def ExtensionOffer(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_7 = Struct('<B').unpack_from
    unpack_12 = Struct('<HB').unpack
    def read_14(data):
        number_10, revision_11, = unpack_12(data)
        return ExtensionId_13(number=number_10, revision=revision_11)
    pack_15 = Struct('<HB').pack
    def write_16(value):
        return pack_15(value.number, value.revision)
    steps_20 = Struct('<3s').iter_unpack
    pack_23 = Struct('<B').pack
    def read_27(data):
        number_25, revision_26, = unpack_12(data)
        return ExtensionId_13(number=number_25, revision=revision_26)
    def write_28(value):
        return pack_15(value.number, value.revision)
    pack_29 = Struct('<3s').pack
    pack_30 = Struct('<BH').pack
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
        stop_18 = p + count_8 * 3
        if stop_18 > stop_2: reject()
        values_17 = [read_14(each_19) for (each_19,) in steps_20(data[p:stop_18])]; p = stop_18
        pages_6 = values_17
        rest_22 = data[p:stop_2]; p = stop_2
        tail_21 = rest_22
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.pages = pages_6
        message.tail = tail_21
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_23(message.number))
            add(pack_23(len(message.pages)))
            for element_24 in message.pages:
                add(pack_29(write_28(element_24)))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_30(0x70, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def ExtensionCommand(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_8 = Struct('<BH').unpack_from
    pack_16 = Struct('<BH').pack
    pack_20 = Struct('<H').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 3 > stop_2: reject()
        number_5, page_6, = take_8(data, p); p += 3
        if p + 2 > stop_2: reject()
        value_10, = take_4(data, p); p += 2
        length_9 = value_10
        stop_11 = p + length_9
        if not p <= stop_11 <= stop_2: reject()
        rest_13 = data[p:stop_11]; p = stop_11
        value_12 = rest_13
        p = stop_11
        content_7 = value_12
        rest_15 = data[p:stop_2]; p = stop_2
        tail_14 = rest_15
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.page = page_6
        message.content = content_7
        message.tail = tail_14
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_16(message.number, message.page))
            parts_18 = []; add_19 = parts_18.append
            add_19(require_bytes(message.content))
            data_17 = b''.join(parts_18)
            add(pack_20(len(data_17)))
            add(data_17)
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_16(0x71, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def UpdateState(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_8 = EnumMemberCache(UpdateStage_7)
    members_12 = EnumMemberCache(RejectionCode_11)
    take_14 = Struct('<BBLB').unpack_from
    pack_16 = Struct('<BBLB').pack
    pack_17 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 7 > stop_2: reject()
        number_5, stage_6, wanted_9, code_10, = take_14(data, p); p += 7
        stage_6 = members_8[stage_6]
        code_10 = members_12[code_10]
        rest_15 = data[p:stop_2]; p = stop_2
        tail_13 = rest_15
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.stage = stage_6
        message.wanted = wanted_9
        message.code = code_10
        message.tail = tail_13
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_16(message.number, int(message.stage), message.wanted, int(message.code)))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_17(0xe0, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def ExtensionAccept(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_7 = Struct('<B').unpack_from
    unpack_12 = Struct('<HB').unpack
    def read_14(data):
        number_10, revision_11, = unpack_12(data)
        return ExtensionId_13(number=number_10, revision=revision_11)
    pack_15 = Struct('<HB').pack
    def write_16(value):
        return pack_15(value.number, value.revision)
    steps_20 = Struct('<3s').iter_unpack
    pack_23 = Struct('<B').pack
    def read_27(data):
        number_25, revision_26, = unpack_12(data)
        return ExtensionId_13(number=number_25, revision=revision_26)
    def write_28(value):
        return pack_15(value.number, value.revision)
    pack_29 = Struct('<3s').pack
    pack_30 = Struct('<BH').pack
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
        stop_18 = p + count_8 * 3
        if stop_18 > stop_2: reject()
        values_17 = [read_14(each_19) for (each_19,) in steps_20(data[p:stop_18])]; p = stop_18
        pages_6 = values_17
        rest_22 = data[p:stop_2]; p = stop_2
        tail_21 = rest_22
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.pages = pages_6
        message.tail = tail_21
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_23(message.number))
            add(pack_23(len(message.pages)))
            for element_24 in message.pages:
                add(pack_29(write_28(element_24)))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_30(0xf0, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def ExtensionReport(cls, ask):
    take_4 = Struct('<H').unpack_from
    pack_14 = Struct('<H').pack
    pack_18 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 2 > stop_2: reject()
        page_5, = take_4(data, p); p += 2
        if p + 2 > stop_2: reject()
        value_8, = take_4(data, p); p += 2
        length_7 = value_8
        stop_9 = p + length_7
        if not p <= stop_9 <= stop_2: reject()
        rest_11 = data[p:stop_9]; p = stop_9
        value_10 = rest_11
        p = stop_9
        content_6 = value_10
        rest_13 = data[p:stop_2]; p = stop_2
        tail_12 = rest_13
        p = stop_2
        message = new(cls)
        message.page = page_5
        message.content = content_6
        message.tail = tail_12
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_14(message.page))
            parts_16 = []; add_17 = parts_16.append
            add_17(require_bytes(message.content))
            data_15 = b''.join(parts_16)
            add(pack_14(len(data_15)))
            add(data_15)
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_18(0xf1, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


CODECS = {
    'UpdateOffer': ('2-25668609', UpdateOffer),
    'UpdateBlock': ('2-f96f8445', UpdateBlock),
    'UpdateActivate': ('2-7162590f', UpdateActivate),
    'UpdateRollback': ('2-6cf74ad8', UpdateRollback),
    'ExtensionOffer': ('2-7e1d87af', ExtensionOffer),
    'ExtensionCommand': ('2-3b55c753', ExtensionCommand),
    'UpdateState': ('2-2787c53e', UpdateState),
    'ExtensionAccept': ('2-705efbc3', ExtensionAccept),
    'ExtensionReport': ('2-3a3252f0', ExtensionReport),
}
