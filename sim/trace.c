#include "sim/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
	return hash ^ hash >> 29;
}

void trace_mix(struct trace *t, uint64_t a, uint64_t b, struct bytes data)
{
	uint64_t h = mix(mix(mix(t->hash, a), b), data.len);
	size_t i = 0;

	for (; i + 8 <= data.len; i += 8)
		h = mix(h, load_le64(data.data + i));
	for (; i < data.len; i++)
		h = mix(h, data.data[i]);
	t->hash = h;
	t->count++;
}

void trace_line(struct trace *t, struct instant now, const char *format, ...)
{
	va_list args;

	if (!t->lines)
		return;
	fprintf(t->lines, "[%4" PRIu64 ".%03" PRIu64 "] ", now.ns / 1000000000u,
		now.ns / 1000000u % 1000u);
	va_start(args, format);
	vfprintf(t->lines, format, args);
	va_end(args);
	fputc('\n', t->lines);
}
