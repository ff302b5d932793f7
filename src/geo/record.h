/*
 * record.h - what a data record of a MaxMind DB says of the place of a network.
 *
 * Two shapes: nested, as GeoIP2, GeoLite2 and DB-IP have it (country.iso_code, location.latitude,
 * doubles), and flat, as ip-location-db has it (country_code, latitude, longitude, floats). Numbers
 * are taken as either kind. Safe on damaged data: what cannot be read is not known. Any thread.
 */
#ifndef GEO_RECORD_H
#define GEO_RECORD_H

#include "geo/database.h"

#include <maxminddb.h>

/* Adds to *out what it does not know yet. */
void geo_record_read(MMDB_entry_s *entry, struct geo_place *out);

#endif
