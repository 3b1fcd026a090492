// In: "maps" or "all", then on standard input numbers of processes, one a line. Out: one line, the nanoseconds of processor time that only
// the reads of a scan take: with "maps" what they map, and the inode of each file of that, once; with "all" also the rest of what
// has to be known of every process: its root, program and open files. Mount tables are not in it: lodger reads them of few.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char text[1 << 20];

static size_t read_all(int directory, const char *name) {
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    size_t filled = 0;
    ssize_t count;
    if (file < 0)
        return 0;
    while (filled < sizeof text - 1 && (count = read(file, text + filled, sizeof text - 1 - filled)) > 0)
        filled += count;
    close(file);
    text[filled] = 0;
    return filled;
}

static int compare(const void *one, const void *two) { return strcmp(one, two); }

// The inode of each distinct path in the text, looked up once.
static unsigned long look_up(void **known) {
    unsigned long sum = 0;
    char *end;
    for (char *line = text; (end = strchr(line, '\n')); line = end + 1) {
        struct stat found;
        char *path;
        *end = 0;
        path = strchr(line, '/');
        if (!path || tfind(path, known, compare))
            continue;
        tsearch(strdup(path), known, compare);
        if (stat(path, &found) == 0)
            sum += found.st_ino;
    }
    return sum;
}

static unsigned long read_rest(int process) {
    unsigned long sum = 0;
    char link[4096];
    struct stat found;
    struct dirent *entry;
    DIR *files;
    int directory;
    sum += fstatat(process, "root", &found, 0);
    sum += readlinkat(process, "exe", link, sizeof link);
    directory = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 || !(files = fdopendir(directory)))
        return sum;
    while ((entry = readdir(files)))
        sum += readlinkat(directory, entry->d_name, link, sizeof link);
    closedir(files);
    return sum;
}

int main(int count, char **words) {
    int all = count > 1 && strcmp(words[1], "all") == 0;
    static int pids[1 << 20];
    size_t processes = 0;
    unsigned long sum = 0;
    void *known = NULL;
    struct timespec begin, end;
    while (processes < sizeof pids / sizeof *pids && scanf("%d", &pids[processes]) == 1)
        processes++;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (size_t number = 0; number < processes; number++) {
        char path[32];
        int process;
        snprintf(path, sizeof path, "/proc/%d", pids[number]);
        process = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (process < 0)
            continue;
        sum += read_all(process, "maps");
        sum += look_up(&known);
        if (all)
            sum += read_rest(process);
        close(process);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    printf("%lld\n", (end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec);
    return sum == 0;
}
