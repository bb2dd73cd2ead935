/* What a file's POSIX access control list adds to its mode. */
#ifndef SIGNER_ACL_H
#define SIGNER_ACL_H

#include <stdbool.h>

/*
 * With an access control list, the group bits of a file's mode are the list's mask, not what the
 * group may do. True if there is a list and it lets nobody read but the file's owner and us: so
 * systemd hands over credentials (mode 0440, root's, plus us).
 */
bool acl_admits_only_us(int fd);

#endif
