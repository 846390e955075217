"""Generated from lensmount_protocol.dialects.emount.body_status by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.dialects.emount.units import FocusMode as FocusMode_1
from lensmount_protocol.codec.runtime import EnumMemberCache, Struct, new, reject


def BodyState(cls, ask):
    pack_1 = Struct('<BHBHHB2sBBBHBBBBB').pack
    take_2 = Struct('<xHBHHB2sBBBHBBBBB').unpack_from
    def read(data, at):
        message = new(cls)
        message.state, message.unknown_2, message.aperture_target, message.aperture_target_leading, message.control, message.unknown_8, message.cycle_length, message.cycle_phase, message.parity_flags, message.mode, message.unknown_15, message.unknown_16, message.unknown_17, message.start_flag, message.unknown_19, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3, message.state, message.unknown_2, message.aperture_target, message.aperture_target_leading, message.control, (message.unknown_8 if len(message.unknown_8) == 2 else reject()), message.cycle_length, message.cycle_phase, message.parity_flags, message.mode, message.unknown_15, message.unknown_16, message.unknown_17, message.start_flag, message.unknown_19)
        except Exception:
            return ask(message)
    return True, read, build


def BodyMode(cls, ask):
    members_2 = EnumMemberCache(FocusMode_1)
    pack_3 = Struct('<B2sBB2sBBBBB2s').pack
    take_4 = Struct('<x2sBB2sBBBBB2s').unpack_from
    def read(data, at):
        message = new(cls)
        message.unknown_0, message.unknown_2, message.focus_mode, message.unknown_4, message.focus_setting, message.target_kind, message.unknown_8, message.focus_activity, message.state, message.unknown_11, = take_4(data, at)
        message.focus_mode = members_2[message.focus_mode]
        return message
    def build(message):
        try:
            return pack_3(0x4, (message.unknown_0 if len(message.unknown_0) == 2 else reject()), message.unknown_2, int(message.focus_mode), (message.unknown_4 if len(message.unknown_4) == 2 else reject()), message.focus_setting, message.target_kind, message.unknown_8, message.focus_activity, message.state, (message.unknown_11 if len(message.unknown_11) == 2 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def RowSelect(cls, ask):
    pack_1 = Struct('<BBB').pack
    take_2 = Struct('<xBB').unpack_from
    def read(data, at):
        message = new(cls)
        message.row_a, message.row_b, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x2f, message.row_a, message.row_b)
        except Exception:
            return ask(message)
    return True, read, build


CODECS = {
    'BodyState': ('2-239b4c78', BodyState),
    'BodyMode': ('2-d9bd02c0', BodyMode),
    'RowSelect': ('2-973ae4bf', RowSelect),
}
