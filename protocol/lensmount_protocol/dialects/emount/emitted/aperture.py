"""Generated from lensmount_protocol.dialects.emount.aperture by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.codec.support import Struct, fail


def ApertureOrder(cls, ask):
    take_1 = Struct('<xHHB').unpack_from
    pack_2 = Struct('<BHHB').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x1b, message.aperture, message.aperture_other, message.select)
        except Exception:
            return ask(message)
    return take_1, make, build


def ApertureAnswer(cls, ask):
    take_1 = Struct('<xHH6s').unpack_from
    pack_2 = Struct('<BHH6s').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x1b, message.aperture, message.aperture_again, (message.unknown_4 if len(message.unknown_4) == 6 else fail()))
        except Exception:
            return ask(message)
    return take_1, make, build


CODECS = {
    'ApertureOrder': ('1-ec20d6c7', ApertureOrder),
    'ApertureAnswer': ('1-9c809f5a', ApertureAnswer),
}
