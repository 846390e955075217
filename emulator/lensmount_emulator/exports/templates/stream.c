$checksum
/* ---- frames ---- */

${p}_verdict ${p}_frame_check(${p}_sender sender, const uint8_t *data, uint32_t size, ${p}_frame *out)
{
    const uint32_t smallest = $smallest;
    const uint32_t largest = $largest_by_sender;
    (void)sender;
    if (size == 0u) {
        return ${P}_FRAME_INCOMPLETE;
    }
$frame_start
    const uint32_t total = $frame_total;
    if (${frame_guard}(total < smallest) || (total > largest)) {
        return ${P}_FRAME_LENGTH;
    }
    if (size < total) {
        return ${P}_FRAME_INCOMPLETE;
    }
$frame_constants
$frame_values
    if (${p}_checksum(&data[$checked_from], total - ($checked_from + $tail)) != expected) {
        return ${P}_FRAME_CHECKSUM;
    }
    const uint32_t class_ = out->class_;
    (void)class_;
    if (!($class_test)) {
        return ${P}_FRAME_CLASS;
    }
    out->data = data;
    out->size = total;
    out->payload = &data[$head];
    out->payload_size = total - $overhead;
    return ${P}_FRAME_OK;
}

uint32_t ${p}_frame_encode(${p}_sender sender, uint32_t class_, uint32_t sequence, const uint8_t *payload, uint32_t size,
    uint8_t *out, uint32_t room)
{
    const uint32_t smallest = $smallest;
    const uint32_t largest = $largest_by_sender;
    (void)sender;
    (void)class_;
    (void)sequence;
    if (size > (largest - $overhead)) {
        return 0u;
    }
    const uint32_t total = size + $overhead;
    if ((total < smallest) || (total > room) || !($class_test)) {
        return 0u;
    }
$frame_build
    return total;
}

void ${p}_framer_init(${p}_framer *framer, ${p}_sender sender)
{
    framer->sender = sender;
    framer->from = 0u;
    framer->used = 0u;
    framer->skipped = 0u;
    framer->offset = 0u;
    framer->passed = 0u;
    framer->closing = false;
}

uint32_t ${p}_framer_push(${p}_framer *framer, const uint8_t *data, uint32_t size)
{
    if (framer->from > 0u) {
        const uint32_t left = framer->used - framer->from;
        if (left > 0u) {
            (void)memmove(&framer->buffer[0], &framer->buffer[framer->from], left);
        }
        framer->passed += framer->from;
        framer->from = 0u;
        framer->used = left;
    }
    const uint32_t room = ${P}_MAX_FRAME - framer->used;
    const uint32_t taken = (size < room) ? size : room;
    if (taken > 0u) {
        (void)memcpy(&framer->buffer[framer->used], data, taken);
        framer->used += taken;
    }
    return taken;
}

bool ${p}_framer_next(${p}_framer *framer, ${p}_frame *out)
{
    while (framer->from < framer->used) {
        if (framer->buffer[framer->from] != $start_byte) {
            ++framer->from;
            ++framer->skipped;
            continue;
        }
        const ${p}_verdict verdict = ${p}_frame_check(
            framer->sender, &framer->buffer[framer->from], framer->used - framer->from, out);
        if (verdict == ${P}_FRAME_OK) {
            framer->offset = framer->passed + framer->from;
            framer->from += out->size;
            return true;
        }
        if ((verdict == ${P}_FRAME_INCOMPLETE) && !framer->closing) {
            return false;
        }
        ++framer->from;
        ++framer->skipped;
    }
    framer->closing = false;
    return false;
}

void ${p}_framer_close(${p}_framer *framer)
{
    framer->closing = true;
}

