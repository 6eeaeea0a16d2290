/*
 * What the files of termshim-mounter share.
 *
 * mount(2), umount(2) and every look at a path in a container's root filesystem may wait for a FUSE program or a server
 * that does not answer, and cannot be given up. So each is made by a process that nobody else needs (work.c).
 */
#ifndef TERMSHIM_MOUNTER_H
#define TERMSHIM_MOUNTER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* The kernel copies one page of options and cuts off the rest without a word (copy_mount_options in fs/namespace.c).
 * This is the smallest page there is. */
#define DATA_BYTES 4096
#define WORDS_BYTES 1024
#define MOST_PROPAGATIONS 64

enum loop { LOOP_NONE, LOOP_BUFFERED, LOOP_DIRECT };

/* As src/os/mount/mounter.ts takes it apart. */
struct mount {
  const char *type;
  const char *source;
  /* Below the root; empty for the root itself. */
  const char *target;
  unsigned long flags;
  /* Flags that were asked not to be. */
  unsigned long cleared;
  unsigned long propagations[MOST_PROPAGATIONS];
  int propagation_count;
  enum loop loop;
  /* As /proc/PID/uid_map has it; empty where ids are not mapped. */
  const char *uid_map;
  const char *gid_map;
  char **options;
  int option_count;
};

/* What the processes that work tell the one that waits for them; it is memory that they share. */
struct report {
  /* How many mounts there are to undo. */
  int done;
  /* Of the mount that is being made, or has failed. */
  int index;
  /* 0 if the words say it all. */
  int error;
  char call[32];
  /* What was attempted, as in `open the lower directory /a of`. */
  char attempted[PATH_MAX + 64];
  char words[WORDS_BYTES];
  /* How many mounts there were where a FUSE program is to make one more. */
  int mounts_before;
  /* Its real path, once it is known. */
  char root[PATH_MAX];
  /* Whether a FUSE program may have been started for it. */
  bool is_served;
  /* Between two processes with one table of descriptors. */
  int tree;
};

extern struct report *report;
extern const char *root;

/* Notes why it failed, by errno, and returns false. */
bool fail(const char *call, const char *attempted, ...) __attribute__((format(printf, 2, 3)));

/* work.c */
enum outcome { WORK_DONE, WORK_FAILED, WORK_LATE, WORK_CALLED_OFF };
/* Runs it in a process of its own, which is killed when the time is up or a signal says so. */
enum outcome run_limited(bool (*work)(void *argument), void *argument, int limit_ms);
/* From now on nothing is called off: each thread of a parent that dies sends the signal once more. */
void ignore_calls(void);
/* Kills all children until there are none; where we are a subreaper, their children are among them. */
void kill_children(int limit_ms);

/* mount.c: a path for the kernel, of a place that is looked up as if the root were `/`, each time anew. */
struct place {
  char path[PATH_MAX];
  int fd;
};
bool enter_place(const struct mount *entry, struct place *place);
void leave_place(struct place *place);
bool make_mount(const struct mount *entry);
void undo_mount(const struct mount *entry);

/* overlay.c: the options as one string of a page; lower directories that do not fit are held open and named by
 * descriptors. */
bool overlay_data(const struct mount *entry, char data[static DATA_BYTES]);
/* An overlay whose lower directories have their ids mapped. */
bool mount_mapped_overlay(const struct mount *entry);

/* idmap.c: a user namespace with the maps of the mount, or -1. */
int open_user_namespace(const struct mount *entry);
/* A copy of the mount at the path with its ids mapped, which is nowhere yet; or -1. */
int clone_mapped(const char *path, int user_namespace, unsigned int recursive);
bool attach_tree(int tree, const char *path);
int clone_tree(const char *path, unsigned int recursive);

/* loop.c: a loop device of the file, which goes with its last user; its path is stored. Returns a descriptor of it, or
 * -1. */
int open_loop(const struct mount *entry, char path[static 32]);

/* fuse.c */
bool is_fuse(const struct mount *entry);
bool mount_by_helper(const struct mount *entry, const char *path);
/* Kills the programs that were started for the root, until there are none. */
bool kill_programs(void *nothing);
/* Waits until they have ended by themselves. */
bool await_programs(void *nothing);

/* unmount.c */
int count_mounts(const char *path);
bool has_fuse_mount(const char *path);
/* Of the root: whatever is mounted there and below it. */
bool unmount_all(const char *path);

#endif
