/*
 * list.h - an intrusive, circular, doubly linked list. The head is a node that holds nothing.
 *
 * A node that is in no list points to itself after list_init() or list_remove(), so removing
 * twice is harmless. No thread safety of its own.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_insert_between(struct list *n, struct list *prev, struct list *next)
{
    n->prev = prev;
    n->next = next;
    prev->next = n;
    next->prev = n;
}

/* At the front and at the back. */
static inline void list_push(struct list *head, struct list *n)
{
    list_insert_between(n, head, head->next);
}

static inline void list_append(struct list *head, struct list *n)
{
    list_insert_between(n, head->prev, head);
}

static inline void list_remove(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

/* Puts `n` where `old` is, which is in no list any more, and may be a bytewise copy of it. */
static inline void list_take_place(struct list *n, struct list *old)
{
    list_insert_between(n, old->prev, old->next);
    list_init(old);
}

/* Takes the first node off, or NULL. */
static inline struct list *list_pop(struct list *head)
{
    struct list *n = head->next;

    if (n == head)
        return NULL;
    list_remove(n);
    return n;
}

#define list_entry(node, type, member) container_of(node, type, member)

#define list_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)

/* The same, and the body may remove `it`. */
#define list_each_safe(it, head)                                                                   \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

#endif
