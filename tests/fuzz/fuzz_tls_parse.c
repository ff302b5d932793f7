/*
 * fuzz_tls_parse.c - the server name of a ClientHello, a certificate's DER, a file of ticket keys.
 *
 * Input: one byte that says which of the three; then its bytes. What must hold: what is found lies
 * within the input and its bounds, a name is in lower case, a file's keys are those that it has.
 */
#include "base/check.h"
#include "net/client_hello.h"
#include "net/leaf.h"
#include "net/ticket_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void fuzz_name(struct span s)
{
    char name[SERVER_NAME_MAX];
    size_t n;

    if (!client_hello_name(s, name, &n))
        return;
    check(n <= SERVER_NAME_MAX && n + 5 <= s.n);
    for (size_t i = 0; i < n; i++)
        check(name[i] != '\0' && ascii_lower(name[i]) == name[i]);
}

static bool is_in(struct span part, struct span whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void fuzz_leaf(struct span s)
{
    struct leaf leaf;
    struct span name;

    if (!leaf_read(s, &leaf))
        return;
    check(is_in(leaf.public, s) && is_in(leaf.names, s) && leaf.public.n > 0);
    while (leaf_next_name(&leaf.names, &name))
        check(name.n > 0 && is_in(name, s));
}

static void fuzz_keys(struct span s)
{
    struct ticket_keys k;
    bool first;

    if (ticket_keys_parse(s, &k) != NULL)
        return;
    check(k.n > 0 && k.n <= TICKET_KEYS_MAX && (size_t)k.n * TICKET_KEY_BYTES <= s.n);
    for (unsigned i = 0; i < k.n; i++)
        check(ticket_keys_find(&k, k.v[i].name, &first) == &k.v[i] && first == (i == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span s;

    if (n == 0)
        return 0;
    s = span_make((const char *)data + 1, n - 1);
    switch (data[0] % 3) {
    case 0:
        fuzz_name(s);
        break;
    case 1:
        fuzz_leaf(s);
        break;
    case 2:
        fuzz_keys(s);
        break;
    default:
        break;
    }
    return 0;
}
