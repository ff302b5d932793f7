/*
 * h1_write.h - heads of HTTP/1 messages: structs to bytes.
 *
 * A head is built anew from the struct. Content-Length, Transfer-Encoding, Connection, Keep-Alive
 * and Proxy-Connection in `fields` are left out; framing is written from `body`,
 * `content_length` and `keep_alive`, so it always agrees with what will follow. Everything written
 * is checked to hold no CR, LF or NUL: what came from strangers was refused when it was parsed, so
 * finding one here is our bug. False: the buffer's limit (or memory) does not allow; what was
 * appended so far is then to be thrown away.
 */
#ifndef HTTP_H1_WRITE_H
#define HTTP_H1_WRITE_H

#include "base/attrs.h"
#include "base/buf.h"
#include "http/message.h"

/*
 * method_text SP target SP HTTP/1.1, Host first (from `authority`, or from fields when that is
 * empty), then the other fields, then framing. `target` is written as it is: the caller sets it
 * to origin-form. keep_alive false adds "Connection: close", `upgrade` asks for that protocol.
 * `fields` must then have no Upgrade of their own. POST, PUT and PATCH without a body get
 * "Content-Length: 0" (RFC 9110 §8.6).
 */
MUST_USE bool h1_request_write(struct buf *b, const struct http_request *req);

/*
 * HTTP/1.1 SP status SP reason (the registered phrase when empty), fields, framing. `client_minor`
 * is that of the request: an HTTP/1.0 client is told "keep-alive" explicitly. Must not be
 * BODY_CHUNKED towards HTTP/1.0, nor keep_alive with BODY_UNTIL_CLOSE. 1xx and 204 get no framing;
 * BODY_NONE with has_content_length (HEAD, 304) says the length.
 */
MUST_USE bool h1_response_write(struct buf *b, const struct http_response *resp, int client_minor);

/* The pieces, for heads that are not in a struct http_response. */
MUST_USE bool h1_status_write(struct buf *b, int status, struct span reason);
MUST_USE bool h1_field_write(struct buf *b, struct span name, struct span value);
/* Framing and Connection fields as above, and the empty line. */
MUST_USE bool h1_response_end(struct buf *b, const struct http_response *framing, int client_minor);

#endif
