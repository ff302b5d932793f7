/*
 * Any bytes as a message with a name in it, and as a name's text. A name that is read is
 * well-formed, says the same again by way of its text, and comparisons agree with each other.
 *
 * The first byte says where in the message the name starts.
 */
#include "base/check.h"
#include "dns/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void check_name(const struct dns_name *name)
{
    char text[DNS_NAME_TEXT];
    struct dns_name again, lower;
    const uint8_t *at = name->wire;
    unsigned labels = dns_name_labels(name->wire);

    check(dns_name_scan(name->wire, name->n) == name->n);
    check(dns_name_bytes(name->wire) == name->n && labels <= DNS_LABELS_MAX);
    check(dns_name_parse(span_of(dns_name_text(name->wire, text)), NULL, &again) == NULL);
    check(again.n == name->n && memcmp(again.wire, name->wire, name->n) == 0);
    dns_name_lower(lower.wire, name->wire, name->n);
    lower.n = name->n;
    check(dns_name_scan(lower.wire, lower.n) == lower.n);
    check(dns_name_eq(lower.wire, lower.n, name->wire, name->n));
    check(dns_name_compare(lower.wire, name->wire) == 0);
    for (; *at != 0; at = dns_name_parent(at)) {
        size_t left = name->n - (size_t)(at - name->wire);

        check(dns_name_below(lower.wire, lower.n, at, left) == at - name->wire);
        /* Whoever is below comes later. */
        check(at == name->wire || dns_name_compare(name->wire, at) > 0);
        check(at == name->wire || dns_name_below(at, left, name->wire, name->n) == -1);
    }
}

static void check_two(const struct dns_name *a, const struct dns_name *b)
{
    int d = dns_name_compare(a->wire, b->wire);

    check(sign(dns_name_compare(b->wire, a->wire)) == -sign(d));
    check((d == 0) == dns_name_eq(a->wire, a->n, b->wire, b->n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct dns_name name, other;
    size_t at, start;

    if (n < 1)
        return 0;
    at = start = data[0];
    data++;
    n--;
    if (dns_name_read(data, n, &at, &name)) {
        check(at > start && at <= n && dns_name_skip(data, n, start) == at);
        check_name(&name);
        if (dns_name_read(data, n, &at, &other))
            check_two(&name, &other);
    }
    if (dns_name_parse(span_make((const char *)data, n), &dns_root, &name) == NULL)
        check_name(&name);
    /* With an origin that leaves little room. */
    if (dns_name_scan(data, n) != 0) {
        other.n = (uint8_t)dns_name_scan(data, n);
        memcpy(other.wire, data, other.n);
        if (dns_name_parse(SPAN("a.b-c.d"), &other, &name) == NULL) {
            check_name(&name);
            check_two(&name, &other);
        }
    }
    return 0;
}
