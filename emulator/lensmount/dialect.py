"""Declarations of a dialect: messages, fields, frame formats, states, timing rules and construct's names.

The names of construct refer to its constructs, and import construct on first use.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lensmount_protocol.checksums import CRC16_IBM_3740 as CRC16_IBM_3740
    from lensmount_protocol.checksums import CRC16_IBM_SDLC as CRC16_IBM_SDLC
    from lensmount_protocol.checksums import CRC32_ISO_HDLC as CRC32_ISO_HDLC
    from lensmount_protocol.checksums import SUM8 as SUM8
    from lensmount_protocol.checksums import SUM16 as SUM16
    from lensmount_protocol.checksums import XOR8 as XOR8
    from lensmount_protocol.checksums import Checksum as ChecksumAlgorithm
    from lensmount_protocol.checksums import make_crc as make_crc
    from lensmount_protocol.dialect import BaudrateMessage as BaudrateMessage
    from lensmount_protocol.dialect import Dialect as Dialect
    from lensmount_protocol.dialect import LinkChecker as LinkChecker
    from lensmount_protocol.dialect import TransitionTable as TransitionTable
    from lensmount_protocol.frame_parser import ConstructFrameFormat as ConstructFrameFormat
    from lensmount_protocol.frame_parser import FrameParser as FrameParser
    from lensmount_protocol.framer import BurstFrameFormat as BurstFrameFormat
    from lensmount_protocol.framer import Frame as Frame
    from lensmount_protocol.framer import FrameEvent as FrameEvent
    from lensmount_protocol.framer import FrameFormat as FrameFormat
    from lensmount_protocol.framer import Framer as Framer
    from lensmount_protocol.framer import Garbage as Garbage
    from lensmount_protocol.framer import GarbageReason as GarbageReason
    from lensmount_protocol.framer import UnitFrame as UnitFrame
    from lensmount_protocol.framer import UnitPlace as UnitPlace
    from lensmount_protocol.message import Evidence as Evidence
    from lensmount_protocol.message import EvidenceLevel as EvidenceLevel
    from lensmount_protocol.message import FieldGroup as FieldGroup
    from lensmount_protocol.message import FieldSpec as FieldSpec
    from lensmount_protocol.message import LengthPrefixedMessage as LengthPrefixedMessage
    from lensmount_protocol.message import Message as Message
    from lensmount_protocol.message import OpenIntEnum as OpenIntEnum
    from lensmount_protocol.message import SelectableMessage as SelectableMessage
    from lensmount_protocol.message import UnknownMessage as UnknownMessage
    from lensmount_protocol.message import enum_field as enum_field
    from lensmount_protocol.message import field as field
    from lensmount_protocol.message import field_group as field_group
    from lensmount_protocol.message import field_group_layout as field_group_of
    from lensmount_protocol.message import message as message
    from lensmount_protocol.message import unknown_bytes as unknown_bytes
    from lensmount_protocol.payload import AnyMessage as AnyMessage
    from lensmount_protocol.payload import PayloadParser as PayloadParser
    from lensmount_protocol.payload import build_payload as build_payload
    from lensmount_protocol.payload import message_table as message_table
    from lensmount_protocol.payload import message_type as message_type
    from lensmount_protocol.timing import ANY as ANY
    from lensmount_protocol.timing import EMPTY as EMPTY
    from lensmount_protocol.timing import Mark as TimingMark
    from lensmount_protocol.timing import TimingRule as TimingRule
    from lensmount_protocol.timing import edge as edge
    from lensmount_protocol.timing import first_bit as first_bit
    from lensmount_protocol.timing import frame_end as frame_end
    from lensmount_protocol.timing import last_bit as last_bit
    from lensmount_protocol.timing import window_closes as window_closes
    from lensmount_protocol.timing import window_opens as window_opens
    from lensmount_protocol.unit_forms import ChecksumIs as ChecksumIs
    from lensmount_protocol.unit_forms import DeclaredUnitFormat as DeclaredUnitFormat
    from lensmount_protocol.unit_forms import OneOf as OneOf
    from lensmount_protocol.unit_forms import SizeIs as SizeIs
    from lensmount_protocol.unit_forms import SumIs as SumIs
    from lensmount_protocol.unit_forms import UnitBits as UnitBits
    from lensmount_protocol.unit_forms import UnitBytes as UnitBytes
    from lensmount_protocol.unit_forms import UnitForm as UnitForm
    from lensmount_protocol.unit_forms import UnitLookup as UnitLookup
    from lensmount_protocol.unit_forms import ZeroAfter as ZeroAfter
    from lensmount_protocol.unit_forms import unit_builder as unit_builder
    from lensmount_protocol.wire import AcknowledgeLines as AcknowledgeLines
    from lensmount_protocol.wire import ClockedLink as ClockedLink
    from lensmount_protocol.wire import Role as Role
    from lensmount_protocol.wire import SerialLine as SerialLine
    from lensmount_protocol.wire import UnitSplitter as UnitSplitter
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
    StrictGreedyRange: Any
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
    "EMPTY",
    "SUM8",
    "SUM16",
    "XOR8",
    "AcknowledgeLines",
    "Aligned",
    "AnyMessage",
    "Array",
    "BaudrateMessage",
    "Bit",
    "BitStruct",
    "BitsInteger",
    "Bitwise",
    "BurstFrameFormat",
    "Bytes",
    "BytesInteger",
    "CString",
    "Check",
    "Checksum",
    "ChecksumAlgorithm",
    "ChecksumIs",
    "ClockedLink",
    "Computed",
    "Const",
    "ConstructFrameFormat",
    "DeclaredUnitFormat",
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
    "LinkChecker",
    "Message",
    "Nibble",
    "NullTerminated",
    "Octet",
    "OneOf",
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
    "SizeIs",
    "StrictGreedyRange",
    "Struct",
    "SumIs",
    "Switch",
    "Tell",
    "Terminated",
    "TimingMark",
    "TimingRule",
    "TransitionTable",
    "UnitBits",
    "UnitBytes",
    "UnitForm",
    "UnitFrame",
    "UnitLookup",
    "UnitPlace",
    "UnitSplitter",
    "UnknownMessage",
    "VarInt",
    "Wiring",
    "ZeroAfter",
    "build_payload",
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
    "make_crc",
    "message",
    "message_table",
    "message_type",
    "obj_",
    "this",
    "transmission_time",
    "unit_builder",
    "unknown_bytes",
    "window_closes",
    "window_opens",
]

_NAMES = {
    "LinkChecker": ("lensmount_protocol.dialect", "LinkChecker"),
    "AcknowledgeLines": ("lensmount_protocol.wire", "AcknowledgeLines"),
    "UnitSplitter": ("lensmount_protocol.wire", "UnitSplitter"),
    "ClockedLink": ("lensmount_protocol.wire", "ClockedLink"),
    "ChecksumIs": ("lensmount_protocol.unit_forms", "ChecksumIs"),
    "DeclaredUnitFormat": ("lensmount_protocol.unit_forms", "DeclaredUnitFormat"),
    "OneOf": ("lensmount_protocol.unit_forms", "OneOf"),
    "SizeIs": ("lensmount_protocol.unit_forms", "SizeIs"),
    "SumIs": ("lensmount_protocol.unit_forms", "SumIs"),
    "UnitBits": ("lensmount_protocol.unit_forms", "UnitBits"),
    "UnitBytes": ("lensmount_protocol.unit_forms", "UnitBytes"),
    "UnitForm": ("lensmount_protocol.unit_forms", "UnitForm"),
    "UnitLookup": ("lensmount_protocol.unit_forms", "UnitLookup"),
    "ZeroAfter": ("lensmount_protocol.unit_forms", "ZeroAfter"),
    "unit_builder": ("lensmount_protocol.unit_forms", "unit_builder"),
    "UnitFrame": ("lensmount_protocol.framer", "UnitFrame"),
    "UnitPlace": ("lensmount_protocol.framer", "UnitPlace"),
    "BurstFrameFormat": ("lensmount_protocol.framer", "BurstFrameFormat"),
    "ANY": ("lensmount_protocol.timing", "ANY"),
    "Aligned": ("lensmount_protocol.codec.lazy_construct", "Aligned"),
    "AnyMessage": ("lensmount_protocol.payload", "AnyMessage"),
    "Array": ("lensmount_protocol.codec.lazy_construct", "Array"),
    "BaudrateMessage": ("lensmount_protocol.dialect", "BaudrateMessage"),
    "Bit": ("lensmount_protocol.codec.lazy_construct", "Bit"),
    "BitStruct": ("lensmount_protocol.codec.lazy_construct", "BitStruct"),
    "BitsInteger": ("lensmount_protocol.codec.lazy_construct", "BitsInteger"),
    "Bitwise": ("lensmount_protocol.codec.lazy_construct", "Bitwise"),
    "Bytes": ("lensmount_protocol.codec.lazy_construct", "Bytes"),
    "BytesInteger": ("lensmount_protocol.codec.lazy_construct", "BytesInteger"),
    "CRC16_IBM_3740": ("lensmount_protocol.checksums", "CRC16_IBM_3740"),
    "CRC16_IBM_SDLC": ("lensmount_protocol.checksums", "CRC16_IBM_SDLC"),
    "CRC32_ISO_HDLC": ("lensmount_protocol.checksums", "CRC32_ISO_HDLC"),
    "CString": ("lensmount_protocol.codec.lazy_construct", "CString"),
    "Check": ("lensmount_protocol.codec.lazy_construct", "Check"),
    "Checksum": ("lensmount_protocol.codec.lazy_construct", "Checksum"),
    "ChecksumAlgorithm": ("lensmount_protocol.checksums", "Checksum"),
    "Computed": ("lensmount_protocol.codec.lazy_construct", "Computed"),
    "Const": ("lensmount_protocol.codec.lazy_construct", "Const"),
    "ConstructFrameFormat": ("lensmount_protocol.frame_parser", "ConstructFrameFormat"),
    "Default": ("lensmount_protocol.codec.lazy_construct", "Default"),
    "Dialect": ("lensmount_protocol.dialect", "Dialect"),
    "Enum": ("lensmount_protocol.codec.lazy_construct", "Enum"),
    "Evidence": ("lensmount_protocol.message", "Evidence"),
    "EvidenceLevel": ("lensmount_protocol.message", "EvidenceLevel"),
    "FieldGroup": ("lensmount_protocol.message", "FieldGroup"),
    "FieldSpec": ("lensmount_protocol.message", "FieldSpec"),
    "FixedSized": ("lensmount_protocol.codec.lazy_construct", "FixedSized"),
    "Flag": ("lensmount_protocol.codec.lazy_construct", "Flag"),
    "FlagsEnum": ("lensmount_protocol.codec.lazy_construct", "FlagsEnum"),
    "Float16b": ("lensmount_protocol.codec.lazy_construct", "Float16b"),
    "Float16l": ("lensmount_protocol.codec.lazy_construct", "Float16l"),
    "Float32b": ("lensmount_protocol.codec.lazy_construct", "Float32b"),
    "Float32l": ("lensmount_protocol.codec.lazy_construct", "Float32l"),
    "Float64b": ("lensmount_protocol.codec.lazy_construct", "Float64b"),
    "Float64l": ("lensmount_protocol.codec.lazy_construct", "Float64l"),
    "Frame": ("lensmount_protocol.framer", "Frame"),
    "FrameEvent": ("lensmount_protocol.framer", "FrameEvent"),
    "FrameFormat": ("lensmount_protocol.framer", "FrameFormat"),
    "FrameParser": ("lensmount_protocol.frame_parser", "FrameParser"),
    "Framer": ("lensmount_protocol.framer", "Framer"),
    "Garbage": ("lensmount_protocol.framer", "Garbage"),
    "GarbageReason": ("lensmount_protocol.framer", "GarbageReason"),
    "GreedyBytes": ("lensmount_protocol.codec.lazy_construct", "GreedyBytes"),
    "GreedyRange": ("lensmount_protocol.codec.lazy_construct", "GreedyRange"),
    "GreedyString": ("lensmount_protocol.codec.lazy_construct", "GreedyString"),
    "If": ("lensmount_protocol.codec.lazy_construct", "If"),
    "IfThenElse": ("lensmount_protocol.codec.lazy_construct", "IfThenElse"),
    "Int16sb": ("lensmount_protocol.codec.lazy_construct", "Int16sb"),
    "Int16sl": ("lensmount_protocol.codec.lazy_construct", "Int16sl"),
    "Int16ub": ("lensmount_protocol.codec.lazy_construct", "Int16ub"),
    "Int16ul": ("lensmount_protocol.codec.lazy_construct", "Int16ul"),
    "Int24sb": ("lensmount_protocol.codec.lazy_construct", "Int24sb"),
    "Int24sl": ("lensmount_protocol.codec.lazy_construct", "Int24sl"),
    "Int24ub": ("lensmount_protocol.codec.lazy_construct", "Int24ub"),
    "Int24ul": ("lensmount_protocol.codec.lazy_construct", "Int24ul"),
    "Int32sb": ("lensmount_protocol.codec.lazy_construct", "Int32sb"),
    "Int32sl": ("lensmount_protocol.codec.lazy_construct", "Int32sl"),
    "Int32ub": ("lensmount_protocol.codec.lazy_construct", "Int32ub"),
    "Int32ul": ("lensmount_protocol.codec.lazy_construct", "Int32ul"),
    "Int64sb": ("lensmount_protocol.codec.lazy_construct", "Int64sb"),
    "Int64sl": ("lensmount_protocol.codec.lazy_construct", "Int64sl"),
    "Int64ub": ("lensmount_protocol.codec.lazy_construct", "Int64ub"),
    "Int64ul": ("lensmount_protocol.codec.lazy_construct", "Int64ul"),
    "Int8sb": ("lensmount_protocol.codec.lazy_construct", "Int8sb"),
    "Int8sl": ("lensmount_protocol.codec.lazy_construct", "Int8sl"),
    "Int8ub": ("lensmount_protocol.codec.lazy_construct", "Int8ub"),
    "Int8ul": ("lensmount_protocol.codec.lazy_construct", "Int8ul"),
    "LengthPrefixedMessage": ("lensmount_protocol.message", "LengthPrefixedMessage"),
    "Message": ("lensmount_protocol.message", "Message"),
    "EMPTY": ("lensmount_protocol.timing", "EMPTY"),
    "Nibble": ("lensmount_protocol.codec.lazy_construct", "Nibble"),
    "NullTerminated": ("lensmount_protocol.codec.lazy_construct", "NullTerminated"),
    "Octet": ("lensmount_protocol.codec.lazy_construct", "Octet"),
    "OpenIntEnum": ("lensmount_protocol.message", "OpenIntEnum"),
    "Optional": ("lensmount_protocol.codec.lazy_construct", "Optional"),
    "Padded": ("lensmount_protocol.codec.lazy_construct", "Padded"),
    "PaddedString": ("lensmount_protocol.codec.lazy_construct", "PaddedString"),
    "Padding": ("lensmount_protocol.codec.lazy_construct", "Padding"),
    "PascalString": ("lensmount_protocol.codec.lazy_construct", "PascalString"),
    "Pass": ("lensmount_protocol.codec.lazy_construct", "Pass"),
    "PayloadParser": ("lensmount_protocol.payload", "PayloadParser"),
    "Peek": ("lensmount_protocol.codec.lazy_construct", "Peek"),
    "Pointer": ("lensmount_protocol.codec.lazy_construct", "Pointer"),
    "Prefixed": ("lensmount_protocol.codec.lazy_construct", "Prefixed"),
    "PrefixedArray": ("lensmount_protocol.codec.lazy_construct", "PrefixedArray"),
    "RawCopy": ("lensmount_protocol.codec.lazy_construct", "RawCopy"),
    "Rebuild": ("lensmount_protocol.codec.lazy_construct", "Rebuild"),
    "Role": ("lensmount_protocol.wire", "Role"),
    "SUM8": ("lensmount_protocol.checksums", "SUM8"),
    "SUM16": ("lensmount_protocol.checksums", "SUM16"),
    "XOR8": ("lensmount_protocol.checksums", "XOR8"),
    "make_crc": ("lensmount_protocol.checksums", "make_crc"),
    "Select": ("lensmount_protocol.codec.lazy_construct", "Select"),
    "SelectableMessage": ("lensmount_protocol.message", "SelectableMessage"),
    "SerialLine": ("lensmount_protocol.wire", "SerialLine"),
    "Struct": ("lensmount_protocol.codec.lazy_construct", "Struct"),
    "Switch": ("lensmount_protocol.codec.lazy_construct", "Switch"),
    "Tell": ("lensmount_protocol.codec.lazy_construct", "Tell"),
    "Terminated": ("lensmount_protocol.codec.lazy_construct", "Terminated"),
    "TimingMark": ("lensmount_protocol.timing", "Mark"),
    "TimingRule": ("lensmount_protocol.timing", "TimingRule"),
    "TransitionTable": ("lensmount_protocol.dialect", "TransitionTable"),
    "UnknownMessage": ("lensmount_protocol.message", "UnknownMessage"),
    "StrictGreedyRange": ("lensmount_protocol.codec.lazy_construct", "StrictGreedyRange"),
    "VarInt": ("lensmount_protocol.codec.lazy_construct", "VarInt"),
    "Wiring": ("lensmount_protocol.wire", "Wiring"),
    "build_payload": ("lensmount_protocol.payload", "build_payload"),
    "window_closes": ("lensmount_protocol.timing", "window_closes"),
    "edge": ("lensmount_protocol.timing", "edge"),
    "enum_field": ("lensmount_protocol.message", "enum_field"),
    "field": ("lensmount_protocol.message", "field"),
    "field_group": ("lensmount_protocol.message", "field_group"),
    "field_group_of": ("lensmount_protocol.message", "field_group_layout"),
    "first_bit": ("lensmount_protocol.timing", "first_bit"),
    "frame_end": ("lensmount_protocol.timing", "frame_end"),
    "last_bit": ("lensmount_protocol.timing", "last_bit"),
    "len_": ("lensmount_protocol.codec.lazy_construct", "len_"),
    "list_": ("lensmount_protocol.codec.lazy_construct", "list_"),
    "message": ("lensmount_protocol.message", "message"),
    "message_table": ("lensmount_protocol.payload", "message_table"),
    "message_type": ("lensmount_protocol.payload", "message_type"),
    "obj_": ("lensmount_protocol.codec.lazy_construct", "obj_"),
    "window_opens": ("lensmount_protocol.timing", "window_opens"),
    "this": ("lensmount_protocol.codec.lazy_construct", "this"),
    "transmission_time": ("lensmount_protocol.wire", "transmission_time"),
    "unknown_bytes": ("lensmount_protocol.message", "unknown_bytes"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
