/*
 * The answer to a probe; the first byte chooses method and wish. The verdict is the same however
 * the bytes are cut, and what is kept is bounded.
 */
#include "base/check.h"
#include "health/load.h"
#include "health/response.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum response_end read_in_steps(const struct response_wish *wish, enum http_method asked,
    struct span in, size_t step, int *status)
{
    struct response r;
    enum response_end end = RESPONSE_MORE;
    unsigned load;

    response_init(&r, wish, asked);
    while (end == RESPONSE_MORE && in.n > 0) {
        size_t bytes = step < in.n ? step : in.n;
        char *copy = malloc(bytes); /* of just that size, so that reading on is found */

        check(copy != NULL);
        memcpy(copy, in.p, bytes);
        end = response_take(&r, span_make(copy, bytes));
        free(copy);
        in = span_from(in, bytes);
    }
    if (end == RESPONSE_MORE)
        end = response_finish(&r);
    check(end != RESPONSE_MORE);
    check(r.body.n <= RESPONSE_BODY_BYTES && (end == RESPONSE_BAD) == (r.why[0] != '\0'));
    if (end == RESPONSE_GOOD)
        check(response_statuses_have(&wish->statuses, r.status));
    *status = r.status;
    if (load_read(buf_span(&r.body), &load))
        check(load <= LOAD_MOST);
    response_free(&r);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct response_wish wish = {.statuses = {.v = {{200, 299}}, .n = 1}};
    enum http_method asked;
    enum response_end whole;
    int status, other;

    if (n == 0)
        return 0;
    asked = (data[0] & 1) != 0 ? METHOD_HEAD : METHOD_GET;
    if ((data[0] & 2) != 0)
        wish.contains = SPAN("ok");
    whole = read_in_steps(&wish, asked, span_make((const char *)data + 1, n - 1), n, &status);
    for (size_t step = 1; step < n && step < 5000; step = step * 7 + 1) {
        check(read_in_steps(&wish, asked, span_make((const char *)data + 1, n - 1), step, &other) ==
              whole);
        check(other == status);
    }
    return 0;
}
