/* Key files, the record and behind a line of dashes the secret: read, and what was read is written
 * and read again. */
#include "base/check.h"
#include "dns/dnskey.h"
#include "dns/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = span_make((const char *)data, size), record;
    uint8_t owner[DNS_NAME_MAX], again[DNS_NAME_MAX];
    char text[DNS_NAME_TEXT];
    struct dnskey k, other;
    const char *why;
    struct buf out;
    size_t n, again_n;

    if (!span_cut(&all, '-', &record) || !dnskey_read_record(record, &k, owner, &n, &why))
        return 0;
    check(dns_name_scan(owner, n) == n);
    buf_init(&out, 4096);
    check(dnskey_write_record(&k, span_of(dns_name_text(owner, text)), &out));
    check(dnskey_read_record(buf_span(&out), &other, again, &again_n, &why));
    check(other.tag == k.tag && dns_name_eq(owner, n, again, again_n));
    buf_free(&out);
    if (dnskey_read_secret(all, &k, &why)) {
        buf_init(&out, 4096);
        check(dnskey_write_secret(&k, &out));
        check(dnskey_read_secret(buf_span(&out), &other, &why));
        buf_free(&out);
    }
    dnskey_free(&k);
    dnskey_free(&other);
    return 0;
}
