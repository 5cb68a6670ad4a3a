/* list.h - intrusive doubly linked list with a head. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list { struct list *next, *prev; };

#define list_entry(node, type, member) \
	((type *)((char *)(node) - offsetof(type, member)))

static inline void list_init(struct list *head) { head->next = head->prev = head; }
static inline bool list_empty(const struct list *head) { return head->next == head; }
static inline void list_add_tail(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}
static inline void list_add_head(struct list *head, struct list *node)
{
	list_add_tail(head->next, node);
}
/* Leaves node linked to itself, so that removing twice is harmless. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = node->prev = node;
}
#define list_each(head, it) for (struct list *it = (head)->next; it != (head); it = it->next)
#define list_each_safe(head, it, after)                                               \
	for (struct list *it = (head)->next, *after = it->next; it != (head); \
	     it = after, after = it->next)

#endif
