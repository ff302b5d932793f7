#include "net/tls_keylog.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int file = -1; /* until the process ends */

static void open_file(void)
{
    const char *path = secure_getenv("SSLKEYLOGFILE");

    if (path == NULL || path[0] == '\0')
        return;
    file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
    if (file < 0)
        log_msg(LOG_ERROR, "SSLKEYLOGFILE: cannot open %s: %s", path, strerror(errno));
    else
        log_msg(
            LOG_WARN, "SSLKEYLOGFILE: the secrets of all TLS connections are written to %s", path);
}

static void write_line(const SSL *ssl, const char *line)
{
    struct iovec v[] = {{(void *)(uintptr_t)line, strlen(line)}, {(void *)(uintptr_t) "\n", 1}};

    (void)ssl;
    (void)!writev(file, v, 2);
}

void tls_keylog_attach(SSL_CTX *ctx)
{
    pthread_once(&once, open_file);
    if (file >= 0)
        SSL_CTX_set_keylog_callback(ctx, write_line);
}
