#include "director/respond.h"

#include <string.h>

enum { HEADER = 12, QR = 0x80, OPCODE = 0x78, RD = 0x01, REFUSED = 5 };

size_t respond(struct director_worker *w, const struct respond_from *from, const uint8_t *msg,
    size_t n, uint8_t *out, size_t cap)
{
    (void)w;
    (void)from;
    if (n < HEADER || cap < HEADER || (msg[2] & QR) != 0)
        return 0;
    memset(out, 0, HEADER);
    memcpy(out, msg, 2);
    out[2] = QR | (msg[2] & (OPCODE | RD));
    out[3] = REFUSED;
    return HEADER;
}
