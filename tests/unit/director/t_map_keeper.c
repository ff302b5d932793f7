/* Maps change under workers that never stop to look: each answer comes out of one map or the other,
 * and no map goes while somebody looks at it (the sanitizers' part). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/check.h"
#include "base/thread.h"
#include "director/map_check.h"
#include "director/map_keeper.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORKERS = 2, IAD = 0, FRA = 1, ROUNDS = 6 };

#define DATABASE(name) DATA_DIR "/mmdb/" name ".mmdb"

/* --- a configuration -------------------------------------------------------------------------- */

static char dir[] = "/tmp/t_map_keeper.XXXXXX";
static char database[64];
static struct span paths[1];
static struct pop pops[2] = {{.index = IAD,
                                 .name = {"iad", 3},
                                 .has_location = true,
                                 .latitude = 38.95,
                                 .longitude = -77.45},
    {.index = FRA, .name = {"fra", 3}, .has_location = true, .latitude = 50.11, .longitude = 8.68}};
static const struct pop *const pop_order[2] = {&pops[0], &pops[1]};
static struct steer steers[1] = {{.name = {"cdn", 3}, .pops = pop_order, .pops_n = 2}};
static const struct steer_list steer_list = {.v = steers, .n = 1};
static const struct pop_list pop_list = {.v = pops, .n = 2};
static struct map_conf map_conf = {
    .databases = {.v = paths, .n = 1}, .cache = {"off", 3}, .change_max_percent = 20};

static void copy(const char *from)
{
    char fresh[80], command[256];

    (void)snprintf(fresh, sizeof(fresh), "%s.new", database);
    (void)snprintf(command, sizeof(command), "cp %s %s", from, fresh);
    assert_int_equal(system(command), 0);
    assert_int_equal(rename(fresh, database), 0);
}

static int set_up(void **state)
{
    (void)state;
    memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
    if (mkdtemp(dir) == NULL)
        return 1;
    (void)snprintf(database, sizeof(database), "%s/city.mmdb", dir);
    paths[0] = span_of(database);
    map_conf.cache = SPAN("off");
    return 0;
}

static int tear_down(void **state)
{
    char kept[64];

    (void)state;
    (void)snprintf(kept, sizeof(kept), "%s/cdn.map", dir);
    unlink(kept);
    unlink(database);
    return rmdir(dir);
}

/* --- workers that look all the time ----------------------------------------------------------- */

struct looker {
    struct worker *worker;
    const struct map_set *set;
    struct ev_timer always;
    struct message quit;
    uint64_t looks, sets;
};
static struct looker lookers[WORKERS];

static struct geo_found find(const struct map_set *set, uint8_t first)
{
    const struct geo_client client = {.family = 4, .prefix = 24, .address = {first}};
    struct geo_found found;

    geo_map_find(set->maps[0], &client, &found);
    return found;
}

static void on_timer(struct ev_loop *loop, struct ev_timer *t, int events)
{
    struct looker *l = t->data;

    (void)loop;
    (void)events;
    /* 20/8 is what moves; 21/8 and 22/8 never do. */
    check(find(l->set, 21).first == IAD);
    check(find(l->set, 22).first == (l->set->number == 1 ? IAD : FRA));
    l->looks++;
}

static void looker_main(struct worker *w)
{
    struct looker *l = w->app;

    ev_timer_init(&l->always, on_timer, 0, 0.0005);
    l->always.data = l;
    ev_timer_start(w->loop, &l->always);
    worker_run(w);
}

static void take(struct worker *w, const struct map_set *set)
{
    struct looker *l = w->app;

    check(set->number == l->set->number + 1);
    l->set = set;
    l->sets++;
}

static void run_quit(struct message *m, struct worker *w)
{
    struct looker *l = container_of(m, struct looker, quit);

    ev_timer_stop(w->loop, &l->always);
    worker_quit(w);
}

static const struct map_keeper_conf keeper_conf = {
    .conf = &map_conf, .steers = &steer_list, .pops = &pop_list, .take = take};

static struct map_keeper *begin(void)
{
    static struct worker *workers[WORKERS];
    struct map_keeper *k = map_keeper_new(&keeper_conf);

    for (int i = 0; i < WORKERS; i++) {
        lookers[i] = (struct looker){.worker = worker_new(i + 1), .set = map_keeper_first(k)};
        lookers[i].worker->app = &lookers[i];
        worker_start(lookers[i].worker, looker_main);
        workers[i] = lookers[i].worker;
    }
    map_keeper_start(k, workers, WORKERS);
    return k;
}

static void finish(struct map_keeper **k)
{
    map_keeper_wait(*k);
    for (int i = 0; i < WORKERS; i++) {
        lookers[i].quit.run = run_quit;
        worker_post(lookers[i].worker, &lookers[i].quit);
    }
    for (int i = 0; i < WORKERS; i++)
        worker_wait(lookers[i].worker);
    for (int i = 0; i < WORKERS; i++)
        worker_join(&lookers[i].worker);
    map_keeper_free(k);
    assert_null(*k);
}

