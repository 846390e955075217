/* Writes the unit that the bytes are to `text`; a unit that encodes to other bytes is counted. */
static void dump_bytes(${p}_sender sender, const uint8_t *data, uint32_t size, uint32_t piece)
{
    static ${p}_unit unit;
    static uint8_t again[(${P}_MAX_UNIT > 8192u) ? ${P}_MAX_UNIT : 8192u];
    ${p}_reader reader;
    ${p}_message message;
    (void)piece;
    if (${p}_unit_check(sender, data, size, &unit) != ${P}_UNIT_OK) {
        emit_char('-');
        return;
    }
    const uint32_t total = ${p}_unit_encode(
        sender, unit.class_, unit.sequence, unit.payload, unit.payload_size, again, (uint32_t)sizeof again);
    if ((total != size) || (memcmp(again, data, size) != 0)) {
        ++rebuilt_otherwise;
    }
    emit_text("@0 ");
    emit_unsigned(unit.class_);
    emit_char('.');
    emit_unsigned(unit.sequence);
    ${p}_reader_init(&reader, sender, unit.payload, unit.payload_size);
    while (${p}_reader_next(&reader, &message)) {
        emit_char(' ');
        const uint32_t written = dump_message(&message, again, (uint32_t)sizeof again);
        if ((written != message.size) || (memcmp(again, message.data, written) != 0)) {
            ++rebuilt_otherwise;
        }
    }
}

