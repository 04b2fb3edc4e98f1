/* floor: the least a server can do. It takes every connection for a WebSocket and sends prebuilt frames.
 *
 * Prints its port; then on stdin "push ROUNDS SIZE": one text frame of SIZE bytes to everybody, ROUNDS times,
 * answered by "pushed N us U": how many send() calls, and the CPU time of the whole process for them.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int pages[1 << 16], count;

static double cpu_us(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

int main(void) {
  static const char hello[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof here;
  struct rlimit limit;
  char text[4096];
  unsigned char frame[4096];
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1, poll_fd = epoll_create1(0);
  bind(door, (struct sockaddr *)&here, sizeof here);
  listen(door, 4096);
  getsockname(door, (struct sockaddr *)&here, &size);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("port %d\n", ntohs(here.sin_port));
  struct epoll_event e = {.events = EPOLLIN, .data.fd = door}, found[256];
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, door, &e);
  e.data.fd = 0;
  fcntl(0, F_SETFL, O_NONBLOCK);
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, 0, &e);
  for (;;) {
    int n = epoll_wait(poll_fd, found, 256, -1);
    for (int k = 0; k < n; k++) {
      int fd = found[k].data.fd, page, rounds, bytes;
      if (fd == door) {
        while ((page = accept4(door, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          setsockopt(page, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          e.data.fd = page;
          epoll_ctl(poll_fd, EPOLL_CTL_ADD, page, &e);
        }
      } else if (fd) {
        ssize_t got = read(fd, text, sizeof text);
        if (got <= 0) close(fd);
        else if (!memcmp(text, "GET ", 4)) {
          pages[count++] = fd;
          if (write(fd, hello, sizeof hello - 1) < 0) close(fd);
        }
      } else {
        ssize_t got = read(0, text, sizeof text - 1);
        if (got == 0) return 0;
        text[got < 0 ? 0 : got] = 0;
        if (sscanf(text, "push %d %d", &rounds, &bytes) != 2) continue;
        double begun = cpu_us();
        int head = 2;
        frame[0] = 0x81;
        if (bytes < 126) frame[1] = bytes;
        else { frame[1] = 126; frame[2] = bytes >> 8; frame[3] = bytes & 255; head = 4; }
        memset(frame + head, 'x', bytes);
        long sent = 0;
        for (int r = 0; r < rounds; r++)
          for (int i = 0; i < count; i++) sent += send(pages[i], frame, head + bytes, MSG_NOSIGNAL) > 0;
        printf("pushed %ld us %.0f\n", sent, cpu_us() - begun);
      }
    }
  }
}
