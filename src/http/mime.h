/*
 * mime.h - content types by file name extension, for directories as origins. The list is mime.tbl.
 */
#ifndef HTTP_MIME_H
#define HTTP_MIME_H

#include "base/span.h"

/* By the extension of the last segment, in any case; text types say charset=utf-8.
 * "application/octet-stream" when it has none that we know. */
struct span mime_of_path(struct span path);

#endif
