#include "cache/slab.h"

#include "base/check.h"
#include "base/list.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_ASAN 1
#endif
#endif

#ifdef SLAB_ASAN
#include <sanitizer/asan_interface.h>
#define slab_poison(p, n)   __asan_poison_memory_region(p, n)
#define slab_unpoison(p, n) __asan_unpoison_memory_region(p, n)
#else
#define slab_poison(p, n)   ((void)(p), (void)(n))
#define slab_unpoison(p, n) ((void)(p), (void)(n))
#endif

/*
 * Size classes: multiples of 16 up to 128; eight per doubling up to SLAB_PAGES_MIN; four per
 * doubling, whole pages, up to SLAB_PIECE_MAX.
 */
enum {
    LINEAR_CLASSES = 8, /* 16 .. 128 */
    FINE_FROM = 7,      /* log2 128 */
    FINE_TO = 14,       /* log2 SLAB_PAGES_MIN */
    FINE_CLASSES = 8 * (FINE_TO - FINE_FROM),
    PAGE_CLASSES = 4 * 2,
    CLASSES = LINEAR_CLASSES + FINE_CLASSES + PAGE_CLASSES,
    SLAB_BYTES_MIN = 256 << 10,
    SLAB_BYTES_MAX = 1 << 20,
    SLABS_WANTED = 1024,
    DRAIN_BATCH = 64,
};

/* An entry of `owners` is a piece's owner, or, with this bit, the number of the next free piece. */
#define OWNER_FREE (UINT64_C(1) << 63)
#define FREE_END   UINT32_MAX

/*
 * state          in which list         what holds
 * SLAB_FREE      slabs.free            no class, no pieces
 * SLAB_PARTIAL   slabs.partial[class]  in use, has free pieces
 * SLAB_FULL      none                  in use, has none
 * SLAB_DRAINING  none                  in use, gives no pieces, becomes free only by slabs_drain()
 */
enum slab_state { SLAB_FREE, SLAB_PARTIAL, SLAB_FULL, SLAB_DRAINING };

struct slab {
    struct list link;
    uint64_t *owners; /* one per piece; at the front of the slab, or in slabs.page_owners */
    uint32_t start;   /* of the first piece, from the front of the slab */
    uint32_t pieces;
    uint32_t used;
    uint32_t touched; /* pieces from here on were never in use since the slab got its class */
    uint32_t free_head;
    uint8_t cls;
    uint8_t state;
    bool stuck; /* was drained in vain, and nothing was freed since */
};

struct slabs {
    pthread_mutex_t lock;
    char *base; /* owns */
    int fd;     /* owns */
    uint32_t slab_bytes;
    uint32_t slab_shift;
    uint32_t slabs_n;
    struct slab *slab;     /* owns */
    uint64_t *page_owners; /* owns */
    struct list free;
    uint32_t free_n;
    struct list partial[CLASSES];
    uint32_t spare_pieces[CLASSES]; /* free ones in slabs in use */
    uint64_t side_bytes;
};

static unsigned class_of(size_t bytes)
{
    unsigned lg;

    if (bytes <= 128)
        return bytes == 0 ? 0 : (unsigned)(bytes - 1) / 16;
    lg = 63 - (unsigned)__builtin_clzll(bytes - 1);
    if (lg < FINE_TO)
        return LINEAR_CLASSES + (lg - FINE_FROM) * 8 +
               (unsigned)((bytes - 1 - ((size_t)1 << lg)) >> (lg - 3));
    return LINEAR_CLASSES + FINE_CLASSES + (lg - FINE_TO) * 4 +
           (unsigned)((bytes - 1 - ((size_t)1 << lg)) >> (lg - 2));
}

static uint32_t class_bytes(unsigned cls)
{
    unsigned lg, nth;

    if (cls < LINEAR_CLASSES)
        return (cls + 1) * 16;
    cls -= LINEAR_CLASSES;
    if (cls < FINE_CLASSES) {
        lg = FINE_FROM + cls / 8;
        nth = cls % 8;
        return (1u << lg) + (nth + 1) * (1u << (lg - 3));
    }
    cls -= FINE_CLASSES;
    lg = FINE_TO + cls / 4;
    nth = cls % 4;
    return (1u << lg) + (nth + 1) * (1u << (lg - 2));
}

