"""Generated from lensmount_protocol.dialects.emount.aperture by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.codec.runtime import Struct, new


def ApertureOrder(cls, ask):
    pack_1 = Struct('<BHHB').pack
    take_2 = Struct('<xHHB').unpack_from
    def read(data, at):
        message = new(cls)
        message.aperture, message.aperture_other, message.select, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x1b, message.aperture, message.aperture_other, message.select)
        except Exception:
            return ask(message)
    return True, read, build


def ApertureAnswer(cls, ask):
    pack_1 = Struct('<BHHBHBBB').pack
    take_2 = Struct('<xHHBHBBB').unpack_from
    def read(data, at):
        message = new(cls)
        message.aperture, message.aperture_again, message.aperture_frames_left, message.aperture_error, message.pair_15, message.pair_13, message.state, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x1b, message.aperture, message.aperture_again, message.aperture_frames_left, message.aperture_error, message.pair_15, message.pair_13, message.state)
        except Exception:
            return ask(message)
    return True, read, build


CODECS = {
    'ApertureOrder': ('2-d4f241fc', ApertureOrder),
    'ApertureAnswer': ('2-df18b78a', ApertureAnswer),
}
