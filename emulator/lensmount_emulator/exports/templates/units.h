/* ---- units: a burst of the clock each ---- */

typedef enum {
    ${P}_UNIT_OK = 0,
    ${P}_UNIT_LENGTH,
    ${P}_UNIT_NO_FORM, /* a number or a zero byte is not what any form of this size has */
    ${P}_UNIT_CHECKSUM
} ${p}_verdict;

typedef struct {
    uint32_t class_;
    uint32_t sequence;
    uint32_t payload_size;
    uint8_t payload[${P}_MAX_PAYLOAD]; /* the type byte of the first message first, as the dialect numbers them */
} ${p}_unit;

/* Checks one burst; fills `out` where the verdict is ${P}_UNIT_OK. */
${p}_verdict ${p}_unit_check(${p}_sender sender, const uint8_t *data, uint32_t size, ${p}_unit *out);

/* Writes the unit that carries a payload; returns its size, or 0 where it does not fit `room` or no form of the class
 * carries it. `payload` and `out` must not overlap. */
uint32_t ${p}_unit_encode(${p}_sender sender, uint32_t class_, uint32_t sequence, const uint8_t *payload, uint32_t size,
    uint8_t *out, uint32_t room);