/* --- asking ----------------------------------------------------------------------------------- */

struct question {
    struct map_request request;
    struct message post;
    struct map_keeper *keeper;
    sem_t answered;
};

static void on_done(struct map_request *r)
{
    sem_post(&container_of(r, struct question, request)->answered);
}

static void run_ask(struct message *m, struct worker *w)
{
    struct question *q = container_of(m, struct question, post);

    q->request.worker = w;
    map_keeper_ask(q->keeper, &q->request);
}

static void ask(struct map_keeper *k, struct question *q, enum map_ask what)
{
    *q = (struct question){
        .request = {.ask = what, .done = on_done}, .post = {.run = run_ask}, .keeper = k};
    sem_init(&q->answered, 0, 0);
    worker_post(lookers[0].worker, &q->post);
}

static enum map_end answer(struct question *q)
{
    while (sem_wait(&q->answered) != 0)
        ;
    sem_destroy(&q->answered);
    return q->request.end;
}

static void many_reloads(void **state)
{
    struct map_status status;
    struct map_keeper *k;
    struct question q;

    (void)state;
    copy(DATABASE("city"));
    k = begin();
    ask(k, &q, MAP_RELOAD);
    (void)answer(&q);
    for (int i = 0; i < ROUNDS; i++) {
        copy(i % 2 == 0 ? DATABASE("city-next") : DATABASE("city"));
        ask(k, &q, MAP_RELOAD);
        assert_int_equal(answer(&q), MAP_TAKEN);
        map_keeper_status(k, &status);
        assert_int_equal(status.state, MAP_CURRENT);
        assert_int_equal(status.number, 2 + i + 1);
    }
    ask(k, &q, MAP_RELOAD);
    assert_int_equal(answer(&q), MAP_UNCHANGED);
    ask(k, &q, MAP_CHECK);
    assert_int_equal(answer(&q), MAP_UNCHANGED);
    assert_true(q.request.quality[0].v4_nearest_percent > 99.999);
    copy(DATABASE("city-moved"));
    ask(k, &q, MAP_RELOAD);
    assert_int_equal(answer(&q), MAP_REFUSED);
    assert_non_null(strstr(q.request.why.text, "50.0 %"));
    finish(&k);
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(lookers[i].sets, ROUNDS + 1);
        assert_true(lookers[i].looks > 0);
    }
}

/* At whatever point it is: what is asked is answered, and nothing is left behind. */
static void stopping_at_any_time(void **state)
{
    (void)state;
    copy(DATABASE("city"));
    for (unsigned us = 0; us < 40000; us += 2000) {
        struct map_keeper *k = begin();
        struct question q;

        ask(k, &q, MAP_RELOAD_FORCED);
        usleep(us);
        finish(&k);
        (void)answer(&q);
    }
}

static void kept_ones(void **state)
{
    struct map_keeper *k;
    struct map_status status;
    struct question q;
    uint64_t hash;

    (void)state;
    map_conf.cache = span_of(dir);
    copy(DATABASE("city"));
    k = begin();
    ask(k, &q, MAP_RELOAD);
    (void)answer(&q);
    map_keeper_status(k, &status);
    hash = status.facts[0].hash.lo;
    finish(&k);

    k = map_keeper_new(&keeper_conf);
    map_keeper_status(k, &status);
    assert_int_equal(status.state, MAP_CURRENT);
    assert_true(status.kept);
    assert_int_equal(status.facts[0].hash.lo, hash);
    assert_int_equal(find(map_keeper_first(k), 22).first, FRA);
    map_keeper_free(&k);

    /* Of other databases: used, and known to be so. */
    copy(DATABASE("city-next"));
    k = map_keeper_new(&keeper_conf);
    map_keeper_status(k, &status);
    assert_int_equal(status.state, MAP_COMPILING);
    assert_true(status.kept);
    assert_int_equal(find(map_keeper_first(k), 20).first, FRA);
    map_keeper_free(&k);

    /* Of other PoPs: not used. */
    pops[FRA].latitude += 1;
    k = map_keeper_new(&keeper_conf);
    map_keeper_status(k, &status);
    assert_false(status.kept);
    assert_int_equal(find(map_keeper_first(k), 22).first, IAD);
    map_keeper_free(&k);
    pops[FRA].latitude -= 1;
}

/* What selvagectl says without a director is what a director says. */
static void checked_without_one(void **state)
{
    struct geo_why why;
    json_t *o, *m;

    (void)state;
    copy(DATABASE("city"));
    o = map_check(&keeper_conf, &why);
    assert_non_null(o);
    m = json_array_get(json_object_get(o, "maps"), 0);
    assert_true(json_number_value(json_object_get(m, "v4_nearest_percent")) > 99.999);
    json_decref(o);
    copy(DATA_DIR "/mmdb/make");
    assert_null(map_check(&keeper_conf, &why));
    assert_non_null(strstr(why.text, "no database in MaxMind's format"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_reloads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopping_at_any_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kept_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(checked_without_one, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
