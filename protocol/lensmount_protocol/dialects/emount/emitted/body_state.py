"""Generated from lensmount_protocol.dialects.emount.body_state by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.codec.support import Struct, fail, new


def BodyState(cls, ask):
    pack_1 = Struct('<BHBHHB2sBBBHBBBBB').pack
    take_2 = Struct('<xHBHHB2sBBBHBBBBB').unpack_from
    def read(data, at):
        message = new(cls)
        message.state, message.unknown_2, message.aperture_target, message.aperture_target_leading, message.control, message.unknown_8, message.cycle_length, message.cycle_phase, message.parity_flags, message.mode, message.unknown_15, message.unknown_16, message.unknown_17, message.start_flag, message.unknown_19, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3, message.state, message.unknown_2, message.aperture_target, message.aperture_target_leading, message.control, (message.unknown_8 if len(message.unknown_8) == 2 else fail()), message.cycle_length, message.cycle_phase, message.parity_flags, message.mode, message.unknown_15, message.unknown_16, message.unknown_17, message.start_flag, message.unknown_19)
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
    'BodyState': ('1-239b4c78', BodyState),
    'RowSelect': ('1-973ae4bf', RowSelect),
}
