/* guest_log.c - QEMU says why it ends only in its log.
 *
 * The file is appended to over the guest's life. Each start begins with a line of ours, so that the
 * words of an earlier QEMU are never given as the reason why this one ended.
 */
#include "daemon/guest_log.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "daemon/daemon.h"
#include "io/file.h"
#include "util/cleanup.h"
#include "util/log.h"

#define START_MARK "batond: start of guest "

enum { WORDS_MAX = 700, TAIL_MAX = 8192, TAIL_LINES = 40 };

char *guest_log_path(const struct guest *g)
{
    char *path;
    return asprintf(&path, "%s/%s.log", g->daemon->config.log_dir, g->name) < 0 ? NULL : path;
}

void guest_log_begin(const struct guest *g)
{
    auto_free char *path = guest_log_path(g);
    auto_close int fd =
        path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    char line[DOMAIN_NAME_MAX + 128], when[32] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm))
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    int n = snprintf(line, sizeof(line), "%s " START_MARK "%s, id %d\n", when, g->name, g->id);
    if (fd < 0 || file_write_all(fd, line, (size_t)n) < 0)
        log_warning("guest %s: its log can't be written", g->name);
}

/* What QEMU says at every start is no reason for its end. */
static bool is_chatter(const char *line)
{
    return strncmp(line, "char device redirected to ", 26) == 0;
}

static void append_line(char *words, const char *line)
{
    size_t used = strlen(words);
    if (line[0] && !is_chatter(line))
        snprintf(words + used, WORDS_MAX - used, "%s%s", used ? "; " : "", line);
}

void guest_log_note_end(struct guest *g, const char *what)
{
    char tail[TAIL_MAX] = "", words[WORDS_MAX] = "";
    auto_free char *path = guest_log_path(g);
    if (path)
        file_read_tail(path, TAIL_LINES, tail, sizeof(tail));
    char *rest = tail, *line;
    while ((line = strsep(&rest, "\n"))) {
        if (strstr(line, START_MARK))
            words[0] = '\0';
        else
            append_line(words, line);
    }
    fail_set(&g->trouble, VIR_ERR_INTERNAL_ERROR, "%s%s%s", what, words[0] ? ": " : "", words);
}
