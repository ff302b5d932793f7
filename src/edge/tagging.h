/*
 * tagging.h - what a response that a filler gets may be purged by: its labels out of its head,
 * before the fields that only caches need are taken out of it.
 */
#ifndef EDGE_TAGGING_H
#define EDGE_TAGGING_H

#include "cache/label.h"
#include "http/message.h"

struct filler;

/*
 * The labels of `head`, in the filler's arena, and takes its tags out of it unless clients are to
 * have them. Tags that are over a limit are counted and logged. Once for each head that is stored.
 */
struct object_labels tagging_take(struct filler *f, struct http_response *head);
/* For what is not stored. */
void tagging_strip(const struct filler *f, struct http_response *head);
/* The labels of what has no tags: site and birth. */
struct object_labels tagging_plain(const struct filler *f);

#endif
