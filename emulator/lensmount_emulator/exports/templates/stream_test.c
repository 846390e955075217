static void dump_frame(${p}_sender sender, const ${p}_frame *frame, uint32_t offset)
{
    static uint8_t again[8192];
    ${p}_reader reader;
    ${p}_message message;
    emit_char('@');
    emit_unsigned(offset);
    emit_char(' ');
    emit_unsigned(frame->class_);
    emit_char('.');
    emit_unsigned(frame->sequence);
    ${p}_reader_init(&reader, sender, frame->payload, frame->payload_size);
    while (${p}_reader_next(&reader, &message)) {
        emit_char(' ');
        const uint32_t size = dump_message(&message, again, (uint32_t)sizeof again);
        if ((size != message.size) || (memcmp(again, message.data, size) != 0)) {
            ++rebuilt_otherwise;
        }
    }
}

/* Pushes the bytes in pieces of `piece` and writes every frame to `text`. */
static void dump_bytes(${p}_sender sender, const uint8_t *data, uint32_t size, uint32_t piece)
{
    static ${p}_framer framer;
    ${p}_frame frame;
    unsigned found = 0u;
    uint32_t at = 0u;
    ${p}_framer_init(&framer, sender);
    for (;;) {
        if (at == size) {
            ${p}_framer_close(&framer);
        } else {
            const uint32_t left = size - at;
            at += ${p}_framer_push(&framer, &data[at], (left < piece) ? left : piece);
        }
        const bool last = framer.closing;
        while (${p}_framer_next(&framer, &frame)) {
            if (found > 0u) {
                emit_text(" | ");
            }
            ++found;
            dump_frame(sender, &frame, framer.offset);
        }
        if (last) {
            break;
        }
    }
    if (found == 0u) {
        emit_char('-');
    }
}

