/* Readers (base/config.h) of the kinds of value that only peppermintd's configuration has. */
#ifndef DAEMON_READERS_H
#define DAEMON_READERS_H

#include "base/config.h"

/* `must_be` texts: what each reader takes. */
#define MUST_BE_PREFIX "2 to 16 of A-Z a-z 0-9 _ with a _ at the end"
#define MUST_BE_TOKEN "an RFC 7512 URI, pkcs11:..., without pin-value and pin-source"
#define MUST_BE_ROLES "one or more of: verifier issuer portal staff hasher custodian auditor"
#define MUST_BE_VARIABLES "NAME=VALUE words, parted by blanks"
#define MUST_BE_USER "the name of a user of this machine"
#define MUST_BE_GROUP "the name of a group of this machine"
#define MUST_BE_ORIGIN "a name of at most 100 bytes, without blanks and '+'"
#define MUST_BE_ACTS "folded or each"
#define MUST_BE_SINK "none or syslog"
#define MUST_BE_ROTATE "manual or auto"
#define MUST_BE_MONTHS "0 (for ever), or 12 to 1200: an audit log is kept for a year at least"
#define MUST_BE_ACCOUNTS "registered or any"
#define MUST_BE_REFERENCES "caller or generated"
#define MUST_BE_FLAG "yes or no"
#define MUST_BE_STEP_UP "none, or one or more of: mint rotate reset revoke update reveal operators"
#define MUST_BE_ON_LEAK "report, disable or revoke"
#define MUST_BE_VKEY "a verifier key of C2SP signed-note: name+hash+base64, the hash being its own"

bool read_prefix(const struct config_setting *setting, const char *value, void *field);
bool read_token(const struct config_setting *setting, const char *value, void *field);
bool read_roles(const struct config_setting *setting, const char *value, void *field);
bool read_variables(const struct config_setting *setting, const char *value, void *field);

/* Into a struct optional_id: the uid, the gid, or the number itself. */
bool read_user(const struct config_setting *setting, const char *value, void *field);
bool read_group(const struct config_setting *setting, const char *value, void *field);
bool read_id(const struct config_setting *setting, const char *value, void *field);

bool read_origin(const struct config_setting *setting, const char *value, void *field);
bool read_acts(const struct config_setting *setting, const char *value, void *field);
bool read_sink(const struct config_setting *setting, const char *value, void *field);
bool read_rotate(const struct config_setting *setting, const char *value, void *field);
bool read_months(const struct config_setting *setting, const char *value, void *field);
bool read_accounts(const struct config_setting *setting, const char *value, void *field);
bool read_references(const struct config_setting *setting, const char *value, void *field);
bool read_flag(const struct config_setting *setting, const char *value, void *field);
bool read_step_up(const struct config_setting *setting, const char *value, void *field);
bool read_on_leak(const struct config_setting *setting, const char *value, void *field);
/* Into a struct tlog_key, of any type. */
bool read_vkey(const struct config_setting *setting, const char *value, void *field);

#endif
