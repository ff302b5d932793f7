/*
 * dns_echo.c - the least that a server of datagrams can do: takes batches and sends each datagram
 * back, marked as a response. What a DNS server needs beyond that is its own; bench/dns measures it
 * beside.
 *
 *   bench/dns_echo PORT
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, BYTES = 2048 };

static struct mmsghdr messages[BATCH];
static struct iovec vectors[BATCH];
static struct sockaddr_in peers[BATCH];
static uint8_t bytes[BATCH][BYTES + 64];

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), queue = 4 << 20;

    if (argc != 2 || fd < 0)
        return 2;
    at.sin_port = htons((uint16_t)atoi(argv[1]));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof(queue));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
        perror("dns_echo: bind");
        return 1;
    }
    for (int i = 0; i < BATCH; i++)
        messages[i].msg_hdr =
            (struct msghdr){.msg_name = &peers[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
    for (;;) {
        int n;

        for (int i = 0; i < BATCH; i++) {
            vectors[i] = (struct iovec){bytes[i], BYTES};
            messages[i].msg_hdr.msg_namelen = sizeof(peers[i]);
        }
        n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < n; i++) {
            vectors[i].iov_len = messages[i].msg_len;
            bytes[i][2] |= 0x80;
        }
        if (n > 0)
            (void)!sendmmsg(fd, messages, (unsigned)n, 0);
    }
}
