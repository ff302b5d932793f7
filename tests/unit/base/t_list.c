/* Rings of nodes, and a walk whose body takes them out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/list.h"

struct item {
    int n;
    struct list node;
};

/* The numbers in the list, as the digits of one number; the way back must give the same. */
static int digits(struct list *head)
{
    int forth = 0, back = 0, factor = 1;

    list_each (it, head)
        forth = forth * 10 + list_entry(it, struct item, node)->n;
    for (struct list *it = head->prev; it != head; it = it->prev, factor *= 10)
        back += list_entry(it, struct item, node)->n * factor;
    assert_int_equal(forth, back);
    return forth;
}

static void order(void **state)
{
    struct item a = {.n = 1}, b = {.n = 2}, c = {.n = 3};
    struct list head;

    (void)state;
    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_pop(&head));
    list_append(&head, &a.node);
    list_append(&head, &b.node);
    list_push(&head, &c.node);
    assert_int_equal(digits(&head), 312);
    list_remove(&a.node);
    assert_int_equal(digits(&head), 32);
    list_remove(&a.node); /* harmless */
    assert_true(list_empty(&a.node));
    assert_int_equal(digits(&head), 32);
    list_append(&head, &a.node);
    assert_int_equal(digits(&head), 321);
    assert_ptr_equal(list_entry(list_pop(&head), struct item, node), &c);
    assert_ptr_equal(list_pop(&head), &b.node);
    assert_ptr_equal(list_pop(&head), &a.node);
    assert_true(list_empty(&head));
}

static void walk_that_removes(void **state)
{
    struct item v[9];
    struct list head;
    int seen = 0;

    (void)state;
    list_init(&head);
    for (int i = 0; i < 9; i++) {
        v[i].n = i + 1;
        list_append(&head, &v[i].node);
    }
    list_each_safe (it, &head) {
        seen++;
        if (list_entry(it, struct item, node)->n % 2 == 0)
            list_remove(it);
    }
    assert_int_equal(seen, 9);
    assert_int_equal(digits(&head), 13579);
    list_each_safe (it, &head)
        list_remove(it);
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),
        cmocka_unit_test(walk_that_removes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
