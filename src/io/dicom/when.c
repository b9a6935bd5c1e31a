#include "io/dicom/when.h"

#include <stddef.h>
#include <string.h>

/* `count` digits as a number; -1 where they are none. */
static int digits(const char *text, int count) {
  int value = 0;
  for (int i = 0; i < count; i++) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = 10 * value + (text[i] - '0');
  }
  return value;
}

bool cm__when_time(const char *time, double *seconds) {
  if (!time) return false;
  /* The old form of ACR-NEMA has colons. */
  char plain[32];
  size_t size = 0;
  for (const char *c = time; *c && size < sizeof plain - 1; c++)
    if (*c != ':' && *c != ' ') plain[size++] = *c;
  plain[size] = '\0';
  const char *at = plain;
  int field[3] = {0, 0, 0};
  int read = 0;
  while (read < 3 && *at && *at != '.') {
    field[read] = digits(at, 2);
    if (field[read] < 0) return false;
    read++;
    at += 2;
  }
  if (read == 0 || field[0] > 23 || field[1] > 59 || field[2] > 60) return false;
  double fraction = 0, unit = 0.1;
  if (*at == '.') {
    for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10) fraction += unit * (*at - '0');
  }
  if (*at && *at != '+' && *at != '-') return false;
  *seconds = field[0] * 3600.0 + field[1] * 60.0 + field[2] + fraction;
  return true;
}

/* Days from 1900-01-01 to a date of the Gregorian calendar. */
static bool days(const char *date, double *result) {
  char plain[9];
  size_t size = 0;
  for (const char *c = date; *c && size < 8; c++)
    if (*c != '.' && *c != '-' && *c != ' ') plain[size++] = *c;
  plain[size] = '\0';
  if (size != 8) return false;
  int year = digits(plain, 4), month = digits(plain + 4, 2), day = digits(plain + 6, 2);
  if (year < 1850 || month < 1 || month > 12 || day < 1 || day > 31) return false;
  /* Counted from March, a leap day comes last. */
  int y = month > 2 ? year : year - 1, m = (month + 9) % 12;
  int number = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
  *result = number - 693901; /* of 1900-01-01 */
  return true;
}

bool cm__when(const char *date, const char *time, double *seconds) {
  double day, second;
  if (!date || !days(date, &day) || !cm__when_time(time, &second)) return false;
  *seconds = day * 86400 + second;
  return true;
}

bool cm__when_datetime(const char *text, double *seconds) {
  if (!text || strlen(text) < 10) return false;
  char date[9];
  memcpy(date, text, 8);
  date[8] = '\0';
  return cm__when(date, text + 8, seconds);
}
