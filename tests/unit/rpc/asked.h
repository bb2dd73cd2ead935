/*
 * One request after the other over one libnanomsg connection to the fixture's server: made whole,
 * changed as a test wishes, sent, and its reply kept until the next one.
 */
#ifndef TEST_ASKED_H
#define TEST_ASKED_H

#include "fixture.h"

#define OBJECT_ID "0123456789abcdef" /* 16 bytes */
#define PIN "271828"
#define NEW_PIN "314159"
#define KEY_ID "0123456789ABCDEF"
#define R(name) Peppermint__V1__##name##Request

/* One request of each call, complete; a test changes what it is about. */
struct asked {
	Peppermint__V1__Request request;
	union {
		R(Status) status;
		R(MintKey) mint_key;
		R(VerifyKeys) verify_keys;
		R(GetKey) get_key;
		R(ListKeys) list_keys;
		R(RotateKey) rotate_key;
		R(RevokeKey) revoke_key;
		R(Hash) hash;
		R(VerifyHash) verify_hash;
		R(ListPeppers) list_peppers;
		R(CreatePepper) create_pepper;
		R(RotatePepper) rotate_pepper;
		R(ListLogs) list_logs;
		R(ReadLog) read_log;
		R(ProveEntry) prove_entry;
		R(AddCosignature) add_cosignature;
		R(RotateLog) rotate_log;
		R(HashText) hash_text;
		R(GetInventory) get_inventory;
		R(ListMasters) list_masters;
		R(ChangeMaster) change_master;
		R(InspectToken) inspect_token;
		R(SettleOrphan) settle_orphan;
		R(Seal) seal;
		R(Unseal) unseal;
		R(ChangePin) change_pin;
		R(UpdateKey) update_key;
		R(ResetSecret) reset_secret;
		R(RollbackKey) rollback_key;
		R(VerifySecret) verify_secret;
		R(RevealKey) reveal_key;
		R(Confirm) confirm;
		R(CreateAccount) create_account;
		R(UpdateAccount) update_account;
		R(GetAccount) get_account;
		R(ListAccounts) list_accounts;
		R(CreateOperator) create_operator;
		R(UpdateOperator) update_operator;
		R(ListOperators) list_operators;
		R(ChangeOperatorPin) change_operator_pin;
		R(ImportKeys) import_keys;
		R(ImportHmacKey) import_hmac_key;
		R(ReportLeaks) report_leaks;
	};
	char *texts[2];
	ProtobufCBinaryData values[2];
	Peppermint__V1__HashedValue items[2];
	Peppermint__V1__HashedValue *item_list[2];
	Peppermint__V1__ImportedKey imports[2];
	Peppermint__V1__ImportedKey *import_list[2];
	Peppermint__V1__Grant grant;
	Peppermint__V1__Grant *grant_list[1];
	Peppermint__V1__Product product;
	Peppermint__V1__Product *product_list[1];
	Peppermint__V1__Label label;
	Peppermint__V1__Label *label_list[1];
	int socket;
	Peppermint__V1__Reply *reply;
	struct fixture *f;
	unsigned ids;
	char id[16];
};

#undef R

/* The calls' numbers, and those that do not name an environment. */
#define FIRST 16
#define LAST 58
bool is_of_the_whole_vault(uint32_t call);

/* As cmocka's setup and teardown. */
int asked_setup(void **state);
int asked_teardown(void **state);

/* An empty request of that call, in environment test if it has one; and a complete one. */
void make(struct asked *a, uint32_t call);
void make_whole(struct asked *a, uint32_t call);

ProtobufCBinaryData of_text(const char *text);

/* Sends it and checks what holds for every reply. */
enum pm_err send_it(struct asked *a);
enum pm_err ask_whole(struct asked *a, uint32_t call);
void expect_refusal(struct asked *a, enum pm_err err, const char *message);

#endif
