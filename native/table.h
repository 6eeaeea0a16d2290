/*
 * A table of items that JavaScript names by number. The number of an item that was removed is given to a later one, so
 * the table grows only as far as items exist at the same time.
 */
#ifndef TERMSHIM_TABLE_H
#define TERMSHIM_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* A table of zeros with an item size is empty. */
struct table {
  size_t item_size;
  uint8_t *items;
  /* For each slot the number of the next free slot plus one, 0 for the last one, or -1 if the slot is used. */
  int32_t *states;
  int32_t count;
  /* A number plus one; 0 if no slot is free. */
  int32_t first_free;
};

/* Returns the number of a new item, whose bytes are zero, or -ENOMEM. Adding moves the items that exist. */
int32_t table_add(struct table *table);
/* NULL if there is no such item. */
void *table_get(const struct table *table, int32_t id);
void table_remove(struct table *table, int32_t id);
/* Frees the table itself. */
void table_free(struct table *table);

#endif
