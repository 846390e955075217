"""Generated from lensmount_protocol.dialects.lmount.identity by `lensmount describe lmount --emit`; not to be edited."""

from lensmount_protocol.dialects.lmount.identity import AccessoryEntry as AccessoryEntry_17
from lensmount_protocol.dialects.lmount.identity import MetadataEntry as MetadataEntry_20
from lensmount_protocol.dialects.lmount.types import AccessoryKind as AccessoryKind_9
from lensmount_protocol.dialects.lmount.types import ImageCircle as ImageCircle_7
from lensmount_protocol.codec.runtime import EnumMemberCache, Struct, encode_text, new, reject, require_bytes


def IdentityRequest(cls, ask):
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
            return pack_10(0x8, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def LensCapabilitiesRequest(cls, ask):
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
            return pack_10(0x9, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def MetadataRequest(cls, ask):
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
            return pack_10(0xb, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def Identity(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_10 = Struct('<BHH4s').unpack_from
    take_14 = Struct('<B').unpack_from
    pack_27 = Struct('<BHH4s').pack
    pack_32 = Struct('<B').pack
    pack_37 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 9 > stop_2: reject()
        number_5, maker_6, model_7, firmware_8, = take_10(data, p); p += 9
        if p + 1 > stop_2: reject()
        value_13, = take_14(data, p); p += 1
        length_12 = value_13
        stop_15 = p + length_12
        if not p <= stop_15 <= stop_2: reject()
        rest_17 = data[p:stop_15]; p = stop_15
        value_16 = rest_17
        p = stop_15
        value_11 = value_16
        name_9 = value_11.decode('utf-8')
        if p + 1 > stop_2: reject()
        value_21, = take_14(data, p); p += 1
        length_20 = value_21
        stop_22 = p + length_20
        if not p <= stop_22 <= stop_2: reject()
        rest_24 = data[p:stop_22]; p = stop_22
        value_23 = rest_24
        p = stop_22
        value_19 = value_23
        serial_18 = value_19.decode('utf-8')
        rest_26 = data[p:stop_2]; p = stop_2
        tail_25 = rest_26
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.maker = maker_6
        message.model = model_7
        message.firmware = firmware_8
        message.name = name_9
        message.serial = serial_18
        message.tail = tail_25
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_27(message.number, message.maker, message.model, (message.firmware if len(message.firmware) == 4 else reject())))
            encoded_28 = encode_text(message.name, 'utf-8')
            parts_30 = []; add_31 = parts_30.append
            add_31(require_bytes(encoded_28))
            data_29 = b''.join(parts_30)
            add(pack_32(len(data_29)))
            add(data_29)
            encoded_33 = encode_text(message.serial, 'utf-8')
            parts_35 = []; add_36 = parts_35.append
            add_36(require_bytes(encoded_33))
            data_34 = b''.join(parts_35)
            add(pack_32(len(data_34)))
            add(data_34)
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_37(0x88, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def LensCapabilities(cls, ask):
    take_4 = Struct('<H').unpack_from
    members_8 = EnumMemberCache(ImageCircle_7)
    take_19 = Struct('<BBLLLhhhHLB').unpack_from
    take_22 = Struct('<B').unpack_from
    steps_26 = Struct('<H').iter_unpack
    pack_32 = Struct('<BBLLLhhhHLB').pack
    pack_33 = Struct('<B').pack
    pack_35 = Struct('<H').pack
    pack_36 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 27 > stop_2: reject()
        number_5, image_circle_6, parts_9, shortest_um_10, longest_um_11, widest_wide_12, widest_tele_13, smallest_14, focus_steps_15, nearest_mm_16, stabiliser_17, = take_19(data, p); p += 27
        image_circle_6 = members_8[image_circle_6]
        if p + 1 > stop_2: reject()
        value_21, = take_22(data, p); p += 1
        count_20 = value_21
        stop_24 = p + count_20 * 2
        if stop_24 > stop_2: reject()
        values_23 = [each_25 for (each_25,) in steps_26(data[p:stop_24])]; p = stop_24
        drive_rates_hz_18 = values_23
        optional_28 = None
        if p + 1 <= stop_2:
            if p + 1 > stop_2: reject()
            value_29, = take_22(data, p); p += 1
            optional_28 = value_29
        breathing_27 = optional_28
        rest_31 = data[p:stop_2]; p = stop_2
        tail_30 = rest_31
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.image_circle = image_circle_6
        message.parts = parts_9
        message.shortest_um = shortest_um_10
        message.longest_um = longest_um_11
        message.widest_wide = widest_wide_12
        message.widest_tele = widest_tele_13
        message.smallest = smallest_14
        message.focus_steps = focus_steps_15
        message.nearest_mm = nearest_mm_16
        message.stabiliser = stabiliser_17
        message.drive_rates_hz = drive_rates_hz_18
        message.breathing = breathing_27
        message.tail = tail_30
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_32(message.number, int(message.image_circle), message.parts, message.shortest_um, message.longest_um, message.widest_wide, message.widest_tele, message.smallest, message.focus_steps, message.nearest_mm, message.stabiliser))
            add(pack_33(len(message.drive_rates_hz)))
            for element_34 in message.drive_rates_hz:
                add(pack_35(element_34))
            if message.breathing is not None:
                pass
                add(pack_33(message.breathing))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_36(0x89, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def AccessoryReport(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_8 = Struct('<B').unpack_from
    members_10 = EnumMemberCache(AccessoryKind_9)
    unpack_16 = Struct('<BHHHB').unpack
    def read_18(data):
        kind_11, maker_12, model_13, factor_permille_14, limits_15, = unpack_16(data)
        return AccessoryEntry_17(kind=members_10[kind_11], maker=maker_12, model=model_13, factor_permille=factor_permille_14, limits=limits_15)
    pack_19 = Struct('<BHHHB').pack
    def write_20(value):
        return pack_19(int(value.kind), value.maker, value.model, value.factor_permille, value.limits)
    steps_24 = Struct('<8s').iter_unpack
    pack_27 = Struct('<B').pack
    def read_34(data):
        kind_29, maker_30, model_31, factor_permille_32, limits_33, = unpack_16(data)
        return AccessoryEntry_17(kind=members_10[kind_29], maker=maker_30, model=model_31, factor_permille=factor_permille_32, limits=limits_33)
    def write_35(value):
        return pack_19(int(value.kind), value.maker, value.model, value.factor_permille, value.limits)
    pack_36 = Struct('<8s').pack
    pack_37 = Struct('<BH').pack
    def read(data, at, end):
        p = at + 1
        if p + 2 > end: reject()
        value_3, = take_4(data, p); p += 2
        length_1 = value_3
        stop_2 = p + length_1
        if not p <= stop_2 <= end: reject()
        if p + 1 > stop_2: reject()
        value_7, = take_8(data, p); p += 1
        count_6 = value_7
        stop_22 = p + count_6 * 8
        if stop_22 > stop_2: reject()
        values_21 = [read_18(each_23) for (each_23,) in steps_24(data[p:stop_22])]; p = stop_22
        entries_5 = values_21
        rest_26 = data[p:stop_2]; p = stop_2
        tail_25 = rest_26
        p = stop_2
        message = new(cls)
        message.entries = entries_5
        message.tail = tail_25
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_27(len(message.entries)))
            for element_28 in message.entries:
                add(pack_36(write_35(element_28)))
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_37(0x8a, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


def Metadata(cls, ask):
    take_4 = Struct('<H').unpack_from
    take_7 = Struct('<B').unpack_from
    pack_23 = Struct('<B').pack
    pack_25 = Struct('<H').pack
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
        values_10 = []; add_11 = values_10.append
        for _ in range(count_8):
            if p + 2 > stop_2: reject()
            tag_12, = take_4(data, p); p += 2
            if p + 1 > stop_2: reject()
            value_16, = take_7(data, p); p += 1
            length_15 = value_16
            stop_17 = p + length_15
            if not p <= stop_17 <= stop_2: reject()
            rest_19 = data[p:stop_17]; p = stop_17
            value_18 = rest_19
            p = stop_17
            value_14 = value_18
            text_13 = value_14.decode('utf-8')
            add_11(MetadataEntry_20(tag=tag_12, text=text_13))
        entries_6 = values_10
        rest_22 = data[p:stop_2]; p = stop_2
        tail_21 = rest_22
        p = stop_2
        message = new(cls)
        message.number = number_5
        message.entries = entries_6
        message.tail = tail_21
        return message, p
    def build(message):
        try:
            parts = []; add = parts.append
            add(pack_23(message.number))
            add(pack_23(len(message.entries)))
            for element_24 in message.entries:
                add(pack_25(element_24.tag))
                encoded_26 = encode_text(element_24.text, 'utf-8')
                parts_28 = []; add_29 = parts_28.append
                add_29(require_bytes(encoded_26))
                data_27 = b''.join(parts_28)
                add(pack_23(len(data_27)))
                add(data_27)
            add(require_bytes(message.tail))
            data = b''.join(parts)
            return pack_30(0x8b, len(data)) + data
        except Exception:
            return ask(message)
    return False, read, build


CODECS = {
    'IdentityRequest': ('2-f51e0d41', IdentityRequest),
    'LensCapabilitiesRequest': ('2-e88b1e96', LensCapabilitiesRequest),
    'MetadataRequest': ('2-283c63a2', MetadataRequest),
    'Identity': ('2-ae871935', Identity),
    'LensCapabilities': ('2-530284da', LensCapabilities),
    'AccessoryReport': ('2-d5ef95b4', AccessoryReport),
    'Metadata': ('2-256cd13d', Metadata),
}
