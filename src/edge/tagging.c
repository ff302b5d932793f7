#include "edge/tagging.h"

#include "base/counters.h"
#include "base/log.h"
#include "cache/tags.h"
#include "edge/filler_impl.h"

struct object_labels tagging_plain(const struct filler *f)
{
    return (struct object_labels){.born = f->born, .site = f->site->name};
}

void tagging_strip(const struct filler *f, struct http_response *head)
{
    if (!f->policy->show_tags)
        tags_strip(&head->fields);
}

struct object_labels tagging_take(struct filler *f, struct http_response *head)
{
    struct object_labels labels = tagging_plain(f);
    struct tags *tags = arena_alloc(&f->arena, sizeof(*tags));

    *tags = tags_of(&head->fields, (unsigned)f->policy->tags_max, &f->arena);
    labels.tags = tags;
    if (tags->dropped > 0) {
        count_add(C_TAGS_DROPPED, tags->dropped);
        log_peer("origin %.*s: %.*s%.*s has %u tags that are too long or too many; it cannot be "
                 "purged by these",
            SPAN_ARG(f->policy->origin_name), SPAN_ARG(f->from.host), SPAN_ARG(f->target),
            tags->dropped);
    }
    tagging_strip(f, head);
    return labels;
}