size_t slab_piece_bytes(size_t bytes)
{
    check(bytes <= SLAB_PIECE_MAX);
    return class_bytes(class_of(bytes));
}

static uint32_t page_pieces_max(const struct slabs *s)
{
    return s->slab_bytes / SLAB_PAGES_MIN;
}

static char *slab_front(const struct slabs *s, const struct slab *b)
{
    return s->base + ((uint64_t)(b - s->slab) << s->slab_shift);
}

struct slabs *slabs_new(uint64_t bytes)
{
    struct slabs *s = xcalloc(1, sizeof(*s));
    uint64_t per_slab;
    int err;

    s->slab_bytes = SLAB_BYTES_MAX;
    while (s->slab_bytes > SLAB_BYTES_MIN && bytes / s->slab_bytes < SLABS_WANTED)
        s->slab_bytes /= 2;
    s->slab_shift = (uint32_t)__builtin_ctz(s->slab_bytes);
    per_slab = sizeof(struct slab) + page_pieces_max(s) * sizeof(uint64_t);
    s->slabs_n = (uint32_t)(bytes / (s->slab_bytes + per_slab));
    s->side_bytes = per_slab * s->slabs_n;
    s->fd = memfd_create("selvage-cache", MFD_CLOEXEC);
    if (s->fd < 0)
        goto fail;
    if (ftruncate(s->fd, (off_t)((uint64_t)s->slabs_n << s->slab_shift)) != 0)
        goto fail;
    s->base = mmap(NULL, (size_t)s->slabs_n << s->slab_shift, PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_NORESERVE, s->fd, 0);
    if (s->base == MAP_FAILED)
        goto fail;
    /* A hole in a huge page that a socket still holds would be zeroed under its hands: punching
     * must find small ones, whatever the machine gives to shared memory by default. */
    (void)madvise(s->base, (size_t)s->slabs_n << s->slab_shift, MADV_NOHUGEPAGE);
    slab_poison(s->base, (size_t)s->slabs_n << s->slab_shift);

    pthread_mutex_init(&s->lock, NULL);
    s->slab = xcalloc(s->slabs_n, sizeof(*s->slab));
    s->page_owners = xcalloc((unsigned long)s->slabs_n * page_pieces_max(s), sizeof(uint64_t));
    list_init(&s->free);
    for (unsigned i = 0; i < CLASSES; i++)
        list_init(&s->partial[i]);
    for (uint32_t i = 0; i < s->slabs_n; i++)
        list_append(&s->free, &s->slab[i].link);
    s->free_n = s->slabs_n;
    return s;
fail:
    err = errno;
    if (s->fd >= 0)
        close(s->fd);
    free(s);
    errno = err;
    return NULL;
}

void slabs_free(struct slabs **sp)
{
    struct slabs *s = *sp;
    size_t bytes = (size_t)s->slabs_n << s->slab_shift;

    slab_unpoison(s->base, bytes);
    munmap(s->base, bytes);
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
    free(s->slab);
    free(s->page_owners);
    free(s);
    *sp = NULL;
}

/* --- a slab's life, under the lock ------------------------------------------------------------ */

static void slab_give_class(struct slabs *s, struct slab *b, unsigned cls)
{
    uint32_t bytes = class_bytes(cls);

    b->cls = (uint8_t)cls;
    if (bytes >= SLAB_PAGES_MIN) {
        b->start = 0;
        b->pieces = s->slab_bytes / bytes;
        b->owners = s->page_owners + (uint64_t)(b - s->slab) * page_pieces_max(s);
    } else {
        b->pieces = s->slab_bytes / (bytes + (uint32_t)sizeof(uint64_t));
        b->start = (b->pieces * (uint32_t)sizeof(uint64_t) + 63) & ~63u;
        while (b->start + (uint64_t)b->pieces * bytes > s->slab_bytes)
            b->pieces--;
        b->owners = (uint64_t *)(void *)slab_front(s, b);
        slab_unpoison(b->owners, b->start);
    }
    b->used = b->touched = 0;
    b->free_head = FREE_END;
    b->stuck = false;
    b->state = SLAB_PARTIAL;
    list_push(&s->partial[cls], &b->link);
    s->spare_pieces[cls] += b->pieces;
}

