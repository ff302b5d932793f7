#include "cache/fresh.h"

#include "http/cache_control.h"
#include "http/date.h"

/* Seconds from `then` to `now`, 0 when that lies ahead. */
static uint32_t elapsed(wall_s then, wall_s now)
{
    int64_t s;

    if (now <= then)
        return 0;
    return __builtin_sub_overflow(now, then, &s) ? (uint32_t)FRESH_SECONDS_MAX : fresh_seconds(s);
}

int64_t fresh_age(const struct freshness *f, wall_s now)
{
    int64_t age = (int64_t)f->initial_age_s + elapsed(f->response_s, now);

    return fresh_seconds(age);
}

int64_t fresh_ttl(const struct freshness *f, wall_s now)
{
    return (int64_t)f->lifetime_s - fresh_age(f, now);
}

/* §5.2.1.1 to §5.2.1.3: whether a client that asks gets this one, whose age and ttl are given. */
static bool ask_allows(
    const struct freshness *f, const struct fresh_ask *ask, int64_t age, int64_t ttl)
{
    /* RFC 8246 §2: max-age=0 is how clients reload; only no-cache is meant in spite of it. */
    bool reload = f->immutable && ttl > 0;

    if (ask->no_cache || (ask->max_age >= 0 && age > ask->max_age && !reload))
        return false;
    if (ttl > 0)
        return ttl >= ask->min_fresh;
    return !f->must_revalidate && ask->min_fresh < 0 && ask->max_stale >= 0 &&
           -ttl <= ask->max_stale;
}

enum fresh_use fresh_judge(
    const struct freshness *f, const struct fresh_ask *ask, wall_s now, bool soft_purged)
{
    int64_t age = fresh_age(f, now), ttl = (int64_t)f->lifetime_s - age;
    bool asked = ask != NULL && ask->honoured;

    if (f->no_cache || soft_purged)
        return FRESH_VALIDATE;
    if (asked ? ask_allows(f, ask, age, ttl) : ttl > 0)
        return FRESH_USE;
    /* Who has asked for something fresher does not get something stale. */
    if (asked && (ask->no_cache || ask->min_fresh >= 0 || ask->max_age >= 0))
        return FRESH_VALIDATE;
    return ttl <= 0 && ttl + f->while_revalidate_s > 0 ? FRESH_USE_AND_REFRESH : FRESH_VALIDATE;
}

bool fresh_may_serve_on_error(
    const struct freshness *f, const struct fresh_ask *ask, wall_s now, bool soft_purged)
{
    int64_t window = f->if_error_s;

    if (f->no_cache)
        return false;
    /* RFC 5861 §4: the request has a say, too. */
    if (ask != NULL && ask->honoured && ask->stale_if_error >= 0 && !f->must_revalidate)
        window = ask->stale_if_error;
    if (soft_purged && window == 0)
        return false;
    return fresh_ttl(f, now) + window > 0;
}

/* §5.1: the first value of all lines and members counts, if it is a number. */
static uint32_t age_value(const struct fields *head)
{
    struct field_list it = field_list_of(head, FIELD_AGE);
    struct span member;
    int64_t age;

    if (!field_list_next(&it, &member) || !delta_seconds_parse(member, &age))
        return 0;
    return fresh_seconds(age);
}

void fresh_set_age(
    struct freshness *f, const struct fields *head, wall_s request_s, wall_s response_s)
{
    uint32_t apparent, corrected;

    f->response_s = response_s;
    f->has_date = http_date_parse(fields_get(head, FIELD_DATE), response_s, &f->date_s);
    if (!f->has_date)
        f->date_s = response_s;
    f->age_value_s = age_value(head);
    f->delay_s = elapsed(request_s, response_s);
    apparent = elapsed(f->date_s, response_s);
    corrected = fresh_seconds((int64_t)f->age_value_s + f->delay_s);
    f->initial_age_s = apparent > corrected ? apparent : corrected;
}

struct span fresh_source_name(enum fresh_source source)
{
    switch (source) {
    case FRESH_FROM_DEFAULT:
        return SPAN("default");
    case FRESH_FROM_CDN:
        return SPAN("CDN-Cache-Control");
    case FRESH_FROM_S_MAXAGE:
        return SPAN("s-maxage");
    case FRESH_FROM_MAX_AGE:
        return SPAN("max-age");
    case FRESH_FROM_EXPIRES:
        return SPAN("Expires");
    case FRESH_FROM_HEURISTIC:
        return SPAN("heuristic");
    case FRESH_FROM_RULE:
        return SPAN("ttl");
    case FRESH_FROM_NEGATIVE:
        return SPAN("negative-ttl");
    case FRESH_FROM_MINIMUM:
        return SPAN("minimum");
    case FRESH_FROM_MAXIMUM:
        return SPAN("maximum");
    }
    return SPAN_EMPTY;
}
