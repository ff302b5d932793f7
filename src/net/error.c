#include "net/error.h"

#include <errno.h>
#include <string.h>

const char *net_error_text(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "connection refused";
    case ECONNRESET:
        return "connection reset by the peer";
    case EPIPE:
        return "the peer has closed the connection";
    case ETIMEDOUT:
        return "no answer in time";
    case ENETUNREACH:
        return "network unreachable";
    case EHOSTUNREACH:
        return "host unreachable";
    case EADDRINUSE:
        return "address already in use";
    case EADDRNOTAVAIL:
        return "this machine does not have that address";
    case EACCES:
    case EPERM:
        return "permission denied";
    case ENOENT:
        return "no such file or directory";
    case EAFNOSUPPORT:
        return "the system does not support that kind of address";
    case EMFILE:
        return "too many open files in this process";
    case ENFILE:
        return "too many open files in the system";
    case ENODATA:
        return "the file has become shorter";
    default:
        return strerror(error);
    }
}
