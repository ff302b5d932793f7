#include "net/client_hello.h"

#include "net/addr.h"

enum { HOST_NAME = 0 }; /* the only NameType there is */

static bool take_u16(struct span *s, size_t *v)
{
    if (s->n < 2)
        return false;
    *v = (size_t)(unsigned char)s->p[0] << 8 | (unsigned char)s->p[1];
    *s = span_from(*s, 2);
    return true;
}

bool client_hello_name(struct span extension, char name[static SERVER_NAME_MAX], size_t *n)
{
    struct span s = extension;
    struct addr literal;
    size_t length;

    *n = 0;
    if (!take_u16(&s, &length) || length != s.n || s.n == 0 || s.p[0] != HOST_NAME)
        return false;
    s = span_from(s, 1);
    /* A list of one: no second type was ever given a meaning, and no type may come twice. */
    if (!take_u16(&s, &length) || length != s.n || length == 0 || length > SERVER_NAME_MAX ||
        span_find(s, '\0') != s.n)
        return false;
    if (s.p[s.n - 1] == '.')
        s.n--;
    if (addr_parse_ip(s, 0, &literal))
        return true;
    for (size_t i = 0; i < s.n; i++)
        name[i] = ascii_lower(s.p[i]);
    *n = s.n;
    return true;
}
