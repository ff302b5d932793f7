/*
 * Input: lines of X-Forwarded-For, then an empty line, then lines of Forwarded. Nobody is believed
 * who need not be; the client is never a proxy behind whom somebody else was understood; what is
 * written down comes back.
 */
#include "fuzz_lines.h"

#include "base/check.h"
#include "director/client_chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void values_take(struct fields *f, struct arena *a, struct span *rest, enum field_id id)
{
    unsigned lines = 0;
    struct span line;

    while (span_cut(rest, '\n', &line) && line.n > 0) {
        if (lines++ < LINES_MAX && span_all(line, CHAR_VALUE))
            fields_add(f, a, id, span_trim(line));
    }
}

/* What was found, as the only element of a field, is found again. */
static void check_again(int field, const struct addr *client, const struct addr *peer,
    const struct network_list *all, struct arena *a)
{
    char text[ADDR_TEXT];
    const struct client_trust trust = {field, *all};
    struct span written = span_of(addr_ip_text(client, text));
    struct fields f = {0};
    struct addr again;

    if (field == CLIENT_FORWARDED) {
        bool v6 = addr_family(client) == AF_INET6;

        fields_add(&f, a, FIELD_FORWARDED,
            arena_printf(a, "for=\"%s%.*s%s\"", v6 ? "[" : "", SPAN_ARG(written), v6 ? "]" : ""));
    } else {
        fields_add(&f, a, FIELD_X_FORWARDED_FOR, arena_dup(a, written));
    }
    again = client_chain_find(&trust, &f, peer, a);
    check(addr_eq(&again, client));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span rest = span_make((const char *)data, n);
    struct network proxies[2];
    const struct network_list from = {proxies, ARRAY_LEN(proxies)}, none = {proxies, 0};
    struct fields f = {0};
    struct addr peer;
    struct arena a;

    arena_init(&a);
    check(network_parse(SPAN("10.0.0.0/8"), &proxies[0]) == NETWORK_OK);
    check(network_parse(SPAN("2001:db8::/32"), &proxies[1]) == NETWORK_OK);
    check(addr_parse(SPAN("10.0.0.1:0"), &peer));
    values_take(&f, &a, &rest, FIELD_X_FORWARDED_FOR);
    values_take(&f, &a, &rest, FIELD_FORWARDED);
    for (int field = CLIENT_X_FORWARDED_FOR; field <= CLIENT_FORWARDED; field++) {
        const struct client_trust trust = {field, from}, nobody = {field, none};
        struct addr client = client_chain_find(&nobody, &f, &peer, &a);

        check(addr_eq(&client, &peer));
        client = client_chain_find(&trust, &f, &peer, &a);
        check(addr_family(&client) == AF_INET || addr_family(&client) == AF_INET6);
        check_again(field, &client, &peer, &from, &a);
    }
    arena_free(&a);
    return 0;
}
