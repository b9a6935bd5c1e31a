/* Progress on stderr: a bar with rate and time left on a terminal, a plain line now and then elsewhere. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

enum { WIDTH = 28 };

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void cm__progress_start(CmProgressBar *bar) {
  *bar = (CmProgressBar){.terminal = isatty(STDERR_FILENO) == 1};
}

void cm__progress_clear(CmProgressBar *bar) {
  if (bar->terminal && bar->shown) fputs("\r\033[K", stderr);
  bar->shown = false;
}

static void time_left(double seconds, char *to, size_t size) {
  if (seconds >= 5400)
    snprintf(to, size, "%.1f h", seconds / 3600);
  else if (seconds >= 90)
    snprintf(to, size, "%.0f min", seconds / 60);
  else
    snprintf(to, size, "%.0f s", seconds);
}

static void show(CmProgressBar *bar, int64_t done, int64_t total, double rate) {
  char left[32] = "?";
  double share = total > 0 ? (double)done / (double)total : 0;
  if (rate > 0 && total > 0) time_left((double)(total - done) / rate, left, sizeof left);
  if (!bar->terminal) {
    fprintf(stderr, "%s: %lld of %lld, %.3g/s, %s left\n", bar->what, (long long)done, (long long)total, rate, left);
    return;
  }
  char line[WIDTH + 1];
  int filled = (int)(share * WIDTH);
  for (int i = 0; i < WIDTH; i++) line[i] = i < filled ? '=' : ' ';
  line[WIDTH] = 0;
  fprintf(stderr, "\r\033[K%-20s [%s] %3.0f %%  %lld of %lld  %.3g/s  %s left", bar->what, line, share * 100,
          (long long)done, (long long)total, rate, left);
  fflush(stderr);
  bar->shown = true;
}

void cm__progress_report(void *user, const char *what, int64_t done, int64_t total) {
  CmProgressBar *bar = user;
  double now = now_s();
  if (strncmp(bar->what, what, sizeof bar->what - 1) || done < bar->last_done) { /* another task begins */
    cm__progress_clear(bar);
    snprintf(bar->what, sizeof bar->what, "%s", what);
    bar->started = bar->last = now;
    bar->first_done = done;
  }
  bar->last_done = done;
  if (done >= total) {
    cm__progress_clear(bar);
    bar->what[0] = 0;
    return;
  }
  double pause = bar->terminal ? 0.2 : 10;
  if (now - bar->last < pause) return;
  bar->last = now;
  double seconds = now - bar->started;
  show(bar, done, total, seconds > 0 ? (double)(done - bar->first_done) / seconds : 0);
}
