/* Rules for the $name mount as a table, for a small MCU between body and lens. Written by `lensmount rules export`.
 *
 * $notice
 *
 * Give each byte that one end sends to ${p}_byte, and send what it returns to the other end at once: a byte in, a byte
 * out, no frame buffer. Call ${p}_window when the select line of that end rises or falls, and ${p}_init at power-up.
 * Lines are wires. Both rates must be followed as the ends change them. The checksum is repaired by its difference, so
 * a damaged frame stays damaged.
 *
$about */
#ifndef ${P}_H
#define ${P}_H

#include <stdbool.h>
#include <stdint.h>

enum { ${P}_RULES = $most_rules, ${P}_ROWS = $most_rows };

struct ${p}_row {
    uint32_t value;
    uint8_t how; /* operation, and whether the number is signed or has its highest byte first */
    uint8_t at;  /* first byte, from the type byte of the message */
    uint8_t size;
};

struct ${p}_rule {
    uint16_t frame_size; /* the frame has so many bytes; 0: any */
    uint16_t message_size; /* the message has at least so many */
    uint16_t every, limit;
    uint16_t first_row, rows;
    uint8_t type;
};

struct ${p}_size {
    uint8_t type, size;
};

/* One direction. */
struct ${p}_table {
    const struct ${p}_rule *rules;
    const struct ${p}_row *rows;
    const struct ${p}_size *sizes; /* of messages of fixed size, where messages do not hold their size */
    uint16_t min_size, max_size;
    uint8_t rule_count, size_count;
};

extern const struct ${p}_table ${p}_from_body, ${p}_from_lens;

/* What one direction remembers. */
struct ${p}_state {
    uint32_t values[${P}_ROWS];
    struct {
        uint16_t matched, applied;
        bool holds;
        uint8_t decided;
    } rules[${P}_RULES];
    uint16_t position, size, message_at, message_end, difference;
    uint8_t type, carry;
};

void ${p}_init(struct ${p}_state *state);
void ${p}_window(struct ${p}_state *state);
uint8_t ${p}_byte(const struct ${p}_table *table, struct ${p}_state *state, uint8_t byte);

#endif
