/*
 * What the files of termshim-mounter share.
 *
 * mount(2), umount(2) and every lookup of a path in a container's root filesystem may wait for a FUSE program or a
 * server that does not answer, and such a call cannot be cancelled. So they run in a child process that can be killed
 * (work.c).
 */
#ifndef TERMSHIM_MOUNTER_H
#define TERMSHIM_MOUNTER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* The kernel copies one page of options and cuts off the rest without an error (copy_mount_options in fs/namespace.c).
 * This is the size of the smallest page. */
#define DATA_BYTES 4096
#define WORDS_BYTES 1024
#define MOST_PROPAGATIONS 64

enum loop { LOOP_NONE, LOOP_BUFFERED, LOOP_DIRECT };

/* One mount, as src/os/mount/mounter-arguments.ts writes it. */
struct mount {
  const char *type;
  const char *source;
  /* Below the root; empty for the root itself. */
  const char *target;
  unsigned long flags;
  /* Flags that the options clear, such as MS_RDONLY for `rw`. */
  unsigned long cleared;
  unsigned long propagations[MOST_PROPAGATIONS];
  int propagation_count;
  enum loop loop;
  /* The lines of /proc/PID/uid_map and gid_map; empty if ids are not mapped. */
  const char *uid_map;
  const char *gid_map;
  char **options;
  int option_count;
};

/* What the child processes report to the process that waits for them. It is in memory that they share. */
struct report {
  /* How many mounts were made, and must be undone after a failure. */
  int done;
  /* The index of the mount that is being made, or has failed. */
  int index;
  /* The errno; 0 if `words` says all. */
  int error;
  char call[32];
  /* What was attempted, as in `open the lower directory /a of`. */
  char attempted[PATH_MAX + 64];
  char words[WORDS_BYTES];
  /* How many mounts were at the path before a FUSE program was started to make one more. */
  int mounts_before;
  /* The real path of the root, as soon as it is known. */
  char root[PATH_MAX];
  /* Whether a FUSE program may have been started for the root. */
  bool is_served;
  /* A descriptor of a mount. It passes between two processes that share their table of descriptors. */
  int tree;
};

extern struct report *report;
extern const char *root;

/* Reports why it failed, with errno, and returns false. */
bool fail(const char *call, const char *attempted, ...) __attribute__((format(printf, 2, 3)));

/* work.c */
enum outcome { WORK_DONE, WORK_FAILED, WORK_LATE, WORK_CALLED_OFF };
/* Runs `work` in a child process. Kills that process when the time is up (WORK_LATE) or SIGTERM comes
 * (WORK_CALLED_OFF). */
enum outcome run_limited(bool (*work)(void *argument), void *argument, int limit_ms);
/* After this call SIGTERM is ignored: when the parent dies, the kernel sends it once for each of its threads. */
void ignore_sigterm(void);
/* Kills all children until there are none. The children of a child become children of this process, which is a
 * subreaper. */
void kill_children(int limit_ms);
/* Sends a signal to each process whose pid (a name in /proc) is `wanted`; 0 sends none. Returns how many exist. */
int signal_processes(bool (*wanted)(const char *pid), int number);
/* Closes the descriptor and keeps errno. */
void close_after_error(int fd);

/* mount.c: where a mount is made. It is looked up as if the root were `/`, and again for each step. `path` is what the
 * kernel gets: the root, or a path in /proc/self/fd. */
struct mount_point {
  char path[PATH_MAX];
  int fd;
};
bool open_mount_point(const struct mount *entry, struct mount_point *point);
void close_mount_point(struct mount_point *point);
bool make_mount(const struct mount *entry);
void undo_mount(const struct mount *entry);

/* overlay.c: joins the options to one string that fits into a page. Lower directories that do not fit are opened, and
 * named by their descriptors. */
bool overlay_data(const struct mount *entry, char data[static DATA_BYTES]);
/* Makes an overlay whose lower directories are id-mapped. */
bool mount_mapped_overlay(const struct mount *entry);

/* idmap.c: returns a descriptor of a user namespace with the maps of the mount, or -1. */
int open_user_namespace(const struct mount *entry);
/* Returns a descriptor of an id-mapped copy of the mount at the path, which is not attached anywhere; or -1. */
int clone_mapped(const char *path, int user_namespace, unsigned int recursive);
bool attach_tree(int tree, const char *path);
int clone_tree(const char *path, unsigned int recursive);

/* loop.c: makes a loop device of the file and stores its path. The kernel frees the device when nothing uses it any
 * more. Returns a descriptor of it, or -1. */
int open_loop(const struct mount *entry, char path[static 32]);

/* fuse.c */
bool is_fuse(const struct mount *entry);
bool mount_by_helper(const struct mount *entry, const char *path);
/* Kills the FUSE programs that were started for the root, until there are none. */
bool kill_programs(void *nothing);
/* Waits until these programs have exited. */
bool await_programs(void *nothing);

/* unmount.c: if the path is in /proc/self/fd, returns the path that the descriptor stands for. */
const char *real_path_of(const char *path, char into[static PATH_MAX]);
int count_mounts(const char *path);
bool has_fuse_mount(const char *path);
/* Unmounts all that is mounted at the path and below it. */
bool unmount_all(const char *path);

#endif
