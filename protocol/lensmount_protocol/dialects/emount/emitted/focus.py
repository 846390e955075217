"""Generated from lensmount_protocol.dialects.emount.focus by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.codec.support import Struct, fail, flags


def FocusStop(cls, ask):
    take_1 = Struct('<x').unpack_from
    pack_2 = Struct('<B').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x1c)
        except Exception:
            return ask(message)
    return take_1, make, build


def FocusStopped(cls, ask):
    take_1 = Struct('<xB').unpack_from
    pack_2 = Struct('<BB').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x1c, message.result)
        except Exception:
            return ask(message)
    return take_1, make, build


def FocusMove(cls, ask):
    take_1 = Struct('<xHBB').unpack_from
    pack_2 = Struct('<BHBB').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x1d, message.operand, message.amplitude, message.flags)
        except Exception:
            return ask(message)
    return take_1, make, build


def FocusMoved(cls, ask):
    take_1 = Struct('<xB').unpack_from
    pack_2 = Struct('<BB').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x1d, message.result)
        except Exception:
            return ask(message)
    return take_1, make, build


def FocusOrder1E(cls, ask):
    take_1 = Struct('<x4s').unpack_from
    pack_2 = Struct('<B4s').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x1e, (message.content if len(message.content) == 4 else fail()))
        except Exception:
            return ask(message)
    return take_1, make, build


def FocusScan(cls, ask):
    take_1 = Struct('<xBBBBHHBBBH').unpack_from
    pack_2 = Struct('<BBBBBHHBBBH').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x1f, message.window, message.unknown_1, message.flags, message.speed, message.limit_a, message.limit_b, message.run_out, message.run_up, message.unknown_10, message.centre)
        except Exception:
            return ask(message)
    return take_1, make, build


def FocusScanned(cls, ask):
    take_1 = Struct('<xB').unpack_from
    pack_2 = Struct('<BB').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x1f, message.result)
        except Exception:
            return ask(message)
    return take_1, make, build


def PositionToDistance(cls, ask):
    take_1 = Struct('<xH').unpack_from
    pack_2 = Struct('<BH').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x22, message.position)
        except Exception:
            return ask(message)
    return take_1, make, build


def DistanceOfPosition(cls, ask):
    take_1 = Struct('<xH').unpack_from
    pack_2 = Struct('<BH').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x22, message.distance)
        except Exception:
            return ask(message)
    return take_1, make, build


def DistanceToPosition(cls, ask):
    take_1 = Struct('<xH').unpack_from
    pack_2 = Struct('<BH').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x2e, message.distance)
        except Exception:
            return ask(message)
    return take_1, make, build


def PositionOfDistance(cls, ask):
    take_1 = Struct('<xH').unpack_from
    pack_2 = Struct('<BH').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x2e, message.position)
        except Exception:
            return ask(message)
    return take_1, make, build


def FocusOrder34(cls, ask):
    take_1 = Struct('<x23s').unpack_from
    pack_2 = Struct('<B23s').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x34, (message.content if len(message.content) == 23 else fail()))
        except Exception:
            return ask(message)
    return take_1, make, build


def FocusAnswer34(cls, ask):
    take_1 = Struct('<x23s').unpack_from
    pack_2 = Struct('<B23s').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x34, (message.content if len(message.content) == 23 else fail()))
        except Exception:
            return ask(message)
    return take_1, make, build


def FocusLimitDrive(cls, ask):
    take_1 = Struct('<xBh4s').unpack_from
    pack_2 = Struct('<BBh4s').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x3c, message.unknown_0, message.speed, (message.unknown_3 if len(message.unknown_3) == 4 else fail()))
        except Exception:
            return ask(message)
    return take_1, make, build


def FocusLimitDriven(cls, ask):
    take_1 = Struct('<xB2s').unpack_from
    pack_2 = Struct('<BB2s').pack
    make = cls
    def build(message):
        try:
            return pack_2(0x3c, message.direction, (message.unknown_1 if len(message.unknown_1) == 2 else fail()))
        except Exception:
            return ask(message)
    return take_1, make, build


CODECS = {
    'FocusStop': ('1-999f50e3', FocusStop),
    'FocusStopped': ('1-5f33f6a8', FocusStopped),
    'FocusMove': ('1-65198373', FocusMove),
    'FocusMoved': ('1-a2ca0edd', FocusMoved),
    'FocusOrder1E': ('1-dc3801bb', FocusOrder1E),
    'FocusScan': ('1-da6ea366', FocusScan),
    'FocusScanned': ('1-256a2bbe', FocusScanned),
    'PositionToDistance': ('1-5ed400db', PositionToDistance),
    'DistanceOfPosition': ('1-971e0ecc', DistanceOfPosition),
    'DistanceToPosition': ('1-836a52a5', DistanceToPosition),
    'PositionOfDistance': ('1-4aa05cb2', PositionOfDistance),
    'FocusOrder34': ('1-2ce29285', FocusOrder34),
    'FocusAnswer34': ('1-2ce29285', FocusAnswer34),
    'FocusLimitDrive': ('1-5e620a28', FocusLimitDrive),
    'FocusLimitDriven': ('1-bf904e0c', FocusLimitDriven),
}
