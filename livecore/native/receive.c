#define _GNU_SOURCE
#include "helper.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#ifndef SCM_TIMESTAMPNS
#define SCM_TIMESTAMPNS 35
#endif
#define RTPFB 205
#define TRANSPORT_FEEDBACK 15

/* An address and a port; IPv4 as its mapped IPv6. `peer` NULL: an empty place. */
typedef struct {
    uint64_t high, low;
    uint32_t port;
    lc_teller *peer;
} place;

struct lc_tellers {
    uint32_t room, count; /* `room` is a power of two, half of it is never used */
    place places[];
};

static inline uint32_t get16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

/* False for what is neither IPv4 nor IPv6. */
static int place_of(const uint8_t *address, uint32_t bytes, place *out) {
    uint16_t family;
    if (bytes < sizeof family)
        return 0;
    memcpy(&family, address, sizeof family);
    if (family == AF_INET && bytes >= 8) {
        uint8_t mapped[8] = {0, 0, 0xFF, 0xFF};
        memcpy(mapped + 4, address + 4, 4);
        out->high = 0;
        memcpy(&out->low, mapped, sizeof mapped);
    } else if (family == AF_INET6 && bytes >= 24) {
        memcpy(&out->high, address + 8, 8);
        memcpy(&out->low, address + 16, 8);
    } else {
        return 0;
    }
    out->port = get16(address + 2);
    return 1;
}

static inline uint32_t home_of(const lc_tellers *table, const place *p) {
    uint64_t mixed = (p->high ^ (p->low * 0x9E3779B97F4A7C15u) ^ ((uint64_t)p->port << 40)) * 0xD6E8FEB86659FD93u;
    return (uint32_t)(mixed >> 32 ^ mixed) & (table->room - 1);
}

static inline int same(const place *a, const place *b) { return a->high == b->high && a->low == b->low && a->port == b->port; }

/* Where it stands, or the empty place where it would. */
static uint32_t find(const lc_tellers *table, const place *p) {
    uint32_t at = home_of(table, p);
    while (table->places[at].peer && !same(&table->places[at], p))
        at = (at + 1) & (table->room - 1);
    return at;
}

lc_tellers *lc_tellers_new(uint32_t limit) {
    uint32_t room = 16;
    while (room < 2 * limit && room < 1u << 24)
        room *= 2;
    lc_tellers *table = calloc(1, sizeof *table + room * sizeof(place));
    if (table)
        table->room = room;
    return table;
}

void lc_tellers_free(lc_tellers *table) { free(table); }

int lc_tellers_put(lc_tellers *table, const uint8_t *address, uint32_t bytes, lc_teller *peer) {
    place p;
    if (!place_of(address, bytes, &p))
        return 0;
    uint32_t at = find(table, &p);
    if (!table->places[at].peer) {
        if (2 * (table->count + 1) > table->room)
            return 0;
        table->count++;
    }
    p.peer = peer;
    table->places[at] = p;
    return 1;
}

void lc_tellers_remove(lc_tellers *table, const uint8_t *address, uint32_t bytes) {
    place p;
    if (!place_of(address, bytes, &p))
        return;
    uint32_t hole = find(table, &p), mask = table->room - 1;
    if (!table->places[hole].peer)
        return;
    table->count--;
    /* Whoever stands behind the hole and would be looked for from before it moves up. */
    for (uint32_t at = (hole + 1) & mask; table->places[at].peer; at = (at + 1) & mask) {
        uint32_t home = home_of(table, &table->places[at]);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->places[hole] = table->places[at];
            hole = at;
        }
    }
    table->places[hole].peer = NULL;
}

int lc_parse_feedback(const uint8_t *packet, uint32_t size, int64_t *arrivals, uint32_t *base) {
    if (size < 20 || packet[0] >> 6 != 2 || (packet[0] & 31) != TRANSPORT_FEEDBACK || packet[1] != RTPFB)
        return -1;
    if (4 + 4 * get16(packet + 2) != size)
        return -1;
    uint32_t end = size;
    if (packet[0] & 0x20) {
        uint32_t padding = packet[size - 1];
        if (!padding || padding > size - 20)
            return -1;
        end -= padding;
    }
    uint32_t count = get16(packet + 14), position = 20, known = 0;
    uint8_t symbols[LC_FEEDBACK_LIMIT + 14];
    *base = get16(packet + 12);
    if (count > LC_FEEDBACK_LIMIT)
        return -1;
    while (known < count) {
        if (position + 2 > end)
            return -1;
        uint32_t chunk = get16(packet + position);
        position += 2;
        if (!(chunk & 0x8000)) {
            uint32_t run = chunk & 0x1FFF;
            if (run > count - known)
                run = count - known;
            memset(symbols + known, (int)(chunk >> 13), run);
            known += run;
        } else if (chunk & 0x4000) {
            for (int shift = 12; shift >= 0; shift -= 2)
                symbols[known++] = chunk >> shift & 3;
        } else {
            for (int shift = 13; shift >= 0; shift--)
                symbols[known++] = chunk >> shift & 1;
        }
    }
    int64_t quarters = (int64_t)packet[16] << 16 | get16(packet + 17);
    if (quarters & 0x800000)
        quarters -= 1 << 24;
    quarters *= 256;
    for (uint32_t i = 0; i < count; i++) {
        switch (symbols[i]) {
        case 0:
            arrivals[i] = LC_LOST;
            continue;
        case 1:
            if (position + 1 > end)
                return -1;
            quarters += packet[position++];
            break;
        case 2:
            if (position + 2 > end)
                return -1;
            quarters += (int16_t)get16(packet + position);
            position += 2;
            break;
        default:
            return -1;
        }
        arrivals[i] = quarters * 250;
    }
    return (int)count;
}

