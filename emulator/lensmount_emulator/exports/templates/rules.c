/* Rules for the $name mount as a table; see ${p}.h. */
#include "${p}.h"

enum { START = $start, LENGTH_AT = $length_at, SURPLUS = $surplus, CLASS_AT = $class_at, CLASS_MIN = $class_min,
       CLASS_MAX = $class_max, PAYLOAD_AT = $payload_at, TAIL = $tail, CHECK_AT = $check_at };

enum { EQUAL, NOT_EQUAL, LESS, MORE, AT_MOST, AT_LEAST, SET, BIG = 0x10, SIGNED = 0x20 };

enum { UNDECIDED, NO, YES };

$tables
void ${p}_init(struct ${p}_state *state)
{
    for (uint8_t rule = 0; rule < ${P}_RULES; rule++) {
        state->rules[rule].matched = 0;
        state->rules[rule].applied = 0;
    }
    ${p}_window(state);
}

void ${p}_window(struct ${p}_state *state)
{
    state->position = 0;
    state->size = 0;
}

static bool holds(uint8_t how, uint8_t size, uint32_t left, uint32_t right)
{
    if (how & SIGNED) {
        /* Signed numbers are in the order of unsigned ones with their highest bit turned round. */
        uint32_t top = (uint32_t)1 << (8 * size - 1);
        left ^= top;
        right ^= top;
    }
    switch (how & 7) {
    case EQUAL: return left == right;
    case NOT_EQUAL: return left != right;
    case LESS: return left < right;
    case MORE: return left > right;
    case AT_MOST: return left <= right;
    default: return left >= right;
    }
}

static bool decides(const struct ${p}_rule *rule, struct ${p}_state *state, uint8_t index)
{
    if (!state->rules[index].holds)
        return false;
    if (state->rules[index].decided == UNDECIDED) {
        bool turn = state->rules[index].matched == 0;
        if (++state->rules[index].matched == rule->every)
            state->rules[index].matched = 0;
        turn = turn && (!rule->limit || state->rules[index].applied < rule->limit);
        if (turn && rule->limit)
            state->rules[index].applied++;
        state->rules[index].decided = turn ? YES : NO;
    }
    return state->rules[index].decided == YES;
}

static uint8_t apply(const struct ${p}_table *table, struct ${p}_state *state, uint8_t byte, uint16_t inside, uint16_t end)
{
    for (uint8_t index = 0; index < table->rule_count; index++) {
        const struct ${p}_rule *rule = &table->rules[index];
        if (rule->type != state->type)
            continue;
        if (rule->frame_size) {
            if (state->size != rule->frame_size || state->message_at != PAYLOAD_AT)
                continue;
        } else if (state->message_end > end || state->message_at + rule->message_size > state->message_end) {
            continue;
        }
        uint8_t in = byte;
        for (uint16_t number = rule->first_row; number < rule->first_row + rule->rows; number++) {
            const struct ${p}_row *row = &table->rows[number];
            uint16_t offset = (uint16_t)(inside - row->at);
            if (inside < row->at || offset >= row->size)
                continue;
            if ((row->how & 7) == SET) {
                if (decides(rule, state, index))
                    byte = (uint8_t)(row->value >> (8 * offset));
                continue;
            }
            uint32_t value = state->values[number];
            value = row->how & BIG ? value << 8 | in : value | (uint32_t)in << (8 * offset);
            state->values[number] = value;
            if (offset + 1 == row->size && !holds(row->how, row->size, value, row->value))
                state->rules[index].holds = false;
        }
    }
    return byte;
}

static uint16_t mix(uint16_t difference, uint8_t old, uint8_t new)
{
$mix}

static uint8_t payload(const struct ${p}_table *table, struct ${p}_state *state, uint8_t byte, uint16_t end)
{
    uint16_t at = state->position;
    if (at == state->message_at) {
        state->type = byte;
        state->message_end = at;
$sizes        for (uint8_t index = 0; index < table->rule_count; index++)
            state->rules[index].holds = true;
        for (uint16_t number = 0; number < ${P}_ROWS; number++)
            state->values[number] = 0;
    }
    uint16_t inside = (uint16_t)(at - state->message_at);
$prefix    uint8_t out = byte;
    if (inside >= FIRST)
        out = apply(table, state, byte, inside, end);
    state->difference = mix(state->difference, byte, out);
    /* The next message begins where this one ends; after one of unknown size there is none. */
    if (inside + 1 >= FIRST && at + 1 == state->message_end)
        state->message_at = (uint16_t)(at + 1);
    return out;
}

uint8_t ${p}_byte(const struct ${p}_table *table, struct ${p}_state *state, uint8_t byte)
{
    uint16_t at = state->position;
    uint8_t out = byte;
    if (at == 0) {
        if (byte != START)
            return byte;
        state->size = 0xFFFF;
        state->difference = 0;
        state->carry = 0;
        state->message_at = PAYLOAD_AT;
        for (uint8_t index = 0; index < table->rule_count; index++)
            state->rules[index].decided = UNDECIDED;
    }
    if (at == LENGTH_AT) {
        state->size = byte;
    } else if (at == LENGTH_AT + 1) {
        uint32_t size = (uint32_t)state->size + ((uint32_t)byte << 8) + SURPLUS;
        state->size = (uint16_t)size;
        if (size < table->min_size || size > table->max_size) {
            ${p}_window(state);
            return byte;
        }
    } else if (at == CLASS_AT && (byte < CLASS_MIN || byte > CLASS_MAX)) {
        ${p}_window(state);
        return byte;
    }
    if (at >= PAYLOAD_AT) {
        uint16_t end = (uint16_t)(state->size - TAIL);
        if (at < end)
            out = payload(table, state, byte, end);
        else if (at == end + CHECK_AT || at == end + CHECK_AT + 1) {
            uint8_t part = (uint8_t)(at == end + CHECK_AT ? state->difference : state->difference >> 8);
$check        }
    }
    state->position = (uint16_t)(at + 1);
    if (at > LENGTH_AT && state->position == state->size)
        state->position = 0;
    return out;
}