static void slab_give_back(struct slabs *s, struct slab *b)
{
    s->spare_pieces[b->cls] -= b->pieces;
    slab_poison(slab_front(s, b), s->slab_bytes);
    list_remove(&b->link);
    b->state = SLAB_FREE;
    list_push(&s->free, &b->link);
    s->free_n++;
}

static uint32_t slab_take_piece(struct slabs *s, struct slab *b, uint64_t owner)
{
    uint32_t i = b->free_head;

    if (i != FREE_END)
        b->free_head = (uint32_t)b->owners[i];
    else
        i = b->touched++;
    b->owners[i] = owner & SLAB_OWNER_MASK;
    s->spare_pieces[b->cls]--;
    if (++b->used == b->pieces) {
        list_remove(&b->link);
        b->state = SLAB_FULL;
    }
    return i;
}

/* --- pieces ----------------------------------------------------------------------------------- */

/* A slab with a free piece of that class, perhaps one that was free; or NULL. */
static struct slab *slab_for(struct slabs *s, unsigned cls)
{
    struct list *node;

    if (list_empty(&s->partial[cls])) {
        node = list_pop(&s->free);
        if (node == NULL)
            return NULL;
        s->free_n--;
        slab_give_class(s, list_entry(node, struct slab, link), cls);
    }
    return list_entry(s->partial[cls].next, struct slab, link);
}

void *slab_alloc(struct slabs *s, size_t bytes, uint64_t owner)
{
    unsigned cls = class_of(bytes);
    struct slab *b;
    char *p = NULL;

    check(bytes <= SLAB_PIECE_MAX);
    pthread_mutex_lock(&s->lock);
    b = slab_for(s, cls);
    if (b != NULL)
        p = slab_front(s, b) + b->start + (uint64_t)slab_take_piece(s, b, owner) * class_bytes(cls);
    pthread_mutex_unlock(&s->lock);
    if (p != NULL)
        slab_unpoison(p, bytes);
    return p;
}

static void slab_punch(struct slabs *s, struct slab *b, const char *p)
{
    int rc;

    /* The class cannot change while one of its pieces is in use: no lock. */
    check(class_bytes(b->cls) >= SLAB_PAGES_MIN);
    do
        rc = fallocate(
            s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, p - s->base, class_bytes(b->cls));
    while (rc != 0 && errno == EINTR);
    check(rc == 0); /* tmpfs has known holes since Linux 3.5 */
}

void slab_free(struct slabs *s, void *piece, bool punch)
{
    uint64_t at = (uint64_t)((char *)piece - s->base);
    struct slab *b = &s->slab[at >> s->slab_shift];
    uint32_t bytes = class_bytes(b->cls);
    uint32_t i = (uint32_t)((at & (s->slab_bytes - 1)) - b->start) / bytes;

    if (punch)
        slab_punch(s, b, piece);
    slab_poison(piece, bytes);
    pthread_mutex_lock(&s->lock);
    check((b->owners[i] & OWNER_FREE) == 0 && b->used > 0);
    b->owners[i] = OWNER_FREE | b->free_head;
    b->free_head = i;
    b->used--;
    b->stuck = false;
    s->spare_pieces[b->cls]++;
    if (b->state == SLAB_FULL) {
        b->state = SLAB_PARTIAL;
        list_append(&s->partial[b->cls], &b->link);
    }
    if (b->used == 0 && b->state == SLAB_PARTIAL)
        slab_give_back(s, b);
    pthread_mutex_unlock(&s->lock);
}

void slab_own(struct slabs *s, void *piece, uint64_t owner)
{
    uint64_t at = (uint64_t)((char *)piece - s->base);
    struct slab *b = &s->slab[at >> s->slab_shift];
    uint32_t i = (uint32_t)((at & (s->slab_bytes - 1)) - b->start) / class_bytes(b->cls);

    pthread_mutex_lock(&s->lock);
    check((b->owners[i] & OWNER_FREE) == 0);
    b->owners[i] = owner & SLAB_OWNER_MASK;
    pthread_mutex_unlock(&s->lock);
}

/* --- draining --------------------------------------------------------------------------------- */

