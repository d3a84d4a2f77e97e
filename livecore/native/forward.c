#define _GNU_SOURCE
#include "helper.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
/* Messages handed to the kernel in one call. */
#define MESSAGES 64

static inline void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value);
}

/* Copies a run, patches its numbers, protects it in place. False when libsrtp refuses a packet of it. */
static int seal(uint8_t *out, const lc_run *run, const lc_leg *leg, int (*protect)(void *, void *, int *), double now) {
    lc_peer *peer = leg->track->peer;
    int failed = 0;
    memcpy(out, run->template_, run->bytes);
    if (run->transport_at && peer->estimate)
        lc_estimate_sent(peer->estimate, peer->transport_sequence, run->count, run->segment_bytes, now);
    for (uint32_t i = 0; i < run->count; i++) {
        const lc_segment *segment = &run->segments[i];
        uint8_t *packet = out + segment->offset;
        int length = (int)segment->length;
        if (leg->picture_offset || leg->tl0_offset) {
            if (segment->picture_at > 0)
                put16(out + segment->picture_at, 0x8000 | ((segment->picture_id + leg->picture_offset) & 0x7FFF));
            else if (segment->picture_at < 0)
                out[-segment->picture_at] = (segment->picture_id + leg->picture_offset) & 0x7F;
            if (segment->tl0_at)
                out[segment->tl0_at] = (uint8_t)(segment->tl0 + leg->tl0_offset);
            if (segment->frame_at)
                put16(out + segment->frame_at, segment->picture_id + leg->picture_offset);
        }
        if (run->transport_at)
            put16(packet + run->transport_at, peer->transport_sequence++);
        put16(packet + 2, segment->sequence + leg->sequence_offset);
        put32(packet + 4, segment->timestamp + leg->timestamp_offset);
        put32(packet + 8, leg->track->ssrc);
        failed |= protect(peer->session, packet, &length);
    }
    leg->track->packets += run->count;
    leg->track->octets += run->octets;
    if (failed)
        return 0;
    peer->bytes += run->bytes;
    return 1;
}

/* Sends sealed runs [from, to) from the arena; returns where it stopped, with *error set when that is not the end.
   A run that left in part is shortened to what is left of it. */
static uint32_t send_sealed(int fd, int offload, lc_leg *const *legs, uint8_t *arena, lc_sealed *sealed, uint32_t from, uint32_t to,
                            uint64_t *datagrams, int *error) {
    struct mmsghdr messages[MESSAGES];
    struct iovec parts[MESSAGES];
    union {
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr aligned;
    } controls[MESSAGES];
    uint32_t owners[MESSAGES];
    while (from < to) {
        uint32_t count = 0;
        for (uint32_t i = from; i < to && count < MESSAGES; i++) {
            lc_peer *peer = legs[sealed[i].leg]->track->peer;
            uint32_t position = 0;
            if (!peer->address_bytes) {
                if (count)
                    break;
                *error = -1;
                return i;
            }
            while (position < sealed[i].bytes && count < MESSAGES) {
                uint32_t size = sealed[i].bytes - position;
                int segmented = size > sealed[i].segment_bytes;
                if (segmented && !offload) {
                    size = sealed[i].segment_bytes;
                    segmented = 0;
                }
                struct msghdr *header = &messages[count].msg_hdr;
                memset(header, 0, sizeof *header);
                parts[count].iov_base = arena + sealed[i].offset + position;
                parts[count].iov_len = size;
                header->msg_name = peer->address;
                header->msg_namelen = peer->address_bytes;
                header->msg_iov = &parts[count];
                header->msg_iovlen = 1;
                if (segmented) {
                    struct cmsghdr *control = &controls[count].aligned;
                    uint16_t segment_bytes = (uint16_t)sealed[i].segment_bytes;
                    control->cmsg_level = IPPROTO_UDP;
                    control->cmsg_type = UDP_SEGMENT;
                    control->cmsg_len = CMSG_LEN(sizeof segment_bytes);
                    memcpy(CMSG_DATA(control), &segment_bytes, sizeof segment_bytes);
                    header->msg_control = control;
                    header->msg_controllen = CMSG_SPACE(sizeof segment_bytes);
                }
                owners[count++] = i;
                position += size;
            }
        }
        int sent = sendmmsg(fd, messages, count, MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            *error = errno;
            return from;
        }
        for (int k = 0; k < sent; k++) {
            lc_sealed *one = &sealed[owners[k]];
            uint32_t size = (uint32_t)parts[k].iov_len;
            *datagrams += (size + one->segment_bytes - 1) / one->segment_bytes;
            one->offset += size;
            one->bytes -= size;
            if (!one->bytes)
                from = owners[k] + 1;
        }
    }
    return from;
}

void lc_forward(int fd, int offload, int (*protect)(void *, void *, int *), const lc_run *const *runs, uint32_t run_count,
                lc_leg *const *legs, uint32_t leg_count, uint8_t *arena, uint32_t arena_bytes, lc_sealed *sealed,
                uint32_t sealed_limit, double now, lc_outcome *outcome) {
    uint32_t leg = outcome->next_leg, run = outcome->next_run, count = 0, used = 0, done = 0;
    outcome->error = 0;
    outcome->datagrams = outcome->failed = 0;
    while (leg < leg_count) {
        const lc_run *next = runs[run];
        if (count == sealed_limit || used + next->bytes > arena_bytes) {
            if (fd < 0)
                break;
            done = send_sealed(fd, offload, legs, arena, sealed, 0, count, &outcome->datagrams, &outcome->error);
            if (outcome->error)
                break;
            count = used = done = 0;
        }
        if (legs[leg]->track->peer->closed) {
            /* nothing: its keys stay valid until the last leg is gone */
        } else if (seal(arena + used, next, legs[leg], protect, now)) {
            sealed[count++] = (lc_sealed){leg, used, next->bytes, next->segment_bytes};
            used += next->bytes;
        } else {
            outcome->failed++;
        }
        if (++run == run_count) {
            run = 0;
            leg++;
        }
    }
    if (fd >= 0 && !outcome->error)
        done = send_sealed(fd, offload, legs, arena, sealed, 0, count, &outcome->datagrams, &outcome->error);
    outcome->next_leg = leg;
    outcome->next_run = run;
    outcome->sealed_from = done;
    outcome->sealed_to = count;
}
