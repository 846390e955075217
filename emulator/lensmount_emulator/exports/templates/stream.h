/* ---- frames ---- */

typedef enum {
    ${P}_FRAME_OK = 0,
    ${P}_FRAME_INCOMPLETE, /* the bytes end before the frame does */
    ${P}_FRAME_NO_START,
    ${P}_FRAME_LENGTH,
    ${P}_FRAME_END,
    ${P}_FRAME_CHECKSUM,
    ${P}_FRAME_CLASS
} ${p}_verdict;

typedef struct {
    const uint8_t *data;
    uint32_t size;
    const uint8_t *payload;
    uint32_t payload_size;
    uint32_t class_;
    uint32_t sequence;
} ${p}_frame;

/* Judges the frame that `data` begins with; fills `out` where the verdict is ${P}_FRAME_OK. Bytes after it are not
 * looked at. */
${p}_verdict ${p}_frame_check(${p}_sender sender, const uint8_t *data, uint32_t size, ${p}_frame *out);

/* Writes a frame; returns its size, or 0 where it does not fit `room` or breaks a limit of the dialect. `payload` may
 * already stand in `out`, at the index ${P}_PAYLOAD_OFFSET. */
uint32_t ${p}_frame_encode(${p}_sender sender, uint32_t class_, uint32_t sequence, const uint8_t *payload, uint32_t size,
    uint8_t *out, uint32_t room);

uint32_t ${p}_checksum(const uint8_t *data, uint32_t size);

/* Finds frames in a stream of bytes, and starts again at the next start byte after damage. */
typedef struct {
    ${p}_sender sender;
    uint32_t from;    /* first byte that is not yet decided */
    uint32_t used;
    uint32_t skipped; /* bytes so far that were in no frame */
    uint32_t offset;  /* offset of the first byte of the last frame in the stream */
    uint32_t passed;  /* bytes that have left the buffer */
    bool closing;
    uint8_t buffer[${P}_MAX_FRAME];
} ${p}_framer;

void ${p}_framer_init(${p}_framer *framer, ${p}_sender sender);

/* Takes bytes; returns how many of them. Call ${p}_framer_next until it gives false, then push the rest. */
uint32_t ${p}_framer_push(${p}_framer *framer, const uint8_t *data, uint32_t size);

/* The next whole frame; it stays valid until the next call with this framer. */
bool ${p}_framer_next(${p}_framer *framer, ${p}_frame *out);

/* The line fell silent: a frame that is not whole by now never will be. Call ${p}_framer_next until it gives false. */
void ${p}_framer_close(${p}_framer *framer);

