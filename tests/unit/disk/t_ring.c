/* t_ring.c - places and sequence numbers over laps; who is inside holds the tail. */
#include "things.h"

#include "disk/ring.h"

#include <unistd.h>

enum { SEGMENTS = 8, SEGMENT = 1 << 20, AT = 64 << 10 };

static const struct volume volume = {
    .sb = {.segments = SEGMENTS, .segment_bytes = SEGMENT, .segments_at = AT}};

/* Some place in that segment, in sectors. */
static uint64_t loc_in(uint64_t seq)
{
    return (volume_segment_at(&volume, seq) + SEGMENT / 2) / DISK_SECTOR;
}

static void t_places_say_their_number(void **state)
{
    struct ring r;

    (void)state;
    ring_init(&r, &volume);
    assert_int_equal(ring_free_segments(&r), SEGMENTS);
    for (uint64_t seq = 1; seq <= SEGMENTS; seq++)
        assert_int_equal(ring_seq(&r, loc_in(seq)), 0);
    for (uint64_t head = 1; head < 5 * SEGMENTS; head++) {
        if (ring_free_segments(&r) == 1)
            ring_retire(&r);
        assert_int_equal(ring_advance(&r), head);
        for (uint64_t seq = 1; seq <= head; seq++) {
            bool used = seq + SEGMENTS - 1 > head;
            uint64_t lap = seq;

            while (lap + SEGMENTS <= head)
                lap += SEGMENTS;
            assert_int_equal(ring_seq(&r, loc_in(seq)), lap + SEGMENTS - 1 > head ? lap : 0);
            if (used)
                assert_int_equal(lap, seq);
        }
    }
    assert_int_equal(ring_seq(&r, AT / DISK_SECTOR - 1), 0);
    assert_int_equal(ring_seq(&r, (AT + SEGMENTS * (uint64_t)SEGMENT) / DISK_SECTOR), 0);
    ring_free(&r);
}

static _Atomic bool retired;

static void *retire(void *ring)
{
    ring_retire(ring);
    atomic_store(&retired, true);
    return NULL;
}

static void t_the_tail_waits_for_its_readers(void **state)
{
    struct ring r;
    pthread_t t;

    (void)state;
    ring_init(&r, &volume);
    ring_set(&r, 5, 2);
    assert_int_equal(ring_free_segments(&r), SEGMENTS - 4);
    assert_int_equal(ring_enter(&r, loc_in(1)), 0);
    assert_int_equal(ring_enter(&r, loc_in(2)), 2);
    assert_int_equal(ring_enter(&r, loc_in(2)), 2);
    assert_int_equal(ring_enter(&r, loc_in(3)), 3);
    assert_int_equal(pthread_create(&t, NULL, retire, &r), 0);
    while (atomic_load(&r.tail) != 3)
        usleep(100);
    assert_int_equal(ring_enter(&r, loc_in(2)), 0); /* nobody comes in any more */
    ring_leave(&r, 2);
    usleep(20000);
    assert_false(atomic_load(&retired));
    ring_leave(&r, 2);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_true(atomic_load(&retired));
    ring_leave(&r, 3);
    ring_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_places_say_their_number),
        cmocka_unit_test(t_the_tail_waits_for_its_readers),
    };

    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
