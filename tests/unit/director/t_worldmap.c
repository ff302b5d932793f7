/* Places on the map, and the ways between them. */
#include "tests/unit/http/table.h"

#include "director/worldmap.h"

#include <math.h>
#include <stdlib.h>

static void places(void **state)
{
    static const struct {
        double latitude, longitude;
        int x, y;
    } rows[] = {
        {84, -180, 0, 0},
        {-57, 180, WORLDMAP_WIDTH, WORLDMAP_HEIGHT},
        {0, 0, 1800, 840},
        {50.11, 8.68, 1887, 339},
        {90, 0, 1800, 0}, /* beyond the edges */
        {-90, 200, WORLDMAP_WIDTH, WORLDMAP_HEIGHT},
        {NAN, NAN, 0, 0},
        {INFINITY, -INFINITY, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct worldmap_point p = worldmap_at(rows[i].latitude, rows[i].longitude);

        assert_int_equal(p.x, rows[i].x);
        assert_int_equal(p.y, rows[i].y);
    }
}

struct way {
    int pieces, points, longest; /* longest: step in x */
    struct worldmap_point first, last;
    int top; /* the smallest y */
};

static struct way way(double latitude_a, double longitude_a, double latitude_b, double longitude_b)
{
    struct way w = {.top = WORLDMAP_HEIGHT};
    struct buf b;

    buf_init(&b, 4096);
    assert_true(worldmap_way(&b, latitude_a, longitude_a, latitude_b, longitude_b));
    assert_true(buf_append(&b, span_make("", 1)));
    for (char *p = b.p, *end; *p != '\0'; p = end) {
        char letter = *p;
        struct worldmap_point at = {(int)strtol(p + 1, &end, 10), 0};

        assert_true(letter == 'M' || letter == 'L');
        at.y = (int)strtol(end, &end, 10);
        if (w.points++ == 0)
            w.first = at;
        else if (letter == 'L' && abs(at.x - w.last.x) > w.longest)
            w.longest = abs(at.x - w.last.x);
        w.pieces += letter == 'M';
        w.last = at;
        if (at.y < w.top)
            w.top = at.y;
    }
    buf_free(&b);
    return w;
}

static void ways(void **state)
{
    struct way w;

    (void)state;
    w = way(50, 8, 39, -77); /* Frankfurt to Washington: in one piece, and over the north */
    assert_int_equal(w.pieces, 1);
    assert_int_equal(w.first.x, 1880);
    assert_int_equal(w.last.x, 1030);
    assert_true(w.top < worldmap_at(50, 0).y);
    w = way(35, 139, 37, -122); /* Tokyo to San Francisco: over the 180th meridian */
    assert_int_equal(w.pieces, 2);
    assert_true(w.longest < 200);
    w = way(1, 1, 1, 1); /* to itself */
    assert_int_equal(w.points, 1);
    w = way(10, 20, -10, -160); /* to the other side of the globe: all ways are shortest */
    assert_int_equal(w.points, 1);
}

static void a_full_buffer_is_told(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 40);
    assert_false(worldmap_way(&b, 50, 8, 39, -77));
    buf_free(&b);
}

/* Path data and nothing else: it stands in a page as it is. */
static void the_outline_is_plain(void **state)
{
    const struct span *parts[] = {&worldmap_land, &worldmap_borders};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        assert_in_range(parts[i]->n, 5000, 40 << 10);
        assert_int_equal(strspn(parts[i]->p, "0123456789- Mmlz"), parts[i]->n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),
        cmocka_unit_test(ways),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(the_outline_is_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
