/* What livecore/media/estimate.py does, in the same order of the same operations: equal to the bit (tests/media/test_estimate.py). */
#include "helper.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_RUNS 1024
#define FIRST_ROOM 32
#define RUN_PACKETS 32
#define TREND_POINTS 20
#define SPREAD_LEAST 1e-6
#define TREND_GAIN 4.0
#define THRESHOLD_MS 12.5
#define THRESHOLD_LEAST_MS 6.0
#define THRESHOLD_MOST_MS 600.0
#define BURST_S 0.005
#define OVERUSE_S 0.03
#define DECREASE_INTERVAL_S 0.4
#define DECREASE 0.85
#define INCREASE_PER_S 1.08
#define RATE_WINDOW_S 0.5
#define WINDOW_BURSTS 128
#define LOSS_WINDOW_PACKETS 50
#define LOSS_HIGH 0.10
#define LOSS_LOW 0.02
#define FLOOR_BPS 50000
#define PROBE_S 0.1
#define PROBE_WAIT_S 2.0
#define PROBE_WAIT_LIMIT_S 30.0
#define PROBE_BURST_LIMIT_BYTES 25000
#define CLOCK_WRAP_US (((int64_t)1 << 24) * 64000)
#define OPEN ((int64_t)1 << 62)

typedef struct {
    int64_t first;
    double at;
    uint32_t count, packet_bytes, unheard;
} sent_run;

typedef struct {
    double first, last;
    int64_t octets;
} burst;

struct lc_estimate {
    int64_t estimate_bps; /* -1: nothing has limited the path yet */
    uint64_t probes, messages;
    sent_run *runs; /* a ring: `room` is a power of two */
    uint32_t room, runs_at, runs_count;
    int64_t highest_sent; /* -1: nothing yet */
    int64_t newest_us;
    int clock_known;
    burst window[WINDOW_BURSTS]; /* a ring; its last is the burst being heard of, where has_group */
    uint32_t window_at, window_count;
    int64_t window_bytes, lost, heard;
    int has_group, has_before;
    double group_sent, before_sent, before_last;
    double trend_x[TREND_POINTS], trend_y[TREND_POINTS];
    uint32_t trend_at, trend_count, trend_fresh;
    double base_x, base_y, sum_x, sum_y, sum_xx, sum_xy;
    double accumulated_ms, smoothed_ms, threshold_ms;
    int overusing;
    double overusing_since, decreased_at, updated_at;
    double probe_until, probe_after, probe_wait_s, probe_first, probe_last;
    int64_t probe_rate_bps, probe_from, probe_to; /* probe_from -1: none */
    int64_t probe_heard, probe_bytes;
};

static inline double least(double a, double b) { return b < a ? b : a; }
static inline double most(double a, double b) { return b > a ? b : a; }

static inline sent_run *run_at(const lc_estimate *e, uint32_t index) { return &e->runs[(e->runs_at + index) & (e->room - 1)]; }
static inline burst *window_at(lc_estimate *e, uint32_t index) { return &e->window[(e->window_at + index) % WINDOW_BURSTS]; }

static void trend_clear(lc_estimate *e) {
    e->trend_at = e->trend_count = e->trend_fresh = 0;
    e->base_x = e->base_y = e->sum_x = e->sum_y = e->sum_xx = e->sum_xy = 0.0;
}

static void trend_sum(lc_estimate *e, double x, double y) {
    double dx = x - e->base_x, dy = y - e->base_y;
    e->sum_x += dx;
    e->sum_y += dy;
    e->sum_xx += dx * dx;
    e->sum_xy += dx * dy;
}

static void trend_add(lc_estimate *e, double x, double y) {
    if (e->trend_count == TREND_POINTS) {
        double dx = e->trend_x[e->trend_at] - e->base_x, dy = e->trend_y[e->trend_at] - e->base_y;
        e->sum_x -= dx;
        e->sum_y -= dy;
        e->sum_xx -= dx * dx;
        e->sum_xy -= dx * dy;
        e->trend_at = (e->trend_at + 1) % TREND_POINTS;
        e->trend_count--;
    }
    uint32_t place = (e->trend_at + e->trend_count++) % TREND_POINTS;
    e->trend_x[place] = x;
    e->trend_y[place] = y;
    e->trend_fresh++;
    if (e->trend_count == 1 || e->trend_fresh >= TREND_POINTS) {
        e->trend_fresh = 0;
        e->base_x = x;
        e->base_y = y;
        e->sum_x = e->sum_y = e->sum_xx = e->sum_xy = 0.0;
        for (uint32_t i = 0; i < e->trend_count; i++) {
            uint32_t at = (e->trend_at + i) % TREND_POINTS;
            trend_sum(e, e->trend_x[at], e->trend_y[at]);
        }
    } else {
        trend_sum(e, x, y);
    }
}

