/* $name; define ${P}_SMALL_CRC for a loop over bits instead of a table. */
#ifndef ${P}_SMALL_CRC
static const $kind ${p}_crc_steps[256] = {
    $table
};
#endif

uint32_t ${p}_checksum(const uint8_t *data, uint32_t size)
{
    $kind value = $initial;
    for (uint32_t i = 0u; i < size; ++i) {
#ifndef ${P}_SMALL_CRC
        $step
#else
        $bit_step
#endif
    }
    return (uint32_t)value ^ $final;
}
