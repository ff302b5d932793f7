#include "base/log.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/sink.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, RING_BYTES = 64 * 1024 };

static const char *const level_names[] = {"error", "warn", "notice", "info", "debug"};
static _Atomic int level_now = LOG_INFO;
static struct sink *sink;
static pthread_once_t sink_once = PTHREAD_ONCE_INIT;

static void open_stderr(void)
{
    if (sink == NULL)
        sink = sink_open(NULL, RING_BYTES, NULL);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

bool log_wants(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

bool log_open(const char *path)
{
    struct sink *s = sink_open(path, RING_BYTES, NULL);

    if (s == NULL)
        return false;
    sink_close(&sink);
    sink = s;
    return true;
}

bool log_reopen(void)
{
    return sink == NULL || sink_reopen(sink);
}

void log_close(void)
{
    sink_close(&sink);
}

static size_t put_time(char *dst, size_t cap)
{
    wall_ms now = clock_wall_ms();
    time_t s = (time_t)(now / 1000);
    struct tm tm;
    size_t n;

    gmtime_r(&s, &tm);
    n = strftime(dst, cap, "%Y-%m-%dT%H:%M:%S", &tm);
    return n + (size_t)snprintf(dst + n, cap - n, ".%03dZ ", (int)(now % 1000));
}

/* Copies text so that it stays one printable line. */
static size_t put_clean(char *dst, size_t cap, const char *text)
{
    size_t n = 0;

    for (; *text != '\0' && n + 5 < cap; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x20 && c < 0x7f)
            dst[n++] = (char)c;
        else
            n += (size_t)snprintf(dst + n, cap - n, "\\x%02x", c);
    }
    return n;
}

static void log_v(enum log_level level, const char *fmt, va_list ap)
{
    char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
    size_t n;

    pthread_once(&sink_once, open_stderr);
    vsnprintf(text, sizeof(text), fmt, ap);
    n = put_time(line, sizeof(line));
    n += (size_t)snprintf(line + n, sizeof(line) - n, "%s ", level_names[level]);
    n += put_clean(line + n, sizeof(line) - n - 1, text);
    line[n++] = '\n';
    if (sink != NULL)
        sink_put(sink, span_make(line, n));
    else
        (void)!write(STDERR_FILENO, line, n); /* after log_close() */
}

void log_msg(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    if (!log_wants(level))
        return;
    va_start(ap, fmt);
    log_v(level, fmt, ap);
    va_end(ap);
}

void log_peer(const char *fmt, ...)
{
    static _Atomic int64_t second;
    static _Atomic unsigned lines, left_out;
    int64_t now = clock_mono_ms() / 1000, was = atomic_load(&second);
    va_list ap;

    if (!log_wants(LOG_INFO))
        return;
    if (now != was && atomic_compare_exchange_strong(&second, &was, now)) {
        unsigned missed = atomic_exchange(&left_out, 0);

        atomic_store(&lines, 0);
        if (missed > 0)
            log_msg(LOG_INFO, "left out %u similar lines about peers", missed);
    }
    if (atomic_fetch_add(&lines, 1) >= LOG_PEER_PER_S) {
        atomic_fetch_add(&left_out, 1);
        return;
    }
    va_start(ap, fmt);
    log_v(LOG_INFO, fmt, ap);
    va_end(ap);
}
