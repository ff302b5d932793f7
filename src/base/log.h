/*
 * log.h - the error log: who, what happened, what we did.
 *
 *   2026-11-21T12:00:00.123Z warn origin app: connect timeout after 2000 ms, trying 192.0.2.7
 *
 * One line per event, logged once by whoever decides what happens. Bytes outside printable ASCII
 * are written as \xHH, so a stranger's text cannot forge a line. Any thread; never blocks (see
 * sink.h). A peer's mistakes go through log_peer(), which limits the rate and says how many
 * lines it left out.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/attrs.h"

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/* Lines below `level` are not written from now on. The default is LOG_INFO. */
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);

/* Sends the log to a file instead of standard error. False with errno set. main() only. */
MUST_USE bool log_open(const char *path);
/* After rotation; see sink_reopen(). */
bool log_reopen(void);
/* What is logged afterwards goes to standard error. main() only. */
void log_close(void);

/* `fmt` without a newline. Lines are cut at 2 KiB. */
void log_msg(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

/* The same at LOG_INFO for what a peer got wrong: at most LOG_PEER_PER_S lines a second. */
enum { LOG_PEER_PER_S = 20 };
void log_peer(const char *fmt, ...) PRINTF(1, 2);

#endif
