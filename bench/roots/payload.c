// Nothing in; one line with the moment it began, nanoseconds of CLOCK_MONOTONIC, out. Then it waits for SIGTERM, which as
// PID 1 of a namespace it gets only because it has a handler.
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void end(int signal) {
    (void)signal;
    _exit(0);
}

int main(void) {
    char line[64];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    signal(SIGTERM, end);
    int length = snprintf(line, sizeof line, "started %lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
    if (write(STDOUT_FILENO, line, length) != length)
        return 1;
    for (;;)
        pause();
}
