/* Every slot of a module and the token in it: what is read of them, and the command hsm slots. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "hsm_module.h"

#define SLOTS_MAX 256
#define STATE_ROOM 512

/* `set` and `unset` are for people; NULL says nothing. */
static const struct {
	CK_FLAGS flag;
	const char *name, *set, *unset;
} flag_rows[] = {
	{ CKF_TOKEN_INITIALIZED, "TOKEN_INITIALIZED", "initialised", "not initialised" },
	{ CKF_LOGIN_REQUIRED, "LOGIN_REQUIRED", "login required", "no login required" },
	{ CKF_USER_PIN_INITIALIZED, "USER_PIN_INITIALIZED", "user PIN set", "no user PIN yet" },
	{ CKF_USER_PIN_COUNT_LOW, "USER_PIN_COUNT_LOW",
	  "user PIN: COUNT LOW, a wrong one was given since the last login", NULL },
	{ CKF_USER_PIN_FINAL_TRY, "USER_PIN_FINAL_TRY",
	  "user PIN: FINAL TRY, one more wrong one locks it", NULL },
	{ CKF_USER_PIN_LOCKED, "USER_PIN_LOCKED", "user PIN: LOCKED", NULL },
	{ CKF_USER_PIN_TO_BE_CHANGED, "USER_PIN_TO_BE_CHANGED", "user PIN: to be changed", NULL },
	{ CKF_SO_PIN_COUNT_LOW, "SO_PIN_COUNT_LOW",
	  "SO PIN: COUNT LOW, a wrong one was given since the last login", NULL },
	{ CKF_SO_PIN_FINAL_TRY, "SO_PIN_FINAL_TRY",
	  "SO PIN: FINAL TRY, one more wrong one locks it", NULL },
	{ CKF_SO_PIN_LOCKED, "SO_PIN_LOCKED", "SO PIN: LOCKED", NULL },
	{ CKF_SO_PIN_TO_BE_CHANGED, "SO_PIN_TO_BE_CHANGED", "SO PIN: to be changed", NULL },
	{ CKF_WRITE_PROTECTED, "WRITE_PROTECTED", "write protected", NULL },
	{ CKF_PROTECTED_AUTHENTICATION_PATH, "PROTECTED_AUTHENTICATION_PATH",
	  "PINs are entered at the token", NULL },
	{ CKF_RNG, "RNG", NULL, NULL },
};
#define FLAG_ROWS (sizeof(flag_rows) / sizeof(flag_rows[0]))

static json_t *flag_names(CK_FLAGS flags)
{
	json_t *names = json_array();

	for (size_t i = 0; i < FLAG_ROWS; i++) {
		if (flags & flag_rows[i].flag)
			json_array_append_new(names, json_string(flag_rows[i].name));
	}
	return names;
}

/* Of a token that is not initialised, what else it lacks goes without saying. */
static void state_text(CK_FLAGS flags, char out[STATE_ROOM])
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < FLAG_ROWS; i++) {
		const char *text =
			flags & flag_rows[i].flag ? flag_rows[i].set : flag_rows[i].unset;

		if (text && used < STATE_ROOM)
			used += (size_t)snprintf(out + used, STATE_ROOM - used, "%s%s",
						 used ? "; " : "", text);
		if (i == 0 && (flags & CKF_TOKEN_INITIALIZED) == 0)
			return;
	}
}

static json_t *version_json(const CK_VERSION *version)
{
	return json_sprintf("%u.%u", version->major, version->minor);
}

static json_t *field_json(const CK_UTF8CHAR *field, size_t width)
{
	char text[64 + 1];

	field_copy(field, width, text);
	return text_json(text, strlen(text));
}
#define FIELD(field) field_json((field), sizeof(field))

static bool field_is_clean(const CK_UTF8CHAR *field, size_t width)
{
	char text[64 + 1];

	field_copy(field, width, text);
	return text_is_clean(bytes_str(text));
}
#define IS_CLEAN(field) field_is_clean((field), sizeof(field))

static bool is_software(const CK_TOKEN_INFO *info)
{
	char model[sizeof(info->model) + 1];

	field_copy(info->model, sizeof(info->model), model);
	return strcasestr(model, "softhsm");
}

static json_t *token_row(const CK_TOKEN_INFO *info)
{
	char state[STATE_ROOM];

	state_text(info->flags, state);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o}", "label",
			 FIELD(info->label), "serial", FIELD(info->serialNumber), "model",
			 FIELD(info->model), "manufacturer", FIELD(info->manufacturerID),
			 "firmware", version_json(&info->firmwareVersion), "hardware",
			 version_json(&info->hardwareVersion), "certified",
			 is_software(info) ? "NOT CERTIFIED" : "see its certificate", "state",
			 state, "flags", flag_names(info->flags));
}

static json_t *slot_row(CK_FUNCTION_LIST *p11, CK_SLOT_ID slot)
{
	CK_SLOT_INFO info = { .flags = 0 };

	p11->C_GetSlotInfo(slot, &info);
	return json_pack("{s:I, s:o}", "slot", (json_int_t)slot, "description",
			 FIELD(info.slotDescription));
}

