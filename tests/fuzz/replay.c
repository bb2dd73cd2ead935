/* The main function of fuzz targets in builds without libFuzzer: runs every file of a folder. */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "fuzz.h"

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

/* The block is as long as the file, so that a sanitizer sees a read past its end. */
static bool replay(const char *path)
{
	FILE *file CLEANUP(close_file) = fopen(path, "rb");
	struct stat st;

	if (!file || fstat(fileno(file), &st) != 0)
		return false;
	size_t size = (size_t)st.st_size;
	uint8_t *data CLEANUP(free_ptr) = malloc(size > 0 ? size : 1);
	if (!data || fread(data, 1, size, file) != size)
		return false;
	LLVMFuzzerTestOneInput(data, size);
	return true;
}

int main(int argc, char **argv)
{
	/* Called as libFuzzer is: options, which mean nothing here, and then the folder. */
	const char *name = argv[argc - 1];
	DIR *folder CLEANUP(close_folder) = opendir(name);
	char path[4096];
	int count = 0;

	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", name, entry->d_name);
		if (!replay(path)) {
			fprintf(stderr, "cannot read %s\n", path);
			return EXIT_FAILURE;
		}
		count++;
	}
	printf("%d inputs\n", count);
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
