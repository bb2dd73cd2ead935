#define _GNU_SOURCE
#include "acl.h"

#include <endian.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ENTRIES_MAX 16

struct acl {
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry entries[ENTRIES_MAX];
};

static bool is_harmless(const struct posix_acl_xattr_entry *entry)
{
	switch (le16toh(entry->e_tag)) {
	case ACL_USER_OBJ:
	case ACL_MASK: /* only limits what others give */
		return true;
	case ACL_USER:
		return le32toh(entry->e_id) == geteuid();
	default: /* groups and everybody */
		return entry->e_perm == 0;
	}
}

bool acl_admits_only_us(int fd)
{
	struct acl acl;
	ssize_t len = fgetxattr(fd, "system.posix_acl_access", &acl, sizeof(acl));

	if (len < (ssize_t)sizeof(acl.header) ||
	    le32toh(acl.header.a_version) != POSIX_ACL_XATTR_VERSION)
		return false;
	size_t count = ((size_t)len - sizeof(acl.header)) / sizeof(acl.entries[0]);
	for (size_t i = 0; i < count; i++) {
		if (!is_harmless(&acl.entries[i]))
			return false;
	}
	return true;
}
