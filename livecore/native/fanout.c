#define _GNU_SOURCE
#include "helper.h"

#include <errno.h>
#include <sys/socket.h>

const char *lc_digest(void) { return LC_DIGEST; }

int lc_fan_out(const int *fds, int count, const void *frame, size_t size, int *results) {
    int short_of_whole = 0;
    for (int i = 0; i < count; i++) {
        ssize_t taken = 0;
        if (fds[i] >= 0) {
            do
                taken = send(fds[i], frame, size, MSG_DONTWAIT | MSG_NOSIGNAL);
            while (taken < 0 && errno == EINTR);
            if (taken < 0)
                taken = errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
        }
        results[i] = (int)taken;
        if (taken != (ssize_t)size)
            short_of_whole++;
    }
    return short_of_whole;
}