static double trend_slope(const lc_estimate *e) {
    double points = e->trend_count, spread = points * e->sum_xx - e->sum_x * e->sum_x;
    return spread > SPREAD_LEAST ? (points * e->sum_xy - e->sum_x * e->sum_y) / spread : 0.0;
}

lc_estimate *lc_estimate_new(void) {
    lc_estimate *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->runs = calloc(FIRST_ROOM, sizeof *e->runs);
    if (!e->runs) {
        free(e);
        return NULL;
    }
    e->room = FIRST_ROOM;
    e->estimate_bps = e->highest_sent = e->probe_from = -1;
    e->threshold_ms = THRESHOLD_MS;
    e->decreased_at = e->updated_at = e->probe_until = e->probe_after = -INFINITY;
    e->probe_wait_s = PROBE_WAIT_S;
    return e;
}

void lc_estimate_free(lc_estimate *e) {
    if (e)
        free(e->runs);
    free(e);
}

int64_t lc_estimate_bps(const lc_estimate *e) { return e->estimate_bps; }
void lc_estimate_set(lc_estimate *e, int64_t bps) { e->estimate_bps = bps; }
uint64_t lc_estimate_probes(const lc_estimate *e) { return e->probes; }
uint64_t lc_estimate_messages(const lc_estimate *e) { return e->messages; }

void lc_estimate_restart(lc_estimate *e, int64_t bps) {
    e->estimate_bps = bps;
    e->window_count = 0;
    e->window_bytes = 0;
    trend_clear(e);
    e->has_group = e->has_before = 0;
    e->accumulated_ms = e->smoothed_ms = 0.0;
    e->overusing = 0;
    e->lost = e->heard = 0;
}

/* Without memory for more, the oldest is forgotten sooner. */
static void remember(lc_estimate *e, int64_t first, uint32_t count, uint32_t packet_bytes, double now) {
    if (e->runs_count == e->room && e->room < HISTORY_RUNS) {
        sent_run *more = calloc(2 * (size_t)e->room, sizeof *more);
        if (more) {
            for (uint32_t i = 0; i < e->runs_count; i++)
                more[i] = *run_at(e, i);
            free(e->runs);
            e->runs = more;
            e->runs_at = 0;
            e->room *= 2;
        }
    }
    if (e->runs_count == e->room) {
        e->runs_at = (e->runs_at + 1) & (e->room - 1);
        e->runs_count--;
    }
    *run_at(e, e->runs_count++) = (sent_run){first, now, count, packet_bytes, count == 32 ? 0xFFFFFFFFu : (1u << count) - 1};
}

void lc_estimate_sent(lc_estimate *e, int64_t first, uint32_t count, uint32_t packet_bytes, double now) {
    e->highest_sent = first + count - 1;
    while (count > RUN_PACKETS) {
        remember(e, first, RUN_PACKETS, packet_bytes, now);
        first += RUN_PACKETS;
        count -= RUN_PACKETS;
    }
    if (count)
        remember(e, first, count, packet_bytes, now);
}

int64_t lc_estimate_received_bps(lc_estimate *e) {
    double span = e->window_count ? window_at(e, e->window_count - 1)->last - window_at(e, 0)->first : 0.0;
    return span > 0 ? (int64_t)((double)(e->window_bytes * 8) / most(0.1, span)) : 0;
}

static void forget_oldest_burst(lc_estimate *e) {
    e->window_bytes -= window_at(e, 0)->octets;
    e->window_at = (e->window_at + 1) % WINDOW_BURSTS;
    e->window_count--;
}

static void detect(lc_estimate *e, double at) {
    if (e->trend_count < TREND_POINTS / 2)
        return;
    double trend = (double)e->trend_count * trend_slope(e) * TREND_GAIN;
    if (trend > e->threshold_ms) {
        if (!e->overusing) {
            e->overusing = 1;
            e->overusing_since = at;
        }
    } else {
        e->overusing = 0;
    }
    double distance = fabs(trend) - e->threshold_ms;
    if (distance < 15) {
        double rate = distance > 0 ? 0.0087 : 0.039;
        e->threshold_ms += rate * distance * 10;
        e->threshold_ms = most(THRESHOLD_LEAST_MS, least(THRESHOLD_MOST_MS, e->threshold_ms));
    }
}

