"""Generated from lensmount_protocol.dialects.emount.lens_status by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.dialects.emount.units import FocusSwitch as FocusSwitch_1
from lensmount_protocol.codec.runtime import EnumMemberCache, Struct, new, reject


def LensStatus_7fff(cls, ask):
    members_2 = EnumMemberCache(FocusSwitch_1)
    pack_3 = Struct('<BHHBHBBHHHHHBHBbHHHH6s6sBBBBB2sBBBH2sBBbBBBBBBBB8sBBBBH6s6sB').pack
    take_4 = Struct('<xHHBHBBHHHHHBHBbHHHH6s6sBBBBB2sBBBH2sBBbBBBBBBBB8sBBBBH6s6sB').unpack_from
    usual_5 = cls.__dataclass_fields__['unknown_96'].default
    usual_6 = cls.__dataclass_fields__['unknown_102'].default
    usual_7 = cls.__dataclass_fields__['unknown_105'].default
    usual_8 = cls.__dataclass_fields__['blocks'].default
    def read(data, at):
        message = new(cls)
        message.aperture, message.aperture_next, message.aperture_frames_left, message.aperture_error, message.unknown_7, message.state, message.pair_9, message.pair_11, message.pair_13, message.pair_15, message.ring_aperture, message.ring_flags, message.distance, message.motion_flags, message.coarse_distance, message.focal_length_dmm, message.nominal_focal_length_dmm, message.unknown_28, message.aperture_above_widest, message.row_a, message.row_b, message.descriptor_44, message.unknown_45, message.descriptor_46, message.unknown_47, message.descriptor_48, message.unknown_49, message.descriptor_51, message.descriptor_52, message.unknown_53, message.coarse_position, message.unknown_56, message.unknown_58, message.descriptor_59, message.ring_turning, message.unknown_61, message.focus_switch, message.unknown_63, message.barrel_flags, message.unknown_65, message.barrel_controls, message.unknown_67, message.unknown_68, message.unknown_69, message.row_index_a, message.row_index_b, message.row_extra_a, message.row_extra_b, message.effective_focal_length_dmm, message.row_c, message.row_d, message.unknown_95, = take_4(data, at)
        message.focus_switch = members_2[message.focus_switch]
        message.unknown_96 = usual_5
        message.unknown_102 = usual_6
        message.unknown_105 = usual_7
        message.blocks = usual_8
        return message
    def build(message):
        try:
            return pack_3(0x5, message.aperture, message.aperture_next, message.aperture_frames_left, message.aperture_error, message.unknown_7, message.state, message.pair_9, message.pair_11, message.pair_13, message.pair_15, message.ring_aperture, message.ring_flags, message.distance, message.motion_flags, message.coarse_distance, message.focal_length_dmm, message.nominal_focal_length_dmm, message.unknown_28, message.aperture_above_widest, (message.row_a if len(message.row_a) == 6 else reject()), (message.row_b if len(message.row_b) == 6 else reject()), message.descriptor_44, message.unknown_45, message.descriptor_46, message.unknown_47, message.descriptor_48, (message.unknown_49 if len(message.unknown_49) == 2 else reject()), message.descriptor_51, message.descriptor_52, message.unknown_53, message.coarse_position, (message.unknown_56 if len(message.unknown_56) == 2 else reject()), message.unknown_58, message.descriptor_59, message.ring_turning, message.unknown_61, int(message.focus_switch), message.unknown_63, message.barrel_flags, message.unknown_65, message.barrel_controls, message.unknown_67, message.unknown_68, (message.unknown_69 if len(message.unknown_69) == 8 else reject()), message.row_index_a, message.row_index_b, message.row_extra_a, message.row_extra_b, message.effective_focal_length_dmm, (message.row_c if len(message.row_c) == 6 else reject()), (message.row_d if len(message.row_d) == 6 else reject()), message.unknown_95)
        except Exception:
            return ask(message)
    return True, read, build


CODECS = {
    'LensStatus_7fff': ('2-88731507', LensStatus_7fff),
}
