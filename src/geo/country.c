#include "geo/country.h"

#include "base/attrs.h"

#include <stdlib.h>
#include <string.h>

static const struct geo_country countries[] = {
#define COUNTRY(code, continent, latitude, longitude) {#code, #continent, latitude, longitude},
#include "geo/countries.tbl"
#undef COUNTRY
};

static int compare(const void *code, const void *country)
{
    return memcmp(code, ((const struct geo_country *)country)->code, 2);
}

const struct geo_country *geo_country_find(const char code[static 3])
{
    return bsearch(code, countries, ARRAY_LEN(countries), sizeof(countries[0]), compare);
}
