/* database_impl.h - what is behind struct geo, for those in src/geo who walk through databases. */
#ifndef GEO_DATABASE_IMPL_H
#define GEO_DATABASE_IMPL_H

#include "geo/database.h"

#include <maxminddb.h>

struct geo {
    MMDB_s files[GEO_FILES_MAX]; /* owns */
    unsigned n;
};

#endif
