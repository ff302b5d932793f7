#include "http/date.h"

#include "http/chars.h"

enum { DAY_S = 86400 };

static const char months[12][4] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const struct span days[7] = {SPAN("Sunday"), SPAN("Monday"), SPAN("Tuesday"),
    SPAN("Wednesday"), SPAN("Thursday"), SPAN("Friday"), SPAN("Saturday")};

struct civil {
    int year, month, day; /* month 1-12 */
    int hour, minute, second;
};

static bool leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int year, int month)
{
    static const int8_t lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && leap(year) ? 29 : lengths[month - 1];
}

/* Days from 0001-01-01 to the first day of that year. */
static int64_t days_before_year(int64_t year)
{
    int64_t y = year - 1;

    return y * 365 + y / 4 - y / 100 + y / 400;
}

#define DAYS_BEFORE_1970 719162 /* days_before_year(1970) */

static wall_s civil_to_wall(const struct civil *c)
{
    int64_t day = days_before_year(c->year) - DAYS_BEFORE_1970 + c->day - 1;

    for (int m = 1; m < c->month; m++)
        day += days_in(c->year, m);
    return day * DAY_S + c->hour * 3600 + c->minute * 60 + c->second;
}

static struct civil wall_to_civil(wall_s t)
{
    struct civil c = {.month = 1};
    int64_t day = t / DAY_S, rest = t % DAY_S;

    if (rest < 0) {
        rest += DAY_S;
        day--;
    }
    day += DAYS_BEFORE_1970;
    c.year = (int)(day * 400 / 146097) + 1; /* never too late, at most one year early */
    while (days_before_year(c.year + 1) <= day)
        c.year++;
    day -= days_before_year(c.year);
    while (day >= days_in(c.year, c.month))
        day -= days_in(c.year, c.month++);
    c.day = (int)day + 1;
    c.hour = (int)(rest / 3600);
    c.minute = (int)(rest / 60 % 60);
    c.second = (int)(rest % 60);
    return c;
}

/* What is left to read. */
struct reader {
    struct span s;
    bool bad;
};

static void take(struct reader *r, struct span literal)
{
    if (!span_istarts(r->s, literal))
        r->bad = true;
    else
        r->s = span_from(r->s, literal.n);
}

static int take_number(struct reader *r, unsigned digits)
{
    int v = 0;

    if (r->s.n < digits) {
        r->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < digits; i++) {
        if (!char_is(r->s.p[i], CHAR_DIGIT))
            r->bad = true;
        v = v * 10 + (r->s.p[i] - '0');
    }
    r->s = span_from(r->s, digits);
    return v;
}

static int take_month(struct reader *r)
{
    for (int m = 0; m < 12; m++) {
        if (span_istarts(r->s, span_make(months[m], 3))) {
            r->s = span_from(r->s, 3);
            return m + 1;
        }
    }
    r->bad = true;
    return 1;
}

static void take_time(struct reader *r, struct civil *c)
{
    c->hour = take_number(r, 2);
    take(r, SPAN(":"));
    c->minute = take_number(r, 2);
    take(r, SPAN(":"));
    c->second = take_number(r, 2);
}

/* "06 Nov 1994 08:49:37 GMT" behind "Sun, " */
static void imf_fixdate(struct reader *r, struct civil *c)
{
    c->day = take_number(r, 2);
    take(r, SPAN(" "));
    c->month = take_month(r);
    take(r, SPAN(" "));
    c->year = take_number(r, 4);
    take(r, SPAN(" "));
    take_time(r, c);
    take(r, SPAN(" GMT"));
}

/* "06-Nov-94 08:49:37 GMT" behind "Sunday, " */
static void rfc850(struct reader *r, struct civil *c, wall_s now)
{
    int this_year = wall_to_civil(now).year;

    c->day = take_number(r, 2);
    take(r, SPAN("-"));
    c->month = take_month(r);
    take(r, SPAN("-"));
    c->year = take_number(r, 2) + this_year / 100 * 100;
    take(r, SPAN(" "));
    take_time(r, c);
    take(r, SPAN(" GMT"));
    /* The century that puts it within 50 years ahead (RFC 9110 §5.6.7). */
    if (c->year > this_year + 50)
        c->year -= 100;
}

/* "Nov  6 08:49:37 1994" behind "Sun " */
static void asctime_date(struct reader *r, struct civil *c)
{
    c->month = take_month(r);
    take(r, SPAN(" "));
    if (r->s.n != 0 && r->s.p[0] == ' ') {
        take(r, SPAN(" "));
        c->day = take_number(r, 1);
    } else {
        c->day = take_number(r, 2);
    }
    take(r, SPAN(" "));
    take_time(r, c);
    take(r, SPAN(" "));
    c->year = take_number(r, 4);
}

static bool civil_valid(const struct civil *c)
{
    return c->year >= 1 && c->day >= 1 && c->day <= days_in(c->year, c->month) && c->hour <= 23 &&
           c->minute <= 59 && c->second <= 60;
}

/* Which name of a day it starts with, in short or in full; takes it. */
static bool take_day_name(struct reader *r, bool *full)
{
    for (unsigned i = 0; i < ARRAY_LEN(days); i++) {
        if (!span_istarts(r->s, span_make(days[i].p, 3)))
            continue;
        *full = span_istarts(r->s, days[i]);
        r->s = span_from(r->s, *full ? days[i].n : 3);
        return true;
    }
    return false;
}

bool http_date_parse(struct span s, wall_s now, wall_s *out)
{
    struct reader r = {.s = s};
    struct civil c = {.month = 1};
    bool full;

    if (!take_day_name(&r, &full))
        return false;
    if (span_starts(r.s, SPAN(", "))) {
        take(&r, SPAN(", "));
        if (full)
            rfc850(&r, &c, now);
        else
            imf_fixdate(&r, &c);
    } else {
        take(&r, SPAN(" "));
        asctime_date(&r, &c);
        r.bad |= full;
    }
    if (r.bad || r.s.n != 0 || !civil_valid(&c))
        return false;
    *out = civil_to_wall(&c);
    return true;
}

static char *put_number(char *at, int v, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; v /= 10)
        at[i] = (char)('0' + v % 10);
    return at + digits;
}

void http_date_format(wall_s t, char out[static HTTP_DATE_LEN])
{
    const wall_s first = -(wall_s)DAYS_BEFORE_1970 * DAY_S;
    const wall_s last = (days_before_year(10000) - DAYS_BEFORE_1970) * DAY_S - 1;
    struct civil c;
    int64_t day;

    t = t < first ? first : t > last ? last : t;
    c = wall_to_civil(t);
    day = (t - first) / DAY_S; /* 0001-01-01 was a Monday */
    memcpy(out, days[(day + 1) % 7].p, 3);
    memcpy(out + 3, ", ", 2);
    put_number(out + 5, c.day, 2);
    out[7] = ' ';
    memcpy(out + 8, months[c.month - 1], 3);
    out[11] = ' ';
    put_number(out + 12, c.year, 4);
    out[16] = ' ';
    put_number(out + 17, c.hour, 2);
    out[19] = ':';
    put_number(out + 20, c.minute, 2);
    out[22] = ':';
    put_number(out + 23, c.second, 2);
    memcpy(out + 25, " GMT", 4);
}
