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

/* What the path to a viewer carries, from its feedback: livecore/media/estimate.py says how. */
typedef struct lc_estimate lc_estimate;
lc_estimate *lc_estimate_new(void); /* NULL: no memory */
void lc_estimate_free(lc_estimate *estimate);
int64_t lc_estimate_bps(const lc_estimate *estimate); /* -1: nothing has limited the path yet */
void lc_estimate_set(lc_estimate *estimate, int64_t bps);
int64_t lc_estimate_received_bps(lc_estimate *estimate);
uint64_t lc_estimate_probes(const lc_estimate *estimate);
uint64_t lc_estimate_messages(const lc_estimate *estimate);
void lc_estimate_restart(lc_estimate *estimate, int64_t bps);
void lc_estimate_sent(lc_estimate *estimate, int64_t first, uint32_t count, uint32_t packet_bytes, double now);
/* arrivals[i]: when packet base + i came, in microseconds by the viewer's clock; LC_LOST: it did not. */
void lc_estimate_feedback(lc_estimate *estimate, uint32_t base, const int64_t *arrivals, uint32_t count, double now);
int lc_estimate_start_probe(lc_estimate *estimate, int64_t rate_bps, double now);
int64_t lc_estimate_probe_bytes(lc_estimate *estimate, double interval_s, double now);

/* A peer: where it is (address_bytes 0: not behind this socket; what is sealed for it stays in the arena, error -1), its keys, and the
   next transport-wide number. `closed`: it is sent nothing more. `estimate`: where numbered packets are noted; NULL: nowhere. */
typedef struct {
    void *session;
    lc_estimate *estimate;
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
                uint32_t sealed_limit, double now, lc_outcome *outcome);

/* One transport-wide feedback message (the whole RTCP packet, opened): its arrivals, at most LC_FEEDBACK_LIMIT, and the first number.
   Returns how many; -1 for anything else and for what is malformed, exactly where livecore/media/rtcp.py says so. */
int lc_parse_feedback(const uint8_t *packet, uint32_t size, int64_t *arrivals, uint32_t *base);

/* A peer whose SRTCP is opened natively: libsrtp's session, and where its feedback goes. `number`: what Python calls it. */
typedef struct {
    void *session;
    lc_estimate *estimate;
    uint32_t number;
} lc_teller;

/* Those peers by their address (a sockaddr_in or sockaddr_in6). Whoever puts one in keeps it until it is removed. */
typedef struct lc_tellers lc_tellers;
lc_tellers *lc_tellers_new(uint32_t limit); /* NULL: no memory */
void lc_tellers_free(lc_tellers *table);
int lc_tellers_put(lc_tellers *table, const uint8_t *address, uint32_t bytes, lc_teller *peer); /* 0: there is no room */
void lc_tellers_remove(lc_tellers *table, const uint8_t *address, uint32_t bytes);

/* What came and is left to Python. kind: LC_RAW as it came; LC_OVERSIZED cut off; LC_OPENED RTCP of `peer`, opened; LC_REFUSED by libsrtp
   (`status`); LC_ESTIMATED feedback that was taken in and changed the estimate of `peer`, or was its first. `at`: when it came. */
typedef struct {
    uint32_t offset, bytes, source_bytes, peer;
    int kind, status;
    double at;
    uint8_t source[28];
} lc_datagram;

/* One drain. arena: LC_DATAGRAMS times LC_DATAGRAM_BYTES. After a call: `taken` datagrams came, `heard` of them were SRTCP of tellers,
   and the first `count` of datagrams are left to do. */
typedef struct {
    uint8_t *arena;
    lc_datagram *datagrams;
    int64_t *arrivals;
    lc_tellers *tellers;
    int (*unprotect_rtcp)(void *, void *, int *);
    uint32_t taken, heard, count;
} lc_inbox;

/* Takes what waits in the socket, up to LC_DATAGRAMS. Returns how many; 0: nothing; -errno. `offset`: monotonic minus real time, s. */
int lc_receive(lc_inbox *inbox, int fd, double now, double offset);
/* cffi: end */
#define LC_LOST INT64_MIN
/* The same numbers stand in livecore/media/inbox.py and rtcp.py. */
#define LC_DATAGRAMS 64
#define LC_DATAGRAM_BYTES 2048
#define LC_FEEDBACK_LIMIT 4096
enum { LC_RAW, LC_OVERSIZED, LC_OPENED, LC_REFUSED, LC_ESTIMATED, LC_HEARD };
#endif
