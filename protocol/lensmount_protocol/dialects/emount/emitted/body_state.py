"""Generated from lensmount_protocol.dialects.emount.body_state by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.codec.support import Struct, fail


def BodyState(cls, ask):
    take_1 = Struct('<xHBHHB2sBBBHBBBBB').unpack_from
    pack_2 = Struct('<BHBHHB2sBBBHBBBBB').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x3, message.state, message.unknown_2, message.aperture_target, message.aperture_target_leading, message.control, (message.unknown_8 if len(message.unknown_8) == 2 else fail()), message.cycle_length, message.cycle_phase, message.parity_flags, message.mode, message.unknown_15, message.unknown_16, message.unknown_17, message.start_flag, message.unknown_19)
        except Exception:
            return ask(message)
    return take_1, make, build


def RowSelect(cls, ask):
    take_1 = Struct('<xBB').unpack_from
    pack_2 = Struct('<BBB').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x2f, message.row_a, message.row_b)
        except Exception:
            return ask(message)
    return take_1, make, build


CODECS = {
    'BodyState': ('1-2e3a17d6', BodyState),
    'RowSelect': ('1-99707f22', RowSelect),
}
