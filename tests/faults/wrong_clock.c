/* Preloaded into our processes: their wall clock is off by the seconds in the file WRONG_CLOCK; monotonic time is not.
   libfaketime 0.9.10 would do, but breaks time.sleep of Python 3.11 where it leaves monotonic time alone. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long offset_s(void) {
    char text[32] = {0};
    const char *file = getenv("WRONG_CLOCK");
    int stream = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (stream < 0) return 0;
    ssize_t length = read(stream, text, sizeof text - 1);
    close(stream);
    return length > 0 ? atoll(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset_s();
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