static void on_burst(lc_estimate *e, double sent, double first, double last, int64_t octets) {
    e->window_bytes += octets;
    if (e->has_group) {
        burst *group = window_at(e, e->window_count - 1);
        if (sent - e->group_sent < BURST_S) {
            group->first = least(first, group->first);
            group->last = most(last, group->last);
            group->octets += octets;
            return;
        }
        if (e->has_before) {
            double send_ms = (e->group_sent - e->before_sent) * 1000;
            double arrival_ms = (group->last - e->before_last) * 1000;
            e->accumulated_ms += arrival_ms - send_ms;
            e->smoothed_ms += 0.1 * (e->accumulated_ms - e->smoothed_ms);
            trend_add(e, group->last * 1000, e->smoothed_ms);
            detect(e, group->last);
        }
        e->has_before = 1;
        e->before_sent = e->group_sent;
        e->before_last = group->last;
    }
    e->has_group = 1;
    e->group_sent = sent;
    if (e->window_count == WINDOW_BURSTS)
        forget_oldest_burst(e);
    *window_at(e, e->window_count++) = (burst){first, last, octets};
}

static void on_run(lc_estimate *e, sent_run *run, const int64_t *arrivals, int64_t base, int64_t stop, int64_t clock_us) {
    int64_t begin = run->first > base ? run->first : base;
    int64_t end = run->first + run->count < stop ? run->first + run->count : stop;
    int64_t came = 0, earliest = 0, latest = 0;
    int probed = e->probe_from >= 0 && e->probe_from < run->first + run->count && run->first < e->probe_to;
    for (int64_t number = begin; number < end; number++) {
        uint32_t bit = 1u << (number - run->first);
        if (!(run->unheard & bit))
            continue;
        run->unheard &= ~bit;
        e->heard++;
        int64_t arrival = arrivals[number - base];
        if (arrival == LC_LOST) {
            e->lost++;
            continue;
        }
        arrival += clock_us;
        if (!came || arrival < earliest)
            earliest = arrival;
        if (!came || arrival > latest)
            latest = arrival;
        came++;
        if (probed) {
            double at = (double)arrival / 1e6;
            if (!e->probe_heard)
                e->probe_first = at;
            e->probe_heard++;
            e->probe_last = at;
            if (at > e->probe_first)
                e->probe_bytes += run->packet_bytes;
        }
    }
    if (came)
        on_burst(e, run->at, (double)earliest / 1e6, (double)latest / 1e6, came * run->packet_bytes);
}

static void limit(lc_estimate *e, int64_t bps, double now) {
    if (bps < FLOOR_BPS)
        bps = FLOOR_BPS;
    if (e->estimate_bps < 0 || bps < e->estimate_bps)
        e->estimate_bps = bps;
    e->decreased_at = now;
    e->overusing = 0;
    trend_clear(e);
    e->probe_after = most(e->probe_after, now + e->probe_wait_s);
}

static void update(lc_estimate *e, double now) {
    double elapsed = e->updated_at > -INFINITY ? least(1.0, now - e->updated_at) : 0.0;
    e->updated_at = now;
    int64_t received = lc_estimate_received_bps(e);
    double newest = e->window_count ? window_at(e, e->window_count - 1)->last : 0.0;
    int overusing = e->overusing && newest - e->overusing_since >= OVERUSE_S;
    double loss = -1;
    if (e->heard >= LOSS_WINDOW_PACKETS) {
        loss = (double)e->lost / (double)e->heard;
        e->lost = e->heard = 0;
    }
    int settled = now - e->decreased_at > DECREASE_INTERVAL_S;
    if (overusing && settled && received) {
        limit(e, (int64_t)((double)received * DECREASE), now);
    } else if (loss > LOSS_HIGH && settled && received) {
        int64_t current = e->estimate_bps >= 0 && e->estimate_bps < received ? e->estimate_bps : received;
        limit(e, (int64_t)((double)current * (1 - 0.5 * loss)), now);
    } else if (e->estimate_bps >= 0 && !overusing && loss < LOSS_LOW) {
        int64_t raised = (int64_t)((double)e->estimate_bps * pow(INCREASE_PER_S, elapsed));
        int64_t shown = (int64_t)(1.5 * (double)received) + 10000;
        int64_t next = raised < shown ? raised : shown;
        if (next > e->estimate_bps)
            e->estimate_bps = next;
    }
}

