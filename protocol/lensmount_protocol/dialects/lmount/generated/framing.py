"""Generated from lensmount_protocol.dialects.lmount.framing by `lensmount describe lmount --emit`; not to be edited."""

from lensmount_protocol.checksums import crc16_ibm_3740 as crc16_ibm_3740_4
from lensmount_protocol.codec.runtime import Struct, new


def envelope(Frame, Reason, smallest, largest, classes):
    take_1 = Struct('<BH').unpack_from
    take_2 = Struct('<BHBB').unpack_from
    take_3 = Struct('<H').unpack_from
    pack_5 = Struct('<HBB').pack
    pack_6 = Struct('<H').pack
    inside = slice(5, -2)
    header_size = 3
    def measure(header):
        constant_0, length, = take_1(header, 0)
        total = length + 7
        return total if smallest <= total <= largest else Reason.LENGTH
    measure.start, measure.header_size = 224, header_size
    def judge(candidate):
        size = len(candidate)
        constant_0, length, class_, sequence, = take_2(candidate, 0)
        if constant_0 != 224: return Reason.NO_START
        checksum, = take_3(candidate, size - 2)
        if False: return Reason.END
        if crc16_ibm_3740_4(candidate[1:size - 2]) != checksum: return Reason.CHECKSUM
        return None if class_ in classes else Reason.CLASS
    def open_(candidate, offset):
        constant_0, length, class_, sequence, = take_2(candidate, 0)
        return Frame(candidate, offset, class_, sequence, inside)
    def build(payload, class_, sequence):
        length = len(payload) + 0
        checked = pack_5(length, class_, sequence) + payload
        checksum = crc16_ibm_3740_4(checked)
        return b'\xe0' + checked + pack_6(checksum)
    def build_messages(class_, sequence, messages):
        built = [message.build() for message in messages]
        payload = built[0] if len(built) == 1 else b''.join(built)
        length = len(payload) + 0
        checked = pack_5(length, class_, sequence) + payload
        checksum = crc16_ibm_3740_4(checked)
        return b'\xe0' + checked + pack_6(checksum)
    def scanner(framer, selecting, choosing, careful, headers_only):
        pads, pending = framer.pads, framer.pending
        def receive(data):
            buffer = framer.buffer + data
            size = len(buffer)
            if size < framer.needed:
                framer.buffer = buffer
                return []
            events = []
            position = 0
            offset = framer.offset
            entries, read, later = framer.tables
            while position >= 0:
                needed = 0
                straight = not framer.pads_now or framer.ends_padding(buffer, position)
                while straight:
                    if position == size:
                        needed = smallest
                        break
                    if buffer[position] != 224: break
                    if size - position < 5:
                        needed = smallest
                        break
                    length = (buffer[position + 1] | buffer[position + 2] << 8)
                    total = length + 7
                    if not smallest <= total <= largest: break
                    stop = position + total
                    if stop > size:
                        needed = total
                        break
                    end = stop - 2
                    if crc16_ibm_3740_4(buffer[position + 1:stop - 2]) != (buffer[end] | buffer[end + 1] << 8): break
                    class_ = buffer[position + 3]
                    sequence = buffer[position + 4]
                    if class_ not in classes: break
                    raw = buffer[position:stop]
                    at = position + 5
                    try:
                        taken, take = entries[buffer[at]]
                        if at + taken == end: messages = [take(buffer, at)]
                        else: messages = read(buffer, at, end)
                    except Exception: break
                    frame = new(Frame)
                    frame.raw = raw; frame.offset = offset + position; frame.class_ = class_
                    frame.sequence = sequence; frame.payload_slice = inside; frame.lazy_messages = messages
                    if pending: framer.flush(events)
                    events.append(frame)
                    position = stop
                    if selecting is not None and selecting in raw and choosing(frame):
                        entries, read, later = framer.tables
                    if pads:
                        framer.framed()
                        if position == size: needed = header_size
                        break
                if needed:
                    framer.buffer = buffer[position:]
                    framer.offset = offset + position
                    framer.needed = needed
                    return events
                position = framer.search(buffer, position, events, None)
                entries, read, later = framer.tables
            return events
        def receive_headers(data):
            buffer = framer.buffer + data
            size = len(buffer)
            if size < framer.needed:
                framer.buffer = buffer
                return []
            events = []
            position = 0
            offset = framer.offset
            entries, read, later = framer.tables
            while position >= 0:
                needed = 0
                straight = not framer.pads_now or framer.ends_padding(buffer, position)
                while straight:
                    if position == size:
                        needed = smallest
                        break
                    if buffer[position] != 224: break
                    if size - position < 5:
                        needed = smallest
                        break
                    length = (buffer[position + 1] | buffer[position + 2] << 8)
                    total = length + 7
                    if not smallest <= total <= largest: break
                    stop = position + total
                    if stop > size:
                        needed = total
                        break
                    end = stop - 2
                    if crc16_ibm_3740_4(buffer[position + 1:stop - 2]) != (buffer[end] | buffer[end + 1] << 8): break
                    class_ = buffer[position + 3]
                    sequence = buffer[position + 4]
                    if class_ not in classes: break
                    raw = buffer[position:stop]
                    at = position + 5
                    frame = new(Frame)
                    frame.raw = raw; frame.offset = offset + position; frame.class_ = class_
                    frame.sequence = sequence; frame.payload_slice = inside; frame.lazy_messages = later
                    if pending: framer.flush(events)
                    events.append(frame)
                    position = stop
                    if selecting is not None and selecting in raw and choosing(frame):
                        entries, read, later = framer.tables
                    if pads:
                        framer.framed()
                        if position == size: needed = header_size
                        break
                if needed:
                    framer.buffer = buffer[position:]
                    framer.offset = offset + position
                    framer.needed = needed
                    return events
                position = framer.search(buffer, position, events, None)
                entries, read, later = framer.tables
            return events
        def parse(raw):
            size = len(raw)
            try:
                constant_0, length, class_, sequence, = take_2(raw, 0)
                end = size - 2
                checksum, = take_3(raw, end)
                if constant_0 != 224 or False: return careful(raw)
                if length + 7 != size or class_ not in classes: return careful(raw)
                if not smallest <= size <= largest: return careful(raw)
                if crc16_ibm_3740_4(raw[1:size - 2]) != checksum: return careful(raw)
                taken, take = framer.tables[0][raw[5]]
                if taken + 5 == end: messages = [take(raw, 5)]
                else: messages = framer.tables[1](raw, 5, end)
                frame = new(Frame)
                frame.raw = raw; frame.offset = 0; frame.class_ = class_
                frame.sequence = sequence; frame.payload_slice = inside; frame.lazy_messages = messages
                return frame
            except Exception:
                return careful(raw)
        return receive_headers if headers_only else receive, parse
    return measure, judge, open_, build, build_messages, scanner


CODECS = {
    'envelope': ('2-a4757450', envelope),
}
