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
/* cffi: end */
#endif