static void send_token(struct worker *worker, json_t *row, const CK_TOKEN_INFO *info)
{
	bool named = IS_CLEAN(info->manufacturerID) && IS_CLEAN(info->model) &&
		     IS_CLEAN(info->serialNumber);

	json_object_update_new(row, must_have(token_row(info)));
	worker_row(worker,
		   json_pack("{s:o, s:I, s:I, s:I, s:b}", "row", row, "flags",
			     (json_int_t)info->flags, "pin_min", (json_int_t)info->ulMinPinLen,
			     "pin_max", (json_int_t)info->ulMaxPinLen, "named", (int)named));
}

/* Without a token, or with one that cannot be read. */
static void send_slot(struct worker *worker, json_t *row, CK_RV rv)
{
	if (rv != CKR_TOKEN_NOT_PRESENT)
		json_object_set_new(row, "state",
				    json_sprintf("the token cannot be read (0x%lx)", rv));
	worker_row(worker, json_pack("{s:o}", "row", row));
}

struct search {
	const struct options *options;
	const P11KitUri *uri;
};

static void look_into(struct worker *worker, const struct search *search, CK_FUNCTION_LIST *p11,
		      CK_SLOT_ID slot)
{
	CK_TOKEN_INFO info;
	CK_RV rv = p11->C_GetTokenInfo(slot, &info);

	if (search->uri && (rv != CKR_OK || !p11_kit_uri_match_token_info(search->uri, &info)))
		return;
	json_t *row = must_have(slot_row(p11, slot));
	if (rv == CKR_OK)
		send_token(worker, row, &info);
	else
		send_slot(worker, row, rv);
}

static enum status list_slots(struct worker *worker, void *arg, const struct pins *pins)
{
	const struct search *search = arg;
	CK_FUNCTION_LIST *p11 = NULL;
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;

	(void)pins;
	if (!module_load(search->options, &p11))
		return STATUS_VAULT;
	/* Slots without a token too: some modules forget to set CKF_TOKEN_PRESENT. */
	CK_RV rv = p11->C_GetSlotList(CK_FALSE, slots, &count);
	if (rv != CKR_OK) {
		complain_ck(rv, "module %s lists no slots", search->options->module);
		return STATUS_VAULT;
	}
	for (CK_ULONG i = 0; i < count; i++)
		look_into(worker, search, p11, slots[i]);
	return STATUS_DONE;
}

/* The flags' type is as wide as JSON's integers, sign aside. */
static unsigned long number_of(const json_t *message, const char *name)
{
	return (unsigned long)json_integer_value(json_object_get(message, name));
}

static const char *text_of(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	return text ? text : "";
}

static void add_slot(void *arg, json_t *message)
{
	struct slots *slots = arg;
	json_t *row = json_incref(json_object_get(message, "row"));

	slots->all = must_have(reallocarray(slots->all, slots->count + 1, sizeof(*slots->all)));
	slots->all[slots->count++] = (struct token){
		.row = row,
		.present = json_object_get(message, "flags") != NULL,
		.label = text_of(row, "label"),
		.manufacturer = text_of(row, "manufacturer"),
		.model = text_of(row, "model"),
		.serial = text_of(row, "serial"),
		.slot = number_of(row, "slot"),
		.flags = number_of(message, "flags"),
		.pin_min = number_of(message, "pin_min"),
		.pin_max = number_of(message, "pin_max"),
		.named = json_is_true(json_object_get(message, "named")),
	};
	json_decref(message);
}

void slots_end(struct slots *slots)
{
	for (size_t i = 0; i < slots->count; i++)
		json_decref(slots->all[i].row);
	free(slots->all);
}

enum status slots_read(const struct session *session, const P11KitUri *uri, struct slots *slots)
{
	struct search search = { .options = &session->options, .uri = uri };
	const struct work work = {
		.module = session->options.module,
		.timeout_ms = hsm_timeout(session),
		.job = list_slots,
		.job_arg = &search,
		.row = add_slot,
		.row_arg = slots,
	};

	return work_run(&work);
}

static const struct column columns[] = {
	{ "SLOT", "slot", false },         { "DESCRIPTION", "description", false },
	{ "TOKEN", "label", false },       { "SERIAL", "serial", false },
	{ "MODEL", "model", false },       { "MANUFACTURER", "manufacturer", false },
	{ "FIRMWARE", "firmware", false }, { "CERTIFIED", "certified", false },
	{ "STATE", "state", false },
};

enum status run_hsm_slots(struct session *session)
{
	struct sheet sheet CLEANUP(sheet_end) =
		SHEET(session->options.given & OPT_JSON ? SHEET_JSON : SHEET_TABLE, columns);
	struct slots slots CLEANUP(slots_end) = { 0 };
	P11KitUri *uri CLEANUP(uri_end) = NULL;
	bool software = false;
	enum status status = hsm_options(session, &uri);

	if (status == STATUS_DONE)
		status = slots_read(session, uri, &slots);
	if (status != STATUS_DONE)
		return status;
	for (size_t i = 0; i < slots.count; i++) {
		software = software || token_is_software(&slots.all[i]);
		sheet_row(&sheet, json_incref(slots.all[i].row));
	}
	sheet_finish(&sheet, NULL);
	if (software)
		software_remark(&sheet);
	return STATUS_DONE;
}
