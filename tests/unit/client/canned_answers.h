/* What the canned vault answers to each call; the parts of the answer lie in `room`. */
#ifndef TESTS_CANNED_ANSWERS_H
#define TESTS_CANNED_ANSWERS_H

#include "canned.h"

#define CANNED_ITEMS 512
#define CANNED_OBJECTS 3

struct canned_answer {
	union {
		Peppermint__V1__StatusReply status;
		Peppermint__V1__MintKeyReply mint_key;
		Peppermint__V1__VerifyKeysReply verify_keys;
		Peppermint__V1__GetKeyReply get_key;
		Peppermint__V1__ListKeysReply list_keys;
		Peppermint__V1__RotateKeyReply rotate_key;
		Peppermint__V1__RevokeKeyReply revoke_key;
		Peppermint__V1__HashReply hash;
		Peppermint__V1__VerifyHashReply verify_hash;
		Peppermint__V1__ListPeppersReply list_peppers;
		Peppermint__V1__CreatePepperReply create_pepper;
		Peppermint__V1__RotatePepperReply rotate_pepper;
		Peppermint__V1__ListLogsReply list_logs;
		Peppermint__V1__ReadLogReply read_log;
		Peppermint__V1__ProveEntryReply prove_entry;
		Peppermint__V1__AddCosignatureReply add_cosignature;
		Peppermint__V1__RotateLogReply rotate_log;
		Peppermint__V1__HashTextReply hash_text;
		Peppermint__V1__GetInventoryReply get_inventory;
		Peppermint__V1__ListMastersReply list_masters;
		Peppermint__V1__ChangeMasterReply change_master;
		Peppermint__V1__InspectTokenReply inspect_token;
		Peppermint__V1__SettleOrphanReply settle_orphan;
		Peppermint__V1__SealReply seal;
		Peppermint__V1__UnsealReply unseal;
		Peppermint__V1__ChangePinReply change_pin;
		Peppermint__V1__UpdateKeyReply update_key;
		Peppermint__V1__ResetSecretReply reset_secret;
		Peppermint__V1__RollbackKeyReply rollback_key;
		Peppermint__V1__VerifySecretReply verify_secret;
		Peppermint__V1__RevealKeyReply reveal_key;
		Peppermint__V1__ConfirmReply confirm;
		Peppermint__V1__CreateAccountReply create_account;
		Peppermint__V1__UpdateAccountReply update_account;
		Peppermint__V1__GetAccountReply get_account;
		Peppermint__V1__ListAccountsReply list_accounts;
		Peppermint__V1__CreateOperatorReply create_operator;
		Peppermint__V1__UpdateOperatorReply update_operator;
		Peppermint__V1__ListOperatorsReply list_operators;
		Peppermint__V1__ChangeOperatorPinReply change_operator_pin;
		Peppermint__V1__ImportKeysReply import_keys;
		Peppermint__V1__ImportHmacKeyReply import_hmac_key;
		Peppermint__V1__ReportLeaksReply report_leaks;
	} body;
	Peppermint__V1__Key keys[CANNED_KEYS];
	char key_ids[CANNED_KEYS][17];
	Peppermint__V1__Verdict verdicts[CANNED_ITEMS];
	Peppermint__V1__HashVerdict hash_verdicts[CANNED_ITEMS];
	char hashes[CANNED_ITEMS][64];
	Peppermint__V1__EnvironmentStatus environments[2];
	Peppermint__V1__PepperVersion versions[2];
	Peppermint__V1__Pepper pepper;
	void *pointers[CANNED_ITEMS]; /* to the items of the list that the call answers */
	void *version_pointers[2];
	char page_token[16];
	Peppermint__V1__AuditStatus audit;
	Peppermint__V1__Receipt receipt;
	Peppermint__V1__Log logs[CANNED_LOG + 1];
	char log_texts[CANNED_LOG + 1][2][256]; /* origin, note */
	Peppermint__V1__LogEntry entries[CANNED_ENTRIES];
	char entry_texts[CANNED_ENTRIES][64];
	Peppermint__V1__MasterKey master_key;
	Peppermint__V1__CallerInfo caller;
	void *master_key_pointers[1];
	void *caller_pointers[1];
	Peppermint__V1__TokenStatus tokens[3];
	void *token_pointers[3];
	Peppermint__V1__MasterVersion masters[4];
	char master_text[256];
	Peppermint__V1__TokenObject objects[CANNED_OBJECTS];
	Peppermint__V1__TokenMechanism mechanisms[2];
	void *mechanism_pointers[2];
	Peppermint__V1__Label label;
	void *label_pointers[1];
	char *scopes[2];
	char *networks[2];
	Peppermint__V1__Account accounts[CANNED_ACCOUNTS];
	Peppermint__V1__Product products[2];
	void *product_pointers[2];
	Peppermint__V1__Operator people[CANNED_OPERATORS];
	Peppermint__V1__Grant grants[2];
	void *grant_pointers[2];
	Peppermint__V1__ImportOutcome outcomes[CANNED_ITEMS];
	char outcome_ids[CANNED_ITEMS][17];
	Peppermint__V1__LeakVerdict leaks[2];
};

#define PREPARE(reply, room, name, INIT)                                                           \
	((room)->body.name = (__typeof__((room)->body.name))INIT,                                  \
	 (reply)->result_case = (Peppermint__V1__Reply__ResultCase)request->call_case,             \
	 (reply)->name = &(room)->body.name)

void canned_refuse(Peppermint__V1__Reply *reply, Peppermint__V1__Error error, char *message);

/* canned_masters.c: the calls from ListMasters on. */
void canned_answer_masters(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			   struct canned_answer *room);

/* canned_lifecycle.c: those from UpdateKey on; canned_imports.c: ImportKeys among them. */
void canned_answer_lifecycle(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			     struct canned_answer *room);
void canned_answer_import(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			  struct canned_answer *room);

/* The canned key, number `i` of a list. */
Peppermint__V1__Key *canned_key(struct canned_answer *room, size_t i, char *environment);
/* What is handed out: sealed if there is a recipient. */
void canned_hand_out(ProtobufCBinaryData recipient, char **api_key, char **sealed, char **merchant);
/* False after a refusal: the request lacks CANNED_CONFIRMATION or, with `pin`, CANNED_PIN. */
bool canned_step_up(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply, bool pin);

void canned_answer(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
		   struct canned_answer *room);

#endif