/* Opens one peer's SRTCP in place, and takes it in where it is feedback and nothing else. Returns what is left to Python. */
static int hear(lc_inbox *inbox, lc_teller *peer, uint8_t *data, lc_datagram *one, double now) {
    int length = (int)one->bytes;
    one->peer = peer->number;
    one->status = inbox->unprotect_rtcp(peer->session, data, &length);
    if (one->status)
        return LC_REFUSED;
    one->bytes = (uint32_t)length;
    uint32_t base;
    int count = lc_parse_feedback(data, one->bytes, inbox->arrivals, &base);
    if (count < 0)
        return LC_OPENED;
    int64_t before = lc_estimate_bps(peer->estimate);
    lc_estimate_feedback(peer->estimate, base, inbox->arrivals, (uint32_t)count, now);
    return lc_estimate_messages(peer->estimate) > 1 && lc_estimate_bps(peer->estimate) == before ? LC_HEARD : LC_ESTIMATED;
}

int lc_receive(lc_inbox *inbox, int fd, double now, double offset) {
    struct mmsghdr messages[LC_DATAGRAMS];
    struct iovec parts[LC_DATAGRAMS];
    union {
        char bytes[CMSG_SPACE(sizeof(struct timespec)) + 64];
        struct cmsghdr aligned;
    } controls[LC_DATAGRAMS];
    memset(messages, 0, sizeof messages);
    for (uint32_t i = 0; i < LC_DATAGRAMS; i++) {
        parts[i].iov_base = inbox->arena + i * LC_DATAGRAM_BYTES;
        parts[i].iov_len = LC_DATAGRAM_BYTES;
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = inbox->datagrams[i].source;
        messages[i].msg_hdr.msg_namelen = sizeof inbox->datagrams[i].source;
        messages[i].msg_hdr.msg_control = &controls[i];
        messages[i].msg_hdr.msg_controllen = sizeof controls[i];
    }
    inbox->taken = inbox->heard = inbox->count = 0;
    int taken = recvmmsg(fd, messages, LC_DATAGRAMS, MSG_DONTWAIT, NULL);
    if (taken < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    inbox->taken = (uint32_t)taken;
    for (int i = 0; i < taken; i++) {
        lc_datagram one = {0};
        uint8_t *data = parts[i].iov_base;
        place from;
        one.bytes = messages[i].msg_len;
        one.offset = (uint32_t)i * LC_DATAGRAM_BYTES;
        one.source_bytes = messages[i].msg_hdr.msg_namelen;
        if (one.source_bytes > sizeof one.source)
            one.source_bytes = sizeof one.source;
        memcpy(one.source, inbox->datagrams[i].source, sizeof one.source);
        one.at = now;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&messages[i].msg_hdr); c; c = CMSG_NXTHDR(&messages[i].msg_hdr, c)) {
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
                struct timespec stamp;
                memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
                one.at = (double)stamp.tv_sec + (double)stamp.tv_nsec * 1e-9 + offset;
            }
        }
        one.kind = messages[i].msg_hdr.msg_flags & MSG_TRUNC ? LC_OVERSIZED : LC_RAW;
        /* SRTCP of a peer whose feedback is taken in here (RFC 7983, 5761). Room for nothing: opening only shortens. */
        if (one.kind == LC_RAW && one.bytes >= 12 && data[0] > 127 && data[0] < 192 && data[1] >= 192 && data[1] <= 223 &&
            place_of(one.source, one.source_bytes, &from)) {
            lc_teller *peer = inbox->tellers->places[find(inbox->tellers, &from)].peer;
            if (peer) {
                inbox->heard++;
                one.kind = hear(inbox, peer, data, &one, now);
            }
        }
        if (one.kind != LC_HEARD)
            inbox->datagrams[inbox->count++] = one;
    }
    return taken;
}
