/* What Python calls. The part between the two marks is read by cffi as it stands (library.py). */
#ifndef LIVECORE_HELPER_H
#define LIVECORE_HELPER_H
#include <stddef.h>
#include <stdint.h>
/* cffi: begin */
const char *lc_digest(void);

/* Sends one frame to many connected stream sockets, without blocking. results[i]: how many bytes the kernel took of fds[i]
   (0: it would block, or fds[i] < 0), or -errno. Returns how many did not take the whole. */
int lc_fan_out(const int *fds, int count, const void *frame, size_t size, int *results);

/* One packet of a run: where it begins, how long it is before protection, its widened numbers (their low bits).
   picture_at, tl0_at: absolute in the run; 0: none; a negative picture_at is the 7-bit form. frame_at: the same for a dependency
   descriptor's frame number, which is picture_id then. */
typedef struct {
    uint32_t offset, length, sequence, timestamp;
    int32_t picture_at;
    uint32_t picture_id, tl0_at, tl0, frame_at;
} lc_segment;

/* Packets that leave in one call. transport_at: where in a packet its transport-wide number stands; 0: nowhere. */
typedef struct {
    const uint8_t *template_;
    const lc_segment *segments;
    uint32_t bytes, segment_bytes, count, transport_at, octets;
} lc_run;

/* A peer: where it is (address_bytes 0: not behind this socket; what is sealed for it stays in the arena, error -1), its keys, and the
   next transport-wide number. `closed`: it is sent nothing more. */
typedef struct {
    void *session;
    uint8_t address[28];
    uint32_t address_bytes, transport_sequence, closed;
    uint64_t bytes;
} lc_peer;

/* One track to one peer, and what it has been sent. */
typedef struct {
    lc_peer *peer;
    uint32_t ssrc;
    uint64_t packets, octets;
} lc_track;

/* A stretch of a track from one source: what is added to the publisher's numbers. */
typedef struct {
    lc_track *track;
    uint32_t sequence_offset, timestamp_offset, picture_offset, tl0_offset;
} lc_leg;

/* A sealed run in the arena. */
typedef struct {
    uint32_t leg, offset, bytes, segment_bytes;
} lc_sealed;

/* Before a call: where to begin. After it: where to go on (next_leg = leg_count: all done). Runs sealed_from to sealed_to stand in
   the arena and were not sent. `error`: why sending ended early (an errno, or 0), which concerns the first of those. `failed`: runs that libsrtp refused. */
typedef struct {
    uint32_t next_leg, next_run, sealed_from, sealed_to;
    uint64_t datagrams, failed;
    int error;
} lc_outcome;

/* Copies, patches and protects runs for each leg, and sends them from the socket fd (-1: leaves them in the arena).
   protect: libsrtp's srtp_protect. offload: whether the kernel cuts a send into segments. */
void lc_forward(int fd, int offload, int (*protect)(void *, void *, int *), const lc_run *const *runs, uint32_t run_count,
                lc_leg *const *legs, uint32_t leg_count, uint8_t *arena, uint32_t arena_bytes, lc_sealed *sealed,
                uint32_t sealed_limit, lc_outcome *outcome);
/* cffi: end */
#endif
