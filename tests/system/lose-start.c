/*
 * lose-start GROUP: makes PID 1 lose the next start of a service with PrivatePIDs=, as it does by itself on a busy host.
 *
 * GROUP is the last part of the service's control group. For a PID namespace systemd's executor forks; the first process tells
 * PID 1 the number of the second one, and exits. Losing the start takes an end of that process which comes between PID 1's look for
 * such messages and its look for ended processes, waitid(P_ALL). So the executor is stopped as soon as it is there, and PID 1 told
 * with SIGCHLD that something has ended. Before it looks for that it is held, and the executor let go, until that one has ended.
 *
 * Prints "ready", then "lost" and ends; or ends at SIGTERM.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INIT = 1, PAUSE_US = 500, PAUSES = 10000 };

static volatile sig_atomic_t stopped;
/* The executor that is stopped, or 0. */
static pid_t executor;

static void stop(int number) {
    (void) number;
    stopped = 1;
}

static void fail(const char *what) {
    fprintf(stderr, "lose-start: %s: %s\n", what, strerror(errno));
    if (executor)
        kill(executor, SIGCONT);
    exit(1);
}

/* The text of a file in /proc; empty if it is not there any more. */
static void read_text(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, size - 1, file) : 0;

    if (file)
        fclose(file);
    text[length] = 0;
}

/* Whether the last part of a process's control group is `group`. */
static bool is_in(pid_t process, const char *group) {
    char path[64], text[4096], *line, *last;

    snprintf(path, sizeof path, "/proc/%d/cgroup", process);
    /* The line of systemd's hierarchy may come after others. */
    text[0] = '\n';
    read_text(path, text + 1, sizeof text - 1);
    line = strstr(text, "\n0::");
    if (!line)
        return false;
    line++;
    line[strcspn(line, "\n")] = 0;
    last = strrchr(line, '/');
    return last && strcmp(last + 1, group) == 0;
}

enum state { STARTING, LOST, OTHER };

/* Of a child: an executor is called "(program)", or as the file was that it was executed from. */
static enum state state_of(const char *number) {
    char path[64], text[4096], *name, *end;
    bool is_executor;

    snprintf(path, sizeof path, "/proc/%.20s/stat", number);
    read_text(path, text, sizeof text);
    name = strchr(text, '(');
    end = strrchr(text, ')');
    if (!name || !end)
        return OTHER;
    is_executor = name[1] == '(' || (name[1] >= '0' && name[1] <= '9') || strncmp(name, "(systemd-exec", 13) == 0;
    if (!is_executor)
        return OTHER;
    return end[2] == 'Z' ? LOST : STARTING;
}

/* Whether PID 1 has a child that has ended. */
static bool has_ended_child(void) {
    static char numbers[1 << 20];

    read_text("/proc/1/task/1/children", numbers, sizeof numbers);
    for (char *number = strtok(numbers, " "); number; number = strtok(NULL, " ")) {
        char path[64], text[4096], *end;

        snprintf(path, sizeof path, "/proc/%.20s/stat", number);
        read_text(path, text, sizeof text);
        end = strrchr(text, ')');
        if (end && end[2] == 'Z')
            return true;
    }
    return false;
}

/* PID 1 is about to look for ended processes. */
static void hold(void) {
    char number[16];

    snprintf(number, sizeof number, "%d", executor);
    kill(executor, SIGCONT);
    for (int pause = 0; pause < PAUSES && !stopped; pause++) {
        enum state state = state_of(number);

        if (state == LOST) {
            puts("lost");
            stopped = 1;
        }
        if (state != STARTING)
            break;
        usleep(PAUSE_US);
    }
    executor = 0;
}

/* PID 1 is before or after a system call. */
static void look_at_call(const char *group) {
    static unsigned long long entered;
    struct __ptrace_syscall_info call = {0};

    if (ptrace(PTRACE_GET_SYSCALL_INFO, INIT, sizeof call, &call) < 0)
        fail("cannot tell which system call it is");
    if (call.op == PTRACE_SYSCALL_INFO_ENTRY) {
        entered = call.entry.nr;
        if (entered == SYS_waitid && call.entry.args[0] == P_ALL && executor && !has_ended_child())
            hold();
    } else if (call.op == PTRACE_SYSCALL_INFO_EXIT && (entered == SYS_clone3 || entered == SYS_clone)) {
        pid_t child = call.exit.rval;

        if (child > 0 && is_in(child, group) && kill(child, SIGSTOP) == 0) {
            executor = child;
            kill(INIT, SIGCHLD);
        }
    }
}

int main(int count, char **arguments) {
    struct sigaction on_term = {.sa_handler = stop};
    int status;

    if (count != 2) {
        fprintf(stderr, "usage: lose-start GROUP\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigaction(SIGTERM, &on_term, NULL);
    if (ptrace(PTRACE_SEIZE, INIT, 0, PTRACE_O_TRACESYSGOOD) < 0)
        fail("cannot trace PID 1");
    if (ptrace(PTRACE_INTERRUPT, INIT, 0, 0) < 0)
        fail("cannot interrupt PID 1");
    puts("ready");
    while (!stopped) {
        int number;

        if (waitpid(INIT, &status, __WALL) < 0) {
            if (errno == EINTR)
                continue;
            fail("cannot wait for PID 1");
        }
        if (!WIFSTOPPED(status))
            fail("PID 1 has ended");
        number = WSTOPSIG(status);
        if (number == (SIGTRAP | 0x80)) {
            look_at_call(arguments[1]);
            number = 0;
        } else if (status >> 16 != 0) {
            /* It is stopped for this program, and not by a signal. */
            number = 0;
        }
        if (ptrace(PTRACE_SYSCALL, INIT, 0, number) < 0)
            fail("cannot let PID 1 go on");
    }
    if (executor)
        kill(executor, SIGCONT);
    /* Its end lets PID 1 go. */
    return 0;
}
