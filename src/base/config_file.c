/* Where a configuration comes from, and the readers of its common kinds of value. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/config.h"

static enum pm_err check_file(int fd, struct config_fault *fault)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return config_refuse(fault, 0, "cannot be read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return config_refuse(fault, 0, "is not a file");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return config_refuse(fault, 0, "belongs to neither root nor this user: chown it");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return config_refuse(fault, 0, "is writable by others than its owner: chmod go-w");
	return PM_OK;
}

static enum pm_err read_all(int fd, uint8_t *room, size_t size, size_t *len,
			    struct config_fault *fault)
{
	for (*len = 0; *len < size;) {
		ssize_t got = read(fd, room + *len, size - *len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return config_refuse(fault, 0, "cannot be read: %s", strerror(errno));
		if (got == 0)
			return PM_OK;
		*len += (size_t)got;
	}
	return config_refuse(fault, 0, "is larger than %d bytes", CONFIG_FILE_MAX);
}

enum pm_err config_read_file(const char *path, uint8_t room[CONFIG_FILE_MAX + 1],
			     struct bytes *text, struct config_fault *fault)
{
	/* O_NONBLOCK: a FIFO is to be refused, not waited for. */
	int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t len = 0;

	if (fd < 0)
		return config_refuse(fault, 0, "cannot be read: %s", strerror(errno));
	TRY(check_file(fd, fault));
	TRY(read_all(fd, room, CONFIG_FILE_MAX + 1, &len, fault));
	*text = bytes_of(room, len);
	return PM_OK;
}

static bool read_digits(const char *value, int base, uint32_t min, uint32_t max, uint32_t *number)
{
	const char *digits = base == 8 ? "01234567" : "0123456789";

	/* strtoul alone would take blanks and signs. */
	if (strspn(value, digits) != strlen(value))
		return false;
	errno = 0;
	unsigned long parsed = strtoul(value, NULL, base);
	if (errno != 0 || parsed < min || parsed > max)
		return false;
	*number = (uint32_t)parsed;
	return true;
}

bool config_read_number(const struct config_setting *setting, const char *value, void *field)
{
	return read_digits(value, 10, setting->min, setting->max, field);
}

bool config_read_octal(const struct config_setting *setting, const char *value, void *field)
{
	return read_digits(value, 8, setting->min, setting->max, field);
}

bool config_read_text(const struct config_setting *setting, const char *value, void *field)
{
	size_t len = strlen(value);

	if (len >= setting->size)
		return false;
	memcpy(field, value, len + 1);
	return true;
}

bool config_read_path(const struct config_setting *setting, const char *value, void *field)
{
	return value[0] == '/' && config_read_text(setting, value, field);
}

struct bytes config_next_word(const char **rest)
{
	const char *start = *rest + strspn(*rest, " ");
	size_t len = strcspn(start, " ");

	*rest = start + len;
	return bytes_of(start, len);
}
