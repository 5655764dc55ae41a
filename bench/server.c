/* The benchmark's server: HTTP/1.1 on loopback, one thread, epoll.
 *
 *   server PORT DELAY_MS [PER_SECOND]
 *
 * GET /check with "Authorization: Bearer rv?_X..." is answered after DELAY_MS: X = L gives 200, anything else 401.
 * With PER_SECOND, what is more than that (a bucket of PER_SECOND) gets 429 with "Retry-After: 1", at once.
 * GET /stats gives the counters as JSON, GET /reset sets them to zero; neither is counted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 8192
#define REQUEST 16384
#define TOKENS (1 << 20)
#define TIMES (1 << 20)

struct connection { unsigned generation; int used; char data[REQUEST]; };
struct waiting { int fd; unsigned generation; int status; double due; };

static struct connection connections[CONNECTIONS];
static struct waiting queue[CONNECTIONS * 4];
static size_t head, tail;
static uint64_t seen[TOKENS];
static double times[TIMES]; /* of counted requests, for the busiest second */
static long requests, answered[600], unique, in_flight, most_in_flight, busiest;
static double first, last, delay;
static long per_second;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void reset(void) {
    memset(seen, 0, sizeof seen);
    memset(answered, 0, sizeof answered);
    requests = unique = in_flight = most_in_flight = busiest = 0;
    first = last = 0;
}

static void count_token(const char *token, size_t length) {
    uint64_t hash = 1469598103934665603ULL;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)token[i]) * 1099511628211ULL;
    if (!hash) hash = 1;
    for (size_t at = hash % TOKENS;; at = (at + 1) % TOKENS) {
        if (seen[at] == hash) return;
        if (!seen[at]) { seen[at] = hash; unique++; return; }
    }
}

static int allowed(double at) {
    static double bucket = -1, filled;
    if (!per_second) return 1;
    if (bucket < 0) { bucket = per_second; filled = at; }
    bucket += (at - filled) * per_second;
    if (bucket > per_second) bucket = per_second;
    filled = at;
    if (bucket < 1) return 0;
    bucket -= 1;
    return 1;
}

static void count_request(double at) {
    static long oldest;
    if (!requests) { first = at; oldest = 0; }
    last = at;
    times[requests++ % TIMES] = at;
    while (times[oldest % TIMES] <= at - 1) oldest++;
    if (requests - oldest > busiest) busiest = requests - oldest;
}

static void send_all(int fd, const char *text, size_t length) {
    while (length) {
        ssize_t sent = write(fd, text, length);
        if (sent <= 0) { if (errno == EAGAIN) continue; return; }
        text += sent;
        length -= sent;
    }
}

static void answer(int fd, int status, const char *headers, const char *body) {
    char text[1024];
    int length = snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s",
                          status, headers, strlen(body), body);
    send_all(fd, text, length);
}

static void answer_check(int fd, int status) {
    answered[status]++;
    if (status == 200) answer(fd, 200, "", "{\"id\": \"token-1\", \"account\": \"bench\"}");
    else if (status == 429) answer(fd, 429, "Retry-After: 1\r\n", "{\"error\": \"too_many_requests\"}");
    else answer(fd, 401, "", "{\"error\": \"invalid_token\"}");
}

static void stats(int fd) {
    char body[512];
    snprintf(body, sizeof body,
             "{\"requests\": %ld, \"unique\": %ld, \"most_in_flight\": %ld, \"busiest_second\": %ld, \"seconds\": %.3f, "
             "\"live\": %ld, \"dead\": %ld, \"limited\": %ld}",
             requests, unique, most_in_flight, busiest, last - first, answered[200], answered[401], answered[429]);
    answer(fd, 200, "", body);
}

static void check(int fd, const char *request) {
    const char *token = strcasestr(request, "\r\nauthorization: bearer ");
    double at = now();
    count_request(at);
    token = token ? token + 24 : "";
    count_token(token, strcspn(token, "\r"));
    if (!allowed(at)) {
        answer_check(fd, 429);
        return;
    }
    int status = strlen(token) > 4 && token[4] == 'L' ? 200 : 401;
    if (++in_flight > most_in_flight) most_in_flight = in_flight;
    if (delay <= 0) { in_flight--; answer_check(fd, status); return; }
    queue[tail++ % (CONNECTIONS * 4)] = (struct waiting){fd, connections[fd].generation, status, at + delay};
}

static void handle(int fd, const char *request) {
    if (!strncmp(request, "GET /stats", 10)) stats(fd);
    else if (!strncmp(request, "GET /reset", 10)) { reset(); answer(fd, 200, "", "{}"); }
    else check(fd, request);
}

/* Reads what is there, and handles each request that is complete (GET only: no bodies). */
static int feed(int fd) {
    struct connection *c = &connections[fd];
    ssize_t got = read(fd, c->data + c->used, REQUEST - 1 - c->used);
    if (got <= 0) return got < 0 && errno == EAGAIN ? 0 : -1;
    c->used += got;
    c->data[c->used] = 0;
    char *end;
    while ((end = strstr(c->data, "\r\n\r\n"))) {
        *end = 0;
        handle(fd, c->data);
        size_t done = end + 4 - c->data;
        memmove(c->data, c->data + done, c->used - done + 1);
        c->used -= done;
    }
    return c->used >= REQUEST - 1 ? -1 : 0;
}

static int release_due(void) { /* gives the milliseconds until the next one is due */
    double at = now();
    while (head != tail) {
        struct waiting w = queue[head % (CONNECTIONS * 4)];
        if (w.due > at) return (int)((w.due - at) * 1000) + 1;
        head++;
        in_flight--;
        if (connections[w.fd].generation == w.generation) answer_check(w.fd, w.status);
    }
    return -1;
}

static int listen_on(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096)) { perror("listen"); exit(1); }
    return fd;
}

int main(int argc, char **argv) {
    if (argc < 3) { fputs("server PORT DELAY_MS [PER_SECOND]\n", stderr); return 2; }
    signal(SIGPIPE, SIG_IGN);
    delay = atof(argv[2]) / 1000;
    per_second = argc > 3 ? atol(argv[3]) : 0;
    int server = listen_on(atoi(argv[1])), poll = epoll_create1(0), yes = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = server}, events[512];
    epoll_ctl(poll, EPOLL_CTL_ADD, server, &event);
    for (;;) {
        int count = epoll_wait(poll, events, 512, release_due());
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd != server) {
                if (feed(fd)) { connections[fd].generation++; close(fd); }
                continue;
            }
            while ((fd = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                if (fd >= CONNECTIONS) { close(fd); continue; }
                connections[fd].used = 0;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                event.data.fd = fd;
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