static void probe_failed(lc_estimate *e, double now) {
    e->probe_wait_s = least(PROBE_WAIT_LIMIT_S, e->probe_wait_s * 2);
    e->probe_after = now + e->probe_wait_s;
}

static void judge_probe(lc_estimate *e, double now) {
    if (e->probe_from < 0 || e->probe_to == OPEN)
        return;
    if (e->runs_count && run_at(e, 0)->first < e->probe_to && now < e->probe_until + 1.0)
        return;
    int64_t count = e->probe_to - e->probe_from;
    e->probe_from = -1;
    if ((double)e->probe_heard < most(3, 0.9 * (double)count)) {
        probe_failed(e, now);
        return;
    }
    double rate = (double)(e->probe_bytes * 8) / most(0.02, e->probe_last - e->probe_first);
    int64_t proven = (int64_t)least(rate, (double)e->probe_rate_bps);
    if (e->overusing || (double)proven < 0.85 * (double)e->probe_rate_bps)
        probe_failed(e, now);
    else
        e->probe_wait_s = PROBE_WAIT_S;
    if (e->estimate_bps >= 0 && (double)proven * 0.95 > (double)e->estimate_bps)
        e->estimate_bps = (int64_t)((double)proven * 0.95);
}

void lc_estimate_feedback(lc_estimate *e, uint32_t wire_base, const int64_t *arrivals, uint32_t count, double now) {
    if (e->highest_sent < 0)
        return;
    e->messages++;
    int64_t base = e->highest_sent - ((e->highest_sent - (int64_t)wire_base) & 0xFFFF), stop = base + count, clock_us = 0;
    for (uint32_t i = count; i > 0; i--) {
        if (arrivals[i - 1] == LC_LOST)
            continue;
        if (e->clock_known) {
            int64_t apart = e->newest_us - arrivals[i - 1] + CLOCK_WRAP_US / 2;
            int64_t turns = apart / CLOCK_WRAP_US - (apart % CLOCK_WRAP_US < 0);
            clock_us = turns * CLOCK_WRAP_US;
        }
        e->clock_known = 1;
        e->newest_us = arrivals[i - 1] + clock_us;
        break;
    }
    uint32_t at = e->runs_count;
    while (at && run_at(e, at - 1)->first + run_at(e, at - 1)->count > base)
        at--;
    for (; at < e->runs_count && run_at(e, at)->first < stop; at++)
        if (run_at(e, at)->unheard)
            on_run(e, run_at(e, at), arrivals, base, stop, clock_us);
    while (e->runs_count && !run_at(e, 0)->unheard) {
        e->runs_at = (e->runs_at + 1) & (e->room - 1);
        e->runs_count--;
    }
    while (e->window_count > 1 && window_at(e, e->window_count - 1)->last - window_at(e, 0)->first > RATE_WINDOW_S)
        forget_oldest_burst(e);
    judge_probe(e, now);
    update(e, now);
}

int lc_estimate_start_probe(lc_estimate *e, int64_t rate_bps, double now) {
    if (e->estimate_bps < 0 || now < e->probe_after || now < e->probe_until || e->highest_sent < 0)
        return 0;
    e->probes++;
    e->probe_until = now + PROBE_S;
    e->probe_rate_bps = rate_bps;
    e->probe_from = e->highest_sent + 1;
    e->probe_to = OPEN;
    e->probe_heard = e->probe_bytes = 0;
    e->probe_after = now + e->probe_wait_s;
    return 1;
}

int64_t lc_estimate_probe_bytes(lc_estimate *e, double interval_s, double now) {
    if (now >= e->probe_until) {
        if (e->probe_from >= 0 && e->probe_to == OPEN && e->highest_sent >= 0)
            e->probe_to = e->highest_sent + 1;
        return 0;
    }
    int64_t bytes = (int64_t)((double)e->probe_rate_bps * interval_s / 8);
    return bytes < PROBE_BURST_LIMIT_BYTES ? bytes : PROBE_BURST_LIMIT_BYTES;
}
