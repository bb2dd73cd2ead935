/* Master keys, environments and callers, for an auditor. */
#include <string.h>

#include "base/cleanup.h"
#include "exchange.h"
#include "fill.h"

static enum pm_err fill_master_key(struct exchange *x, const Peppermint__V1__MasterKey *from,
				   struct peppermint_master_key *to)
{
	TRY(FILL_TEXT(x, from->environment, to->environment));
	TRY(FILL_TEXT(x, from->purpose, to->purpose));
	TRY(FILL_TEXT(x, from->name, to->name));
	TRY(fill_bytes(x, from->key_id, to->key_id, sizeof(to->key_id)));
	TRY(fill_bytes(x, from->check_value, to->check_value, sizeof(to->check_value)));
	to->version = from->version;
	to->state = fill_pepper_state(from->state);
	to->algorithm = fill_algorithm(from->algorithm);
	to->created_at = from->created_at;
	to->changed_at = from->changed_at;
	to->read_back = from->read_back;
	if (!from->read_back)
		return PM_OK; /* the token says nothing */
	to->sensitive = from->sensitive;
	to->always_sensitive = from->always_sensitive;
	to->extractable = from->extractable;
	to->never_extractable = from->never_extractable;
	to->local = from->local;
	return PM_OK;
}

/* Words with a space between; none has one in it. */
static enum pm_err join(struct exchange *x, char *const *words, size_t count,
			char to[PEPPERMINT_TEXT_MAX + 1])
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(words[i]);
		size_t gap = i > 0;

		if (len == 0 || strchr(words[i], ' '))
			return exchange_bad_reply(x, "the answer holds a word that is none");
		if (len + gap > PEPPERMINT_TEXT_MAX - used)
			return outcome(x->call, PM_TOO_LARGE,
				       "a caller's roles or environments are over %d bytes",
				       PEPPERMINT_TEXT_MAX);
		if (gap)
			to[used++] = ' ';
		TRY(fill_text(x, words[i], to + used, PEPPERMINT_TEXT_MAX + 1 - used));
		used += len;
	}
	return PM_OK;
}

static enum pm_err fill_caller(struct exchange *x, const Peppermint__V1__CallerInfo *from,
			       struct peppermint_caller *to)
{
	TRY(FILL_TEXT(x, from->name, to->name));
	TRY(join(x, from->roles, from->n_roles, to->roles));
	to->uid = from->uid;
	return join(x, from->environments, from->n_environments, to->environments);
}

static enum pm_err fill_inventory(struct exchange *x, const Peppermint__V1__GetInventoryReply *from,
				  struct peppermint_inventory *to)
{
	if (from->n_keys > PEPPERMINT_INVENTORY_KEYS_MAX ||
	    from->n_environments > PEPPERMINT_ENVIRONMENTS_MAX ||
	    from->n_callers > PEPPERMINT_INVENTORY_CALLERS_MAX)
		return exchange_bad_reply(x, "the answer holds too many keys or callers");
	for (size_t i = 0; i < from->n_keys; i++)
		TRY(fill_master_key(x, from->keys[i], &to->keys[i]));
	for (size_t i = 0; i < from->n_environments; i++)
		TRY(fill_environment(x, from->environments[i], &to->environments[i]));
	for (size_t i = 0; i < from->n_callers; i++)
		TRY(fill_caller(x, from->callers[i], &to->callers[i]));
	to->key_count = from->n_keys;
	to->environment_count = from->n_environments;
	to->caller_count = from->n_callers;
	return PM_OK;
}

enum pm_err peppermint_get_inventory(struct peppermint *handle, enum peppermint_report report,
				     struct peppermint_inventory *inventory,
				     struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__GetInventoryRequest body = PEPPERMINT__V1__GET_INVENTORY_REQUEST__INIT;

	memset(inventory, 0, sizeof(*inventory));
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	body.report = (Peppermint__V1__Report)report;
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_GET_INVENTORY;
	x.request.get_inventory = &body;
	TRY(exchange_run(&x));
	return fill_inventory(&x, x.reply->get_inventory, inventory);
}
