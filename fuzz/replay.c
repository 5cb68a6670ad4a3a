/* Replays the seeds of one fuzz target as a test: each file of fuzz/seeds/TARGET, its truncations
 * to a half and by one byte, and the empty input. A crash or a sanitizer's report is the failure.
 * With arguments: these files. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned count;

/* An exact allocation, so that a sanitizer sees a read beyond it. */
static void feed(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static int replay(const char *path)
{
	static uint8_t data[1u << 20];
	FILE *f = fopen(path, "rb");

	if (!f) {
		printf("Bail out! cannot read %s\n", path);
		return 1;
	}
	size_t len = fread(data, 1, sizeof(data), f);
	fclose(f);
	feed(data, len);
	feed(data, len / 2);
	if (len)
		feed(data, len - 1);
	printf("ok %u - %s\n", ++count, path);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent **names;
	int bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++)
		bad |= replay(argv[i]);
	if (argc == 1) {
		int n = scandir("fuzz/seeds/" TARGET, &names, NULL, alphasort);

		for (int i = 0; i < n; i++) {
			char path[512];

			snprintf(path, sizeof(path), "fuzz/seeds/" TARGET "/%s", names[i]->d_name);
			if (names[i]->d_name[0] != '.')
				bad |= replay(path);
			free(names[i]);
		}
		if (n < 0 || !count) {
			printf("not ok %u - fuzz/seeds/" TARGET " has seeds\n", ++count);
			bad = 1;
		} else {
			free(names);
		}
	}
	feed((const uint8_t *)"", 0);
	printf("ok %u - the empty input\n1..%u\n", count + 1, count + 1);
	return bad;
}
