/* Loop devices; see loop(4). */
#include "mounter.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

/* Another process may take the free device first; then the next attempt asks for another one. */
enum { MOST_ATTEMPTS = 100 };

static int free_device(void) {
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return -1;
  int number = ioctl(control, LOOP_CTL_GET_FREE);
  close_after_error(control);
  return number;
}

/* AUTOCLEAR: the kernel frees the device when its last user closes it. That is the mount, or this process if the mount
 * fails or the process is killed. */
static int configure(const struct mount *entry, int file, const char *path) {
  bool is_read_only = (entry->flags & MS_RDONLY) != 0;
  struct loop_config config = {.fd = (unsigned int)file, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
  if (is_read_only) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
  if (entry->loop == LOOP_DIRECT) config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
  snprintf((char *)config.info.lo_file_name, sizeof config.info.lo_file_name, "%s", entry->source);
  int device = open(path, (is_read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
  if (device < 0 || ioctl(device, LOOP_CONFIGURE, &config) == 0) return device;
  close_after_error(device);
  return -1;
}

/* O_NONBLOCK: a source that is not a regular file, such as a FIFO, must not block. */
int open_loop(const struct mount *entry, char path[static 32]) {
  int access = (entry->flags & MS_RDONLY) != 0 ? O_RDONLY : O_RDWR;
  int file = open(entry->source, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  int device = -1;
  if (file < 0) {
    fail("open", "open the file of the loop device for");
    return -1;
  }
  for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    int number = free_device();
    if (number < 0) break;
    snprintf(path, 32, "/dev/loop%d", number);
    device = configure(entry, file, path);
    if (device >= 0 || errno != EBUSY) break;
    nanosleep(&(struct timespec){.tv_nsec = (attempt + 1) * 200000}, NULL);
  }
  if (device < 0) fail("ioctl", "make a loop device for");
  close(file);
  return device;
}
