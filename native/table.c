/* The slots of a table: an array that doubles, and a list of those that are free. */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_COUNT 16
#define USED (-1)

static int grow(struct table *table) {
  int32_t count = table->count == 0 ? FIRST_COUNT : table->count * 2;
  uint8_t *items = realloc(table->items, (size_t)count * table->item_size);
  if (items == NULL) return -ENOMEM;
  table->items = items;
  int32_t *states = realloc(table->states, (size_t)count * sizeof *states);
  if (states == NULL) return -ENOMEM;
  table->states = states;
  for (int32_t id = count - 1; id >= table->count; id--) {
    states[id] = table->first_free;
    table->first_free = id + 1;
  }
  table->count = count;
  return 0;
}

int32_t table_add(struct table *table) {
  if (table->first_free == 0 && grow(table) < 0) return -ENOMEM;
  int32_t id = table->first_free - 1;
  table->first_free = table->states[id];
  table->states[id] = USED;
  memset(table->items + (size_t)id * table->item_size, 0, table->item_size);
  return id;
}

void *table_get(const struct table *table, int32_t id) {
  if (id < 0 || id >= table->count || table->states[id] != USED) return NULL;
  return table->items + (size_t)id * table->item_size;
}

void table_remove(struct table *table, int32_t id) {
  table->states[id] = table->first_free;
  table->first_free = id + 1;
}

void table_free(struct table *table) {
  free(table->items);
  free(table->states);
}
