/* Replays files and folders through a fuzz target, as an ordinary test. Exit 77 (skipped) where there are none. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return 0;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(size > 0 ? (size_t)size : 1);
  size_t got = bytes && size > 0 ? fread(bytes, 1, (size_t)size, file) : 0;
  fclose(file);
  LLVMFuzzerTestOneInput(bytes, got);
  free(bytes);
  return 1;
}

static int replay(const char *path) {
  struct stat info;
  if (stat(path, &info)) return 0;
  if (!S_ISDIR(info.st_mode)) return replay_file(path);
  int count = 0;
  DIR *folder = opendir(path);
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    if (entry->d_name[0] == '.') continue;
    char name[4096];
    snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
    count += replay(name);
  }
  if (folder) closedir(folder);
  return count;
}

int main(int argc, char **argv) {
  int count = 0;
  for (int i = 1; i < argc; i++) count += replay(argv[i]);
  printf("%d inputs replayed\n", count);
  return count ? 0 : 77;
}