/* Of the class with the most slabs' worth of free pieces, if any has one: the emptiest. */
static struct slab *surplus_choose(struct slabs *s)
{
    struct slab *best = NULL;
    uint32_t most = 0;
    unsigned from = CLASSES;

    for (unsigned cls = 0; cls < CLASSES; cls++) {
        uint32_t surplus =
            (uint32_t)(s->spare_pieces[cls] * (uint64_t)class_bytes(cls) >> s->slab_shift);

        if (surplus > most) {
            most = surplus;
            from = cls;
        }
    }
    if (from == CLASSES)
        return NULL;
    list_each (it, &s->partial[from]) {
        struct slab *b = list_entry(it, struct slab, link);

        if (!b->stuck && (best == NULL || b->used < best->used))
            best = b;
    }
    return best;
}

static struct slab *least_choose(struct slabs *s)
{
    struct slab *best = NULL;
    uint64_t best_bytes = UINT64_MAX;

    for (struct slab *b = s->slab; b < s->slab + s->slabs_n; b++) {
        uint64_t bytes = (uint64_t)b->used * class_bytes(b->cls);

        if (b->state == SLAB_FREE || b->state == SLAB_DRAINING || b->stuck)
            continue;
        if (bytes < best_bytes) {
            best = b;
            best_bytes = bytes;
        }
    }
    return best;
}

/* Copies owners of pieces in use from piece *at on; 0 when there are no more. */
static unsigned drain_owners(const struct slab *b, uint32_t *at, uint64_t *owners)
{
    unsigned n = 0;

    for (; *at < b->touched && n < DRAIN_BATCH; (*at)++)
        if ((b->owners[*at] & OWNER_FREE) == 0)
            owners[n++] = b->owners[*at];
    return n;
}

bool slabs_drain(
    struct slabs *s, enum slabs_which which, void (*vacate)(void *ctx, uint64_t owner), void *ctx)
{
    uint64_t owners[DRAIN_BATCH];
    struct slab *b;
    uint32_t at = 0;
    unsigned n;
    bool emptied;

    pthread_mutex_lock(&s->lock);
    b = which == SLABS_SPARE ? surplus_choose(s) : least_choose(s);
    if (b == NULL) {
        pthread_mutex_unlock(&s->lock);
        return false;
    }
    list_remove(&b->link);
    b->state = SLAB_DRAINING;
    while ((n = drain_owners(b, &at, owners)) > 0) {
        pthread_mutex_unlock(&s->lock);
        for (unsigned i = 0; i < n; i++)
            vacate(ctx, owners[i]);
        pthread_mutex_lock(&s->lock);
    }
    emptied = b->used == 0;
    if (emptied) {
        slab_give_back(s, b);
    } else {
        b->stuck = true;
        b->state = b->used == b->pieces ? SLAB_FULL : SLAB_PARTIAL;
        if (b->state == SLAB_PARTIAL)
            list_append(&s->partial[b->cls], &b->link);
    }
    pthread_mutex_unlock(&s->lock);
    return emptied;
}

bool slab_is_drained(struct slabs *s, const void *piece)
{
    bool is;

    pthread_mutex_lock(&s->lock);
    is = s->slab[slab_offset(s, piece) >> s->slab_shift].state == SLAB_DRAINING;
    pthread_mutex_unlock(&s->lock);
    return is;
}

/* --- what is there ---------------------------------------------------------------------------- */

static uint64_t spare_bytes(const struct slabs *s)
{
    uint64_t bytes = 0;

    for (unsigned cls = 0; cls < CLASSES; cls++)
        bytes += (uint64_t)s->spare_pieces[cls] * class_bytes(cls);
    return bytes;
}

void slabs_usage(struct slabs *s, struct slabs_usage *out)
{
    pthread_mutex_lock(&s->lock);
    out->arena_bytes = (uint64_t)s->slabs_n << s->slab_shift;
    out->total_bytes = out->arena_bytes + s->side_bytes;
    out->free_bytes = (uint64_t)s->free_n << s->slab_shift;
    out->spare_bytes = spare_bytes(s);
    pthread_mutex_unlock(&s->lock);
}

int slabs_fd(const struct slabs *s)
{
    return s->fd;
}

int64_t slab_offset(const struct slabs *s, const void *p)
{
    return (const char *)p - s->base;
}
