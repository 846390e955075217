"""Generated from lensmount_protocol.dialects.emount.focus_status by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.codec.runtime import Struct, new, reject


def FocusStatus_3f(cls, ask):
    pack_1 = Struct('<BBBHHBHHHHBBBHHBBBBHBB2s7s').pack
    take_2 = Struct('<xBBHHBHHHHBBBHHBBBBHBB2s7s').unpack_from
    usual_3 = cls.__dataclass_fields__['unknown_39'].default
    usual_4 = cls.__dataclass_fields__['unknown_84'].default
    usual_5 = cls.__dataclass_fields__['blocks'].default
    def read(data, at):
        message = new(cls)
        message.state, message.direction, message.planned_position, message.word_4, message.unknown_6, message.lower_limit, message.upper_limit, message.word_11, message.steps_per_defocus, message.unknown_15, message.unknown_16, message.unknown_17, message.word_18, message.position, message.unknown_22, message.cycle_flags, message.unknown_24, message.scan_phase, message.distance_word, message.unknown_28, message.unknown_29, message.unknown_30, message.velocity, = take_2(data, at)
        message.unknown_39 = usual_3
        message.unknown_84 = usual_4
        message.blocks = usual_5
        return message
    def build(message):
        try:
            return pack_1(0x6, message.state, message.direction, message.planned_position, message.word_4, message.unknown_6, message.lower_limit, message.upper_limit, message.word_11, message.steps_per_defocus, message.unknown_15, message.unknown_16, message.unknown_17, message.word_18, message.position, message.unknown_22, message.cycle_flags, message.unknown_24, message.scan_phase, message.distance_word, message.unknown_28, message.unknown_29, (message.unknown_30 if len(message.unknown_30) == 2 else reject()), (message.velocity if len(message.velocity) == 7 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


CODECS = {
    'FocusStatus_3f': ('2-333763bf', FocusStatus_3f),
}
