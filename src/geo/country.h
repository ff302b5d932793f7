/* country.h - the table of countries (countries.tbl): a point and a continent for each. Pure. */
#ifndef GEO_COUNTRY_H
#define GEO_COUNTRY_H

struct geo_country {
    char code[3], continent[3];
    double latitude, longitude;
};

/* By ISO 3166-1 alpha-2 code, upper case; NULL: no such country. */
const struct geo_country *geo_country_find(const char code[static 3]);

#endif
