/* ---- units ---- */

/* An unsigned number of 1 to 4 bytes; the mask keeps its bits. */
static uint32_t ${p}_bits(const uint8_t *data, uint32_t bytes, bool little, uint32_t shift, uint32_t mask)
{
    uint32_t number = 0u;
    for (uint32_t i = 0u; i < bytes; ++i) {
        number = (number << 8u) | data[little ? (bytes - 1u - i) : i];
    }
    return (number >> shift) & mask;
}

/* Puts a number into its bits; false where it does not fit. */
static bool ${p}_put_bits(uint8_t *out, uint32_t bytes, bool little, uint32_t shift, uint32_t mask, uint32_t value)
{
    if (value > mask) {
        return false;
    }
    const uint32_t kept = ${p}_bits(out, bytes, little, 0u, 0xffffffffu) & ~(mask << shift);
    uint32_t number = kept | (value << shift);
    for (uint32_t i = 0u; i < bytes; ++i) {
        out[little ? i : (bytes - 1u - i)] = (uint8_t)(number & 0xffu);
        number >>= 8u;
    }
    return true;
}

$checksums
$forms
/* The first form that a unit fits. */
static ${p}_verdict ${p}_form_of(${p}_sender sender, const uint8_t *data, uint32_t size, uint32_t *form)
{
    ${p}_verdict found = ${P}_UNIT_LENGTH;
    ${p}_verdict verdict;
$find
    return found;
}

${p}_verdict ${p}_unit_check(${p}_sender sender, const uint8_t *data, uint32_t size, ${p}_unit *out)
{
    uint32_t form = 0u;
    const ${p}_verdict verdict = ${p}_form_of(sender, data, size, &form);
    if (verdict != ${P}_UNIT_OK) {
        return verdict;
    }
    switch (form) {
$take
    default:
        break;
    }
    return ${P}_UNIT_OK;
}

uint32_t ${p}_unit_encode(${p}_sender sender, uint32_t class_, uint32_t sequence, const uint8_t *payload, uint32_t size,
    uint8_t *out, uint32_t room)
{
    uint32_t form = 0u;
    uint32_t total;
    (void)sequence;
$encode
    return 0u;
}

