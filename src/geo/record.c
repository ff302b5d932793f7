#include "geo/record.h"

#include <string.h>

static bool get(MMDB_entry_s *entry, MMDB_entry_data_s *out, const char *const *path)
{
    return MMDB_aget_value(entry, out, path) == MMDB_SUCCESS && out->has_data;
}

/* Two capital letters, or nothing. */
static void put_code(char out[3], const MMDB_entry_data_s *v)
{
    if (out[0] != '\0' || v->type != MMDB_DATA_TYPE_UTF8_STRING || v->data_size != 2)
        return;
    for (unsigned i = 0; i < 2; i++) {
        if (v->utf8_string[i] < 'A' || v->utf8_string[i] > 'Z')
            return;
    }
    memcpy(out, v->utf8_string, 2);
    out[2] = '\0';
}

static void get_code(MMDB_entry_s *entry, char out[3], const char *const *path)
{
    MMDB_entry_data_s v;

    if (out[0] == '\0' && get(entry, &v, path))
        put_code(out, &v);
}

static bool get_number(MMDB_entry_s *entry, double *out, const char *const *path)
{
    MMDB_entry_data_s v;

    if (!get(entry, &v, path))
        return false;
    if (v.type == MMDB_DATA_TYPE_DOUBLE)
        *out = v.double_value;
    else if (v.type == MMDB_DATA_TYPE_FLOAT)
        *out = (double)v.float_value;
    else
        return false;
    return true;
}

static bool get_location(MMDB_entry_s *entry, struct geo_place *out, const char *const *latitude,
    const char *const *longitude)
{
    double lat, lon;

    if (!get_number(entry, &lat, latitude) || !get_number(entry, &lon, longitude))
        return false;
    if (!(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180))
        return false;
    /* Nobody lives there; files have it for "unknown". */
    if (lat == 0 && lon == 0)
        return false;
    out->latitude = lat;
    out->longitude = lon;
    out->has_location = true;
    return true;
}

static void read_nested(MMDB_entry_s *entry, struct geo_place *out)
{
    static const char *const country[] = {"country", "iso_code", NULL};
    static const char *const registered[] = {"registered_country", "iso_code", NULL};
    static const char *const continent[] = {"continent", "code", NULL};
    static const char *const latitude[] = {"location", "latitude", NULL};
    static const char *const longitude[] = {"location", "longitude", NULL};

    get_code(entry, out->country, country);
    get_code(entry, out->country, registered); /* of an anonymous proxy, a satellite */
    get_code(entry, out->continent, continent);
    if (!out->has_location)
        get_location(entry, out, latitude, longitude);
}

/* Each question is a way through the record, which is why none is asked in vain: there are hundreds
 * of thousands of them. What continent a country is on is known without. */
static void read_flat(
    MMDB_entry_s *entry, struct geo_place *out, const MMDB_entry_data_s *country_code)
{
    static const char *const latitude[] = {"latitude", NULL};
    static const char *const longitude[] = {"longitude", NULL};

    put_code(out->country, country_code);
    if (!out->has_location)
        get_location(entry, out, latitude, longitude);
}

void geo_record_read(MMDB_entry_s *entry, struct geo_place *out)
{
    static const char *const asn[] = {"autonomous_system_number", NULL};
    static const char *const code[] = {"country_code", NULL};
    MMDB_entry_data_s v;

    if (get(entry, &v, code)) {
        read_flat(entry, out, &v);
        return;
    }
    if (out->asn == 0 && get(entry, &v, asn) && v.type == MMDB_DATA_TYPE_UINT32)
        out->asn = v.uint32;
    read_nested(entry, out);
}
