"""All that declares a dialect: messages, fields, frame formats, states, timing rules and construct's names.

The names of construct stand for the constructs and import construct only when they are needed.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lensmount_protocol.blocks import BlockedMessage as SelectableMessage
    from lensmount_protocol.checksums import CRC16_IBM_3740 as CRC16_IBM_3740
    from lensmount_protocol.checksums import CRC16_IBM_SDLC as CRC16_IBM_SDLC
    from lensmount_protocol.checksums import CRC32_ISO_HDLC as CRC32_ISO_HDLC
    from lensmount_protocol.checksums import SUM16 as SUM16
    from lensmount_protocol.checksums import Checksum as ChecksumAlgorithm
    from lensmount_protocol.dialect import Dialect as Dialect
    from lensmount_protocol.enums import OpenIntEnum as OpenIntEnum
    from lensmount_protocol.enums import enum_field as enum_field
    from lensmount_protocol.envelope import DeclaredFormat as ConstructFrameFormat
    from lensmount_protocol.evidence import Evidence as Evidence
    from lensmount_protocol.evidence import Proof as EvidenceLevel
    from lensmount_protocol.frame import Frame as Frame
    from lensmount_protocol.frame import FrameEvent as FrameEvent
    from lensmount_protocol.frame import FrameFormat as FrameFormat
    from lensmount_protocol.frame import Garbage as Garbage
    from lensmount_protocol.frame import GarbageReason as GarbageReason
    from lensmount_protocol.framer import Framer as Framer
    from lensmount_protocol.message import FieldSpec as FieldSpec
    from lensmount_protocol.message import Message as Message
    from lensmount_protocol.message import SizedMessage as LengthPrefixedMessage
    from lensmount_protocol.message import Unknown as UnknownMessage
    from lensmount_protocol.message import field as field
    from lensmount_protocol.message import message as message
    from lensmount_protocol.message import unknown_bytes as unknown_bytes
    from lensmount_protocol.paving import AnyMessage as AnyMessage
    from lensmount_protocol.paving import Paving as PayloadParser
    from lensmount_protocol.paving import build_payload as build_payload
    from lensmount_protocol.paving import message_table as message_table
    from lensmount_protocol.paving import type_of as message_type
    from lensmount_protocol.rates import RateWord as BaudrateMessage
    from lensmount_protocol.reader import FrameReader as FrameParser
    from lensmount_protocol.records import Record as FieldGroup
    from lensmount_protocol.records import record as field_group
    from lensmount_protocol.records import record_of as field_group_of
    from lensmount_protocol.timing import ANY as ANY
    from lensmount_protocol.timing import NOTHING as NOTHING
    from lensmount_protocol.timing import Mark as TimingMark
    from lensmount_protocol.timing import TimingRule as TimingRule
    from lensmount_protocol.timing import closes as closes
    from lensmount_protocol.timing import edge as edge
    from lensmount_protocol.timing import first_bit as first_bit
    from lensmount_protocol.timing import frame_end as frame_end
    from lensmount_protocol.timing import last_bit as last_bit
    from lensmount_protocol.timing import opens as opens
    from lensmount_protocol.transitions import TransitionTable as TransitionTable
    from lensmount_protocol.wire import Role as Role
    from lensmount_protocol.wire import SerialLine as SerialLine
    from lensmount_protocol.wire import Wiring as Wiring
    from lensmount_protocol.wire import transmission_time as transmission_time

    Aligned: Any
    Array: Any
    Bit: Any
    BitStruct: Any
    BitsInteger: Any
    Bitwise: Any
    Bytes: Any
    BytesInteger: Any
    CString: Any
    Check: Any
    Checksum: Any
    Computed: Any
    Const: Any
    Default: Any
    Enum: Any
    FixedSized: Any
    Flag: Any
    FlagsEnum: Any
    Float16b: Any
    Float16l: Any
    Float32b: Any
    Float32l: Any
    Float64b: Any
    Float64l: Any
    GreedyBytes: Any
    GreedyRange: Any
    GreedyString: Any
    If: Any
    IfThenElse: Any
    Int16sb: Any
    Int16sl: Any
    Int16ub: Any
    Int16ul: Any
    Int24sb: Any
    Int24sl: Any
    Int24ub: Any
    Int24ul: Any
    Int32sb: Any
    Int32sl: Any
    Int32ub: Any
    Int32ul: Any
    Int64sb: Any
    Int64sl: Any
    Int64ub: Any
    Int64ul: Any
    Int8sb: Any
    Int8sl: Any
    Int8ub: Any
    Int8ul: Any
    Nibble: Any
    NullTerminated: Any
    Octet: Any
    Optional: Any
    Padded: Any
    PaddedString: Any
    Padding: Any
    PascalString: Any
    Pass: Any
    Peek: Any
    Pointer: Any
    Prefixed: Any
    PrefixedArray: Any
    RawCopy: Any
    Rebuild: Any
    Select: Any
    Struct: Any
    Switch: Any
    Tell: Any
    Terminated: Any
    UntilEnd: Any
    VarInt: Any
    len_: Any
    list_: Any
    obj_: Any
    this: Any
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "ANY",
    "CRC16_IBM_3740",
    "CRC16_IBM_SDLC",
    "CRC32_ISO_HDLC",
    "NOTHING",
    "SUM16",
    "Aligned",
    "AnyMessage",
    "Array",
    "BaudrateMessage",
    "Bit",
    "BitStruct",
    "BitsInteger",
    "Bitwise",
    "Bytes",
    "BytesInteger",
    "CString",
    "Check",
    "Checksum",
    "ChecksumAlgorithm",
    "Computed",
    "Const",
    "ConstructFrameFormat",
    "Default",
    "Dialect",
    "Enum",
    "Evidence",
    "EvidenceLevel",
    "FieldGroup",
    "FieldSpec",
    "FixedSized",
    "Flag",
    "FlagsEnum",
    "Float16b",
    "Float16l",
    "Float32b",
    "Float32l",
    "Float64b",
    "Float64l",
    "Frame",
    "FrameEvent",
    "FrameFormat",
    "FrameParser",
    "Framer",
    "Garbage",
    "GarbageReason",
    "GreedyBytes",
    "GreedyRange",
    "GreedyString",
    "If",
    "IfThenElse",
    "Int8sb",
    "Int8sl",
    "Int8ub",
    "Int8ul",
    "Int16sb",
    "Int16sl",
    "Int16ub",
    "Int16ul",
    "Int24sb",
    "Int24sl",
    "Int24ub",
    "Int24ul",
    "Int32sb",
    "Int32sl",
    "Int32ub",
    "Int32ul",
    "Int64sb",
    "Int64sl",
    "Int64ub",
    "Int64ul",
    "LengthPrefixedMessage",
    "Message",
    "Nibble",
    "NullTerminated",
    "Octet",
    "OpenIntEnum",
    "Optional",
    "Padded",
    "PaddedString",
    "Padding",
    "PascalString",
    "Pass",
    "PayloadParser",
    "Peek",
    "Pointer",
    "Prefixed",
    "PrefixedArray",
    "RawCopy",
    "Rebuild",
    "Role",
    "Select",
    "SelectableMessage",
    "SerialLine",
    "Struct",
    "Switch",
    "Tell",
    "Terminated",
    "TimingMark",
    "TimingRule",
    "TransitionTable",
    "UnknownMessage",
    "UntilEnd",
    "VarInt",
    "Wiring",
    "build_payload",
    "closes",
    "edge",
    "enum_field",
    "field",
    "field_group",
    "field_group_of",
    "first_bit",
    "frame_end",
    "last_bit",
    "len_",
    "list_",
    "message",
    "message_table",
    "message_type",
    "obj_",
    "opens",
    "this",
    "transmission_time",
    "unknown_bytes",
]

_NAMES = {
    "ANY": ("lensmount_protocol.timing", "ANY"),
    "Aligned": ("lensmount_protocol.deferred", "Aligned"),
    "AnyMessage": ("lensmount_protocol.paving", "AnyMessage"),
    "Array": ("lensmount_protocol.deferred", "Array"),
    "BaudrateMessage": ("lensmount_protocol.rates", "RateWord"),
    "Bit": ("lensmount_protocol.deferred", "Bit"),
    "BitStruct": ("lensmount_protocol.deferred", "BitStruct"),
    "BitsInteger": ("lensmount_protocol.deferred", "BitsInteger"),
    "Bitwise": ("lensmount_protocol.deferred", "Bitwise"),
    "Bytes": ("lensmount_protocol.deferred", "Bytes"),
    "BytesInteger": ("lensmount_protocol.deferred", "BytesInteger"),
    "CRC16_IBM_3740": ("lensmount_protocol.checksums", "CRC16_IBM_3740"),
    "CRC16_IBM_SDLC": ("lensmount_protocol.checksums", "CRC16_IBM_SDLC"),
    "CRC32_ISO_HDLC": ("lensmount_protocol.checksums", "CRC32_ISO_HDLC"),
    "CString": ("lensmount_protocol.deferred", "CString"),
    "Check": ("lensmount_protocol.deferred", "Check"),
    "Checksum": ("lensmount_protocol.deferred", "Checksum"),
    "ChecksumAlgorithm": ("lensmount_protocol.checksums", "Checksum"),
    "Computed": ("lensmount_protocol.deferred", "Computed"),
    "Const": ("lensmount_protocol.deferred", "Const"),
    "ConstructFrameFormat": ("lensmount_protocol.envelope", "DeclaredFormat"),
    "Default": ("lensmount_protocol.deferred", "Default"),
    "Dialect": ("lensmount_protocol.dialect", "Dialect"),
    "Enum": ("lensmount_protocol.deferred", "Enum"),
    "Evidence": ("lensmount_protocol.evidence", "Evidence"),
    "EvidenceLevel": ("lensmount_protocol.evidence", "Proof"),
    "FieldGroup": ("lensmount_protocol.records", "Record"),
    "FieldSpec": ("lensmount_protocol.message", "FieldSpec"),
    "FixedSized": ("lensmount_protocol.deferred", "FixedSized"),
    "Flag": ("lensmount_protocol.deferred", "Flag"),
    "FlagsEnum": ("lensmount_protocol.deferred", "FlagsEnum"),
    "Float16b": ("lensmount_protocol.deferred", "Float16b"),
    "Float16l": ("lensmount_protocol.deferred", "Float16l"),
    "Float32b": ("lensmount_protocol.deferred", "Float32b"),
    "Float32l": ("lensmount_protocol.deferred", "Float32l"),
    "Float64b": ("lensmount_protocol.deferred", "Float64b"),
    "Float64l": ("lensmount_protocol.deferred", "Float64l"),
    "Frame": ("lensmount_protocol.frame", "Frame"),
    "FrameEvent": ("lensmount_protocol.frame", "FrameEvent"),
    "FrameFormat": ("lensmount_protocol.frame", "FrameFormat"),
    "FrameParser": ("lensmount_protocol.reader", "FrameReader"),
    "Framer": ("lensmount_protocol.framer", "Framer"),
    "Garbage": ("lensmount_protocol.frame", "Garbage"),
    "GarbageReason": ("lensmount_protocol.frame", "GarbageReason"),
    "GreedyBytes": ("lensmount_protocol.deferred", "GreedyBytes"),
    "GreedyRange": ("lensmount_protocol.deferred", "GreedyRange"),
    "GreedyString": ("lensmount_protocol.deferred", "GreedyString"),
    "If": ("lensmount_protocol.deferred", "If"),
    "IfThenElse": ("lensmount_protocol.deferred", "IfThenElse"),
    "Int16sb": ("lensmount_protocol.deferred", "Int16sb"),
    "Int16sl": ("lensmount_protocol.deferred", "Int16sl"),
    "Int16ub": ("lensmount_protocol.deferred", "Int16ub"),
    "Int16ul": ("lensmount_protocol.deferred", "Int16ul"),
    "Int24sb": ("lensmount_protocol.deferred", "Int24sb"),
    "Int24sl": ("lensmount_protocol.deferred", "Int24sl"),
    "Int24ub": ("lensmount_protocol.deferred", "Int24ub"),
    "Int24ul": ("lensmount_protocol.deferred", "Int24ul"),
    "Int32sb": ("lensmount_protocol.deferred", "Int32sb"),
    "Int32sl": ("lensmount_protocol.deferred", "Int32sl"),
    "Int32ub": ("lensmount_protocol.deferred", "Int32ub"),
    "Int32ul": ("lensmount_protocol.deferred", "Int32ul"),
    "Int64sb": ("lensmount_protocol.deferred", "Int64sb"),
    "Int64sl": ("lensmount_protocol.deferred", "Int64sl"),
    "Int64ub": ("lensmount_protocol.deferred", "Int64ub"),
    "Int64ul": ("lensmount_protocol.deferred", "Int64ul"),
    "Int8sb": ("lensmount_protocol.deferred", "Int8sb"),
    "Int8sl": ("lensmount_protocol.deferred", "Int8sl"),
    "Int8ub": ("lensmount_protocol.deferred", "Int8ub"),
    "Int8ul": ("lensmount_protocol.deferred", "Int8ul"),
    "LengthPrefixedMessage": ("lensmount_protocol.message", "SizedMessage"),
    "Message": ("lensmount_protocol.message", "Message"),
    "NOTHING": ("lensmount_protocol.timing", "NOTHING"),
    "Nibble": ("lensmount_protocol.deferred", "Nibble"),
    "NullTerminated": ("lensmount_protocol.deferred", "NullTerminated"),
    "Octet": ("lensmount_protocol.deferred", "Octet"),
    "OpenIntEnum": ("lensmount_protocol.enums", "OpenIntEnum"),
    "Optional": ("lensmount_protocol.deferred", "Optional"),
    "Padded": ("lensmount_protocol.deferred", "Padded"),
    "PaddedString": ("lensmount_protocol.deferred", "PaddedString"),
    "Padding": ("lensmount_protocol.deferred", "Padding"),
    "PascalString": ("lensmount_protocol.deferred", "PascalString"),
    "Pass": ("lensmount_protocol.deferred", "Pass"),
    "PayloadParser": ("lensmount_protocol.paving", "Paving"),
    "Peek": ("lensmount_protocol.deferred", "Peek"),
    "Pointer": ("lensmount_protocol.deferred", "Pointer"),
    "Prefixed": ("lensmount_protocol.deferred", "Prefixed"),
    "PrefixedArray": ("lensmount_protocol.deferred", "PrefixedArray"),
    "RawCopy": ("lensmount_protocol.deferred", "RawCopy"),
    "Rebuild": ("lensmount_protocol.deferred", "Rebuild"),
    "Role": ("lensmount_protocol.wire", "Role"),
    "SUM16": ("lensmount_protocol.checksums", "SUM16"),
    "Select": ("lensmount_protocol.deferred", "Select"),
    "SelectableMessage": ("lensmount_protocol.blocks", "BlockedMessage"),
    "SerialLine": ("lensmount_protocol.wire", "SerialLine"),
    "Struct": ("lensmount_protocol.deferred", "Struct"),
    "Switch": ("lensmount_protocol.deferred", "Switch"),
    "Tell": ("lensmount_protocol.deferred", "Tell"),
    "Terminated": ("lensmount_protocol.deferred", "Terminated"),
    "TimingMark": ("lensmount_protocol.timing", "Mark"),
    "TimingRule": ("lensmount_protocol.timing", "TimingRule"),
    "TransitionTable": ("lensmount_protocol.transitions", "TransitionTable"),
    "UnknownMessage": ("lensmount_protocol.message", "Unknown"),
    "UntilEnd": ("lensmount_protocol.deferred", "UntilEnd"),
    "VarInt": ("lensmount_protocol.deferred", "VarInt"),
    "Wiring": ("lensmount_protocol.wire", "Wiring"),
    "build_payload": ("lensmount_protocol.paving", "build_payload"),
    "closes": ("lensmount_protocol.timing", "closes"),
    "edge": ("lensmount_protocol.timing", "edge"),
    "enum_field": ("lensmount_protocol.enums", "enum_field"),
    "field": ("lensmount_protocol.message", "field"),
    "field_group": ("lensmount_protocol.records", "record"),
    "field_group_of": ("lensmount_protocol.records", "record_of"),
    "first_bit": ("lensmount_protocol.timing", "first_bit"),
    "frame_end": ("lensmount_protocol.timing", "frame_end"),
    "last_bit": ("lensmount_protocol.timing", "last_bit"),
    "len_": ("lensmount_protocol.deferred", "len_"),
    "list_": ("lensmount_protocol.deferred", "list_"),
    "message": ("lensmount_protocol.message", "message"),
    "message_table": ("lensmount_protocol.paving", "message_table"),
    "message_type": ("lensmount_protocol.paving", "type_of"),
    "obj_": ("lensmount_protocol.deferred", "obj_"),
    "opens": ("lensmount_protocol.timing", "opens"),
    "this": ("lensmount_protocol.deferred", "this"),
    "transmission_time": ("lensmount_protocol.wire", "transmission_time"),
    "unknown_bytes": ("lensmount_protocol.message", "unknown_bytes"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
