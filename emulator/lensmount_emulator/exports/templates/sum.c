/* $name */
uint32_t ${p}_checksum(const uint8_t *data, uint32_t size)
{
    uint32_t value = 0u;
    for (uint32_t i = 0u; i < size; ++i) {
        $step
    }
    return value & $mask;
}
