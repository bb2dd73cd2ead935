/* What a command is: a row of the table in command_table.c, and a function that runs it. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "options.h"
#include "output.h"
#include "peppermint/client.h"

/* What a running command has. */
struct session {
	struct options options;
	const struct command *command;
	const char *argument; /* NULL if the command has none */
	const char *second;   /* the one after it, likewise */
	bool changes;         /* the command takes a request id */
	struct peppermint *vault;
	struct peppermint_call call;
	/* The last altered entry that was stepped over and told of, and the last log that was given up
	 * for them. After one, what was printed is not whole, which is STATUS_REFUSED at the end. */
	struct {
		bool any;
		uint32_t log, given_up;
		uint64_t index;
	} altered;
};

struct command {
	const char *group, *verb; /* verb is "" for a group that is a command itself */
	enum status (*run)(struct session *session);
	option_set needs, takes; /* OPT_…, or-ed; the global ones are always taken */
	const char *argument;    /* its name in the help, two names with a blank, or NULL */
	const char *reads;       /* what a line of standard input holds, or NULL */
	const char *summary;
};

extern const struct command commands[];
extern const size_t command_count;

/* NULL after a complaint. Takes the command's words off the options'. */
const struct command *command_find(struct options *options);
/* False after a complaint: options or arguments that the command lacks or does not take. */
bool command_check(const struct command *command, const struct options *options);

void help_all(void);
/* The commands of a group. False if it is none, or a command itself: nothing was printed. */
bool help_group(const char *group);
void help_command(const struct command *command);

/* Says why the vault gave no result. STATUS_VAULT. */
enum status vault_refused(const struct session *session, enum pm_err err);

/* For what may take a while: --timeout's, else as long as a call may take. */
void be_patient(struct session *session);

enum status run_status(struct session *session);
enum status run_account_create(struct session *session);
enum status run_account_update(struct session *session);
enum status run_account_status(struct session *session);
enum status run_account_show(struct session *session);
enum status run_account_list(struct session *session);
enum status run_product_change(struct session *session);
enum status run_product_list(struct session *session);
enum status run_operator_create(struct session *session);
enum status run_operator_update(struct session *session);
enum status run_operator_grant(struct session *session);
enum status run_operator_set_pin(struct session *session);
enum status run_operator_change_pin(struct session *session);
enum status run_operator_disable(struct session *session);
enum status run_operator_list(struct session *session);
enum status run_key_mint(struct session *session);
enum status run_key_verify(struct session *session);
enum status run_key_show(struct session *session);
enum status run_key_list(struct session *session);
enum status run_key_rotate(struct session *session);
enum status run_key_reset(struct session *session);
enum status run_key_update(struct session *session);
enum status run_key_change(struct session *session);
enum status run_key_reveal(struct session *session);
enum status run_key_check_secret(struct session *session);
enum status run_key_unseal_secret(struct session *session);
enum status run_key_leak_report(struct session *session);
enum status run_import(struct session *session);
enum status run_import_hmac_key(struct session *session);
enum status run_hash(struct session *session);
enum status run_hash_verify(struct session *session);
enum status run_pepper_list(struct session *session);
enum status run_pepper_create(struct session *session);
enum status run_pepper_rotate(struct session *session);
enum status run_master_list(struct session *session);
enum status run_master_usage(struct session *session);
enum status run_master_change(struct session *session);
enum status run_master_rewrap(struct session *session);
enum status run_pepper_retire(struct session *session);
enum status run_seal(struct session *session);
enum status run_unseal(struct session *session);
enum status run_audit_logs(struct session *session);
enum status run_audit_tail(struct session *session);
enum status run_audit_search(struct session *session);
enum status run_audit_show(struct session *session);
enum status run_audit_proof(struct session *session);
enum status run_audit_hash(struct session *session);
enum status run_audit_export(struct session *session);
enum status run_audit_cosign(struct session *session);
enum status run_audit_rotate(struct session *session);
enum status run_audit_verify(struct session *session);
enum status run_report_crypto_inventory(struct session *session);
enum status run_report_cryptoperiods(struct session *session);
enum status run_report_custodians(struct session *session);
enum status run_report_attestation(struct session *session);
enum status run_report_log_access(struct session *session);
enum status run_report_control_failures(struct session *session);
enum status run_report_dormant_keys(struct session *session);
enum status run_report_retention(struct session *session);
enum status run_hsm_status(struct session *session);
enum status run_hsm_adopt(struct session *session);
enum status run_hsm_destroy_orphan(struct session *session);
enum status run_hsm_slots(struct session *session);
enum status run_hsm_init_token(struct session *session);
enum status run_hsm_set_pin(struct session *session);
enum status run_hsm_change_pin(struct session *session);
enum status run_hsm_inventory(struct session *session);
enum status run_hsm_self_test(struct session *session);

#endif
