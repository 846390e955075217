"""Generated from lensmount_protocol.dialects.emount.focus by `lensmount describe emount --emit`; not to be edited."""

from lensmount_protocol.codec.runtime import Struct, new, reject


def FocusStop(cls, ask):
    pack_1 = Struct('<B').pack
    def read(data, at):
        message = new(cls)
        return message
    def build(message):
        try:
            return pack_1(0x1c)
        except Exception:
            return ask(message)
    return True, read, build


def FocusStopped(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.result, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x1c, message.result)
        except Exception:
            return ask(message)
    return True, read, build


def FocusMove(cls, ask):
    pack_1 = Struct('<BHBB').pack
    take_2 = Struct('<xHBB').unpack_from
    def read(data, at):
        message = new(cls)
        message.operand, message.amplitude, message.flags, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x1d, message.operand, message.amplitude, message.flags)
        except Exception:
            return ask(message)
    return True, read, build


def FocusMoved(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.result, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x1d, message.result)
        except Exception:
            return ask(message)
    return True, read, build


def FocusOrder1E(cls, ask):
    pack_1 = Struct('<B4s').pack
    take_2 = Struct('<x4s').unpack_from
    def read(data, at):
        message = new(cls)
        message.content, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x1e, (message.content if len(message.content) == 4 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def FocusAnswer1E(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.result, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x1e, message.result)
        except Exception:
            return ask(message)
    return True, read, build


def FocusScan(cls, ask):
    pack_1 = Struct('<BBBBBHHBBBH').pack
    take_2 = Struct('<xBBBBHHBBBH').unpack_from
    def read(data, at):
        message = new(cls)
        message.window, message.divisor, message.flags, message.speed, message.limit_a, message.limit_b, message.run_out, message.run_up, message.unknown_10, message.centre, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x1f, message.window, message.divisor, message.flags, message.speed, message.limit_a, message.limit_b, message.run_out, message.run_up, message.unknown_10, message.centre)
        except Exception:
            return ask(message)
    return True, read, build


def FocusScanned(cls, ask):
    pack_1 = Struct('<BB').pack
    take_2 = Struct('<xB').unpack_from
    def read(data, at):
        message = new(cls)
        message.result, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x1f, message.result)
        except Exception:
            return ask(message)
    return True, read, build


def PositionToDistance(cls, ask):
    pack_1 = Struct('<BH').pack
    take_2 = Struct('<xH').unpack_from
    def read(data, at):
        message = new(cls)
        message.position, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x22, message.position)
        except Exception:
            return ask(message)
    return True, read, build


def DistanceOfPosition(cls, ask):
    pack_1 = Struct('<BH').pack
    take_2 = Struct('<xH').unpack_from
    def read(data, at):
        message = new(cls)
        message.distance, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x22, message.distance)
        except Exception:
            return ask(message)
    return True, read, build


def DistanceToPosition(cls, ask):
    pack_1 = Struct('<BH').pack
    take_2 = Struct('<xH').unpack_from
    def read(data, at):
        message = new(cls)
        message.distance, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x2e, message.distance)
        except Exception:
            return ask(message)
    return True, read, build


def PositionOfDistance(cls, ask):
    pack_1 = Struct('<BH').pack
    take_2 = Struct('<xH').unpack_from
    def read(data, at):
        message = new(cls)
        message.position, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x2e, message.position)
        except Exception:
            return ask(message)
    return True, read, build


def FocusOrder34(cls, ask):
    pack_1 = Struct('<BHBBB18s').pack
    take_2 = Struct('<xHBBB18s').unpack_from
    def read(data, at):
        message = new(cls)
        message.operand, message.unknown_2, message.flags, message.bound, message.unknown_5, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x34, message.operand, message.unknown_2, message.flags, message.bound, (message.unknown_5 if len(message.unknown_5) == 18 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def FocusAnswer34(cls, ask):
    pack_1 = Struct('<BBH20s').pack
    take_2 = Struct('<xBH20s').unpack_from
    def read(data, at):
        message = new(cls)
        message.status, message.value, message.unknown_3, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x34, message.status, message.value, (message.unknown_3 if len(message.unknown_3) == 20 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def FocusLimitDrive(cls, ask):
    pack_1 = Struct('<BBh4s').pack
    take_2 = Struct('<xBh4s').unpack_from
    def read(data, at):
        message = new(cls)
        message.unknown_0, message.speed, message.unknown_3, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3c, message.unknown_0, message.speed, (message.unknown_3 if len(message.unknown_3) == 4 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


def FocusLimitDriven(cls, ask):
    pack_1 = Struct('<BB2s').pack
    take_2 = Struct('<xB2s').unpack_from
    def read(data, at):
        message = new(cls)
        message.direction, message.unknown_1, = take_2(data, at)
        return message
    def build(message):
        try:
            return pack_1(0x3c, message.direction, (message.unknown_1 if len(message.unknown_1) == 2 else reject()))
        except Exception:
            return ask(message)
    return True, read, build


CODECS = {
    'FocusStop': ('2-f10b7ed1', FocusStop),
    'FocusStopped': ('2-35ef96d6', FocusStopped),
    'FocusMove': ('2-52fc47e0', FocusMove),
    'FocusMoved': ('2-04f7a1a1', FocusMoved),
    'FocusOrder1E': ('2-b081f4ad', FocusOrder1E),
    'FocusAnswer1E': ('2-85d2c486', FocusAnswer1E),
    'FocusScan': ('2-97f19751', FocusScan),
    'FocusScanned': ('2-ddcc6dae', FocusScanned),
    'PositionToDistance': ('2-d7210d7a', PositionToDistance),
    'DistanceOfPosition': ('2-0e3ec13d', DistanceOfPosition),
    'DistanceToPosition': ('2-0c217b52', DistanceToPosition),
    'PositionOfDistance': ('2-d53eb715', PositionOfDistance),
    'FocusOrder34': ('2-2d6b02b1', FocusOrder34),
    'FocusAnswer34': ('2-d185180f', FocusAnswer34),
    'FocusLimitDrive': ('2-83d92d06', FocusLimitDrive),
    'FocusLimitDriven': ('2-3d68b674', FocusLimitDriven),
}
