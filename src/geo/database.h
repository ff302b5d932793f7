/*
 * database.h - where an address is and whose it is: databases in MaxMind's format (MMDB 2.0), read
 * by libmaxminddb.
 *
 * A file is copied into memory of our own and looked through when it is opened, so that whoever
 * writes over it later changes nothing here; one that is written to just then is refused. Opened by
 * main; immutable then, look-ups from any thread. A look-up takes about a microsecond: what asks
 * for every request keeps the answer for the connection.
 */
#ifndef GEO_DATABASE_H
#define GEO_DATABASE_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* What is not known is empty, or 0. */
struct geo_place {
    char country[3];   /* ISO 3166-1 alpha-2, upper case: "DE" */
    char continent[3]; /* "EU" */
    uint32_t asn;      /* number of the autonomous system; 0: unknown */
    bool has_location;
    double latitude, longitude; /* degrees; where most of its users may be, not a street */
};

/* Several files of one or more kinds: city or country, ASN. */
struct geo;
enum { GEO_FILES_MAX = 8 };

struct geo_why {
    char text[320];
};

struct geo *geo_new(void);
/* NULL is fine, and *g is set to NULL. */
void geo_free(struct geo **g);
/* False: nothing was added, and `why` has a sentence with the path. At most GEO_FILES_MAX. */
MUST_USE bool geo_add(struct geo *g, const char *path, struct geo_why *why);
/* The same with the copy on disk: in a file without a name in the folder, which nobody else can
 * open. For look-ups now and then, which need little memory so; they may wait for the disk. */
MUST_USE bool geo_add_on_disk(
    struct geo *g, const char *path, const char *folder, struct geo_why *why);

/* What the i-th file that was added says of itself. */
struct geo_file {
    char type[64]; /* "DBIP-City"; may be anything */
    wall_s built;  /* when; may be anything, 0: unknown */
};
void geo_file(const struct geo *g, unsigned i, struct geo_file *out);

/* Each file adds what those before it did not know. An IPv4 address mapped into IPv6 is the IPv4
 * address. *out is empty for other families, private networks and what no file has. */
void geo_find(const struct geo *g, const struct sockaddr *address, struct geo_place *out);

#endif
