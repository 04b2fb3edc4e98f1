/* sink: many WebSocket pages that only read, in one process that costs little.
 *
 * sink HOST_PORT COUNT COMMON_HEADERS LINES_FILE HELLO
 *   HOST_PORT       127.0.0.1:8080, or several joined by commas: connection i goes to the i-th in turn
 *   COMMON_HEADERS  header lines of every handshake, joined by "|" ("-": none)
 *   LINES_FILE      line i: "PATH" or "PATH|header line|..." of connection i ("-": /i)
 *   HELLO           a text sent after the handshake ("-": none)
 * Commands on stdin, one answer line each on stdout:
 *   open J          connect all, each at a random moment of J ms  -> "open N refused R ms T lost L"
 *                   (lost: got in and were cut off again before all were done)
 *   count           data frames and bytes read so far             -> "count N bytes B"
 *   until N T       wait until N data frames were read, at most T ms -> the same
 *   close           close all, without a word                     -> "closed"
 * Pings are answered. Nothing else is sent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IDLE, CONNECTING, GREETING, OPEN };
struct page { int fd, state, have; uint64_t skip; double start; unsigned char head[14]; char *line; };

static struct page *pages;
static struct sockaddr_in targets[16];
static int count, target_count, poll_fd, opened, refused, lost;
static uint64_t frames, bytes;
static const char *common, *hello;
static char answer[65536];

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void drop(struct page *p) {
  if (p->state == OPEN) { opened--; lost++; }
  else refused++;
  close(p->fd);
  p->fd = -1;
  p->state = IDLE;
}

static void begin(struct page *p, int i) {
  struct epoll_event e = {.events = EPOLLOUT, .data.ptr = p};
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001 + i / 20000)};
  p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  p->state = CONNECTING;
  p->have = 0;
  p->skip = 0;
  if (p->fd < 0) { perror("socket"); exit(1); }
  if (i >= 20000) bind(p->fd, (struct sockaddr *)&from, sizeof from);
  if (connect(p->fd, (struct sockaddr *)&targets[i % target_count], sizeof targets[0]) && errno != EINPROGRESS) {
    drop(p);
    return;
  }
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, p->fd, &e);
}

static void spell(char **to, const char *lines) {
  if (!strcmp(lines, "-") || !*lines) return;
  for (; *lines; lines++) {
    if (*lines == '|') { *(*to)++ = '\r'; *(*to)++ = '\n'; }
    else *(*to)++ = *lines;
  }
  *(*to)++ = '\r';
  *(*to)++ = '\n';
}

static void greet(struct page *p, int i) {
  char text[4096], *end = text, path[64];
  const char *rest = "-";
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};
  snprintf(path, sizeof path, "/%d", i);
  if (p->line) {
    const char *bar = strchr(p->line, '|');
    snprintf(path, sizeof path, "%.*s", bar ? (int)(bar - p->line) : 63, p->line);
    if (bar) rest = bar + 1;
  }
  end += sprintf(end, "GET %s HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", path);
  spell(&end, common);
  spell(&end, rest);
  *end++ = '\r';
  *end++ = '\n';
  if (write(p->fd, text, end - text) != end - text) { drop(p); return; }
  p->state = GREETING;
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, p->fd, &e);
}

static void say_hello(struct page *p) {
  unsigned char frame[64] = {0x81, 0x80};
  int size = strlen(hello);
  if (!strcmp(hello, "-")) return;
  frame[1] |= size;
  memcpy(frame + 6, hello, size);
  if (write(p->fd, frame, size + 6) < 0) drop(p);
}

static void eat(struct page *p, const unsigned char *at, size_t left) {
  static const unsigned char pong[6] = {0x8a, 0x80};
  while (left) {
    if (p->skip) {
      size_t step = left < p->skip ? left : p->skip;
      p->skip -= step;
      at += step;
      left -= step;
      continue;
    }
    p->head[p->have++] = *at++;
    left--;
    if (p->have < 2) continue;
    int size = p->head[1] & 127, need = size == 126 ? 4 : size == 127 ? 10 : 2;
    if (p->have < need) continue;
    p->skip = size;
    if (need > 2) for (p->skip = 0, size = 2; size < need; size++) p->skip = p->skip << 8 | p->head[size];
    p->have = 0;
    if ((p->head[0] & 15) < 8) frames++;
    else if ((p->head[0] & 15) == 9 && write(p->fd, pong, 6) < 0) { drop(p); return; }
  }
}

static void take(struct page *p, int i) {
  if (p->state == CONNECTING) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) drop(p);
    else greet(p, i);
    return;
  }
  ssize_t got = read(p->fd, answer, sizeof answer - 1);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) drop(p);
    return;
  }
  bytes += got;
  if (p->state == OPEN) { eat(p, (unsigned char *)answer, got); return; }
  answer[got] = 0;
  char *end = memmem(answer, got, "\r\n\r\n", 4);
  if (!end || strncmp(answer, "HTTP/1.1 101", 12)) {
    if (getenv("SINK_LOUD")) fprintf(stderr, "%s\n", answer);
    drop(p);
    return;
  }
  p->state = OPEN;
  opened++;
  say_hello(p);
  if (p->state == OPEN) eat(p, (unsigned char *)end + 4, got - (end + 4 - answer));
}

static void step(int wait_ms) {
  struct epoll_event found[512];
  int n = epoll_wait(poll_fd, found, 512, wait_ms);
  for (int k = 0; k < n; k++) {
    struct page *p = found[k].data.ptr;
    if (p && p->fd >= 0) take(p, p - pages);
  }
}

static void open_all(double spread) {
  double begun = now_ms();
  int next = 0, busy = 0;
  refused = lost = 0;
  for (int i = 0; i < count; i++) pages[i].start = begun + spread * i / count;
  while (opened + refused + lost < count && now_ms() < begun + 600000) {
    busy = next - opened - refused - lost;
    while (next < count && pages[next].start <= now_ms() && busy < 1000) {
      if (pages[next].state == IDLE) begin(&pages[next], next);
      next++;
      busy++;
    }
    step(1);
  }
  printf("open %d refused %d ms %.0f lost %d\n", opened, refused, now_ms() - begun, lost);
}

int main(int argc, char **argv) {
  struct rlimit limit;
  char command[128], *list = strdup(argv[1]);
  if (argc != 6) return 2;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  for (char *one = strtok(list, ","); one && target_count < 16; one = strtok(NULL, ",")) {
    char *colon = strchr(one, ':');
    *colon = 0;
    targets[target_count].sin_family = AF_INET;
    targets[target_count].sin_port = htons(atoi(colon + 1));
    inet_pton(AF_INET, one, &targets[target_count++].sin_addr);
  }
  count = atoi(argv[2]);
  common = argv[3];
  hello = argv[5];
  pages = calloc(count, sizeof *pages);
  if (strcmp(argv[4], "-")) {
    FILE *file = fopen(argv[4], "r");
    size_t room = 0;
    for (int i = 0; i < count; i++) {
      ssize_t got = getline(&pages[i].line, (room = 0, &room), file);
      if (got > 0 && pages[i].line[got - 1] == '\n') pages[i].line[got - 1] = 0;
    }
    fclose(file);
  }
  for (int i = 0; i < count; i++) pages[i].fd = -1;
  poll_fd = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
  fcntl(0, F_SETFL, O_NONBLOCK);
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, 0, &e);
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  for (;;) {
    step(1000);
    ssize_t got = read(0, command, sizeof command - 1);
    if (got == 0) return 0;
    if (got < 0) continue;
    command[got] = 0;
    double number = 0, limit_ms = 0;
    if (sscanf(command, "open %lf", &number) == 1) open_all(number);
    else if (sscanf(command, "until %lf %lf", &number, &limit_ms) == 2) {
      for (double end = now_ms() + limit_ms; frames < number && now_ms() < end;) step(5);
      printf("count %llu bytes %llu\n", (unsigned long long)frames, (unsigned long long)bytes);
    } else if (!strncmp(command, "count", 5)) {
      printf("count %llu bytes %llu\n", (unsigned long long)frames, (unsigned long long)bytes);
    } else if (!strncmp(command, "close", 5)) {
      for (int i = 0; i < count; i++) if (pages[i].fd >= 0) { close(pages[i].fd); pages[i].fd = -1; pages[i].state = IDLE; }
      opened = 0;
      puts("closed");
    }
  }
}
