#ifndef EVIO_STDLIB_H
#define EVIO_STDLIB_H
#include <stddef.h>
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void free(void *at);
int atoi(const char *text);
#endif
