/*
 * hop.h - what is meant for one connection only does not travel (RFC 9110 §7.6.1).
 */
#ifndef HTTP_HOP_H
#define HTTP_HOP_H

#include "http/fields.h"

/*
 * Removes the fields that fields.tbl marks as hop-by-hop, and those that Connection lists, except
 * for names that we know to be end-to-end: nobody lists away Host, Content-Length, Cache-Control,
 * Authorization, Via, X-Forwarded-* and the like. h1_parse bounds the number of listed names.
 */
void hop_remove(struct fields *f);

#endif
