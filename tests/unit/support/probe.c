/*
 * Loads the faulty module and does with it what its words say, one after the other:
 *
 *   init[=RESERVED]   C_Initialize, with operating system's locks, and this string as pReserved
 *   init-unlocked     … without locks
 *   open login[=PIN] logout finalize random copy secret pair hmac
 *   find              how many objects there are
 *   label             the first letter of the token's label
 *   token             its PIN flags and its number of sessions
 *   local             CKA_SENSITIVE and CKA_LOCAL of the secret
 *   point params      CKA_EC_POINT and CKA_EC_PARAMS of the pair
 *   listed known      whether CKM_SHA256_HMAC is in the list, and has an info
 *   every threads     see probe.h
 *   rules=TEXT        replaces the rule file while it runs
 *
 * and prints a line for each: the word, the CK_RV, what there is to show. Never built with
 * sanitizers.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "probe.h"
#include "soft_token.h"

#define OBJECTS_MAX 16

static CK_FUNCTION_LIST *p11;
static CK_SLOT_ID slot; /* of the token */
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE secret, public_key, private_key;
static CK_MECHANISM hmac = { CKM_SHA256_HMAC, NULL, 0 };

static void show(const char *word, CK_RV rv)
{
	printf("%s %s", word, ckr_name(rv) ? ckr_name(rv) : "?");
}

static void show_hex(const CK_BYTE *bytes, CK_ULONG len)
{
	putchar(' ');
	for (CK_ULONG i = 0; i < len; i++)
		printf("%02x", bytes[i]);
}

static CK_RV load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get =
		library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;

	return get ? get(&p11) : CKR_LIBRARY_LOAD_FAILED;
}

/* SoftHSM's last slot has a token that is not initialised. */
static CK_RV initialize(const char *reserved, CK_FLAGS flags)
{
	CK_C_INITIALIZE_ARGS args = { .flags = flags, .pReserved = (void *)reserved };
	CK_SLOT_ID slots[2];
	CK_ULONG count = 2;
	CK_RV rv = p11->C_Initialize(&args);

	if (rv == CKR_OK)
		rv = p11->C_GetSlotList(CK_TRUE, slots, &count);
	slot = slots[0];
	return rv;
}

static CK_RV open_session(void)
{
	return p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
}

static CK_RV log_in(const char *pin)
{
	return p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin));
}

static CK_RV generate_secret(void)
{
	CK_MECHANISM mechanism = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
	CK_BBOOL yes = CK_TRUE;
	CK_ULONG len = 32;
	CK_ATTRIBUTE wanted[] = {
		{ CKA_VALUE_LEN, &len, sizeof(len) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_SENSITIVE, &yes, sizeof(yes) },
	};

	return p11->C_GenerateKey(session, &mechanism, wanted, 3, &secret);
}

static CK_RV generate_pair(void)
{
	CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_BYTE p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE public_wanted[] = { { CKA_EC_PARAMS, p256, sizeof(p256) } };
	CK_ATTRIBUTE private_wanted[] = { { CKA_SIGN, &yes, sizeof(yes) } };

	return p11->C_GenerateKeyPair(session, &mechanism, public_wanted, 1, private_wanted, 1,
				      &public_key, &private_key);
}

static CK_RV copy(void)
{
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE change = { CKA_TOKEN, &no, sizeof(no) };
	CK_OBJECT_HANDLE to;

	return p11->C_CopyObject(session, secret, &change, 1, &to);
}

static void sign(const char *word)
{
	CK_BYTE mac[32];
	CK_ULONG len = sizeof(mac);
	CK_RV rv = p11->C_SignInit(session, &hmac, secret);

	if (rv == CKR_OK)
		rv = p11->C_Sign(session, (CK_BYTE *)"data", 4, mac, &len);
	show(word, rv);
	if (rv == CKR_OK)
		show_hex(mac, len);
}

static void find(const char *word)
{
	CK_OBJECT_HANDLE found[OBJECTS_MAX];
	CK_ULONG count = 0;
	CK_RV rv = p11->C_FindObjectsInit(session, NULL, 0);

	if (rv == CKR_OK)
		rv = p11->C_FindObjects(session, found, OBJECTS_MAX, &count);
	p11->C_FindObjectsFinal(session);
	show(word, rv);
	printf(" %lu", count);
}

static void show_label(const char *word)
{
	CK_TOKEN_INFO info;

	show(word, p11->C_GetTokenInfo(slot, &info));
	printf(" %c", info.label[0]);
}

static void show_token(const char *word)
{
	CK_TOKEN_INFO info;

	show(word, p11->C_GetTokenInfo(slot, &info));
	printf("%s%s%s %ld", info.flags & CKF_USER_PIN_COUNT_LOW ? " low" : "",
	       info.flags & CKF_USER_PIN_FINAL_TRY ? " final" : "",
	       info.flags & CKF_USER_PIN_LOCKED ? " locked" : "", (long)info.ulMaxRwSessionCount);
}

static void show_local(const char *word)
{
	CK_BBOOL sensitive = 9, local = 9;
	CK_ATTRIBUTE asked[] = { { CKA_LOCAL, &local, sizeof(local) },
				 { CKA_SENSITIVE, &sensitive, sizeof(sensitive) } };

	show(word, p11->C_GetAttributeValue(session, secret, asked, 2));
	printf(" sensitive=%d/%ld local=%d/%ld", sensitive, (long)asked[1].ulValueLen, local,
	       (long)asked[0].ulValueLen);
}

/* Its length first, as programs do that know nothing of curves. */
static void show_attribute(const char *word, CK_ATTRIBUTE_TYPE type)
{
	CK_BYTE value[256];
	CK_ATTRIBUTE asked = { type, NULL, 0 };
	CK_RV rv = p11->C_GetAttributeValue(session, public_key, &asked, 1);
	const CK_ULONG len = asked.ulValueLen;

	asked.pValue = value;
	if (rv == CKR_OK && len <= sizeof(value))
		rv = p11->C_GetAttributeValue(session, public_key, &asked, 1);
	show(word, rv);
	if (rv == CKR_OK && asked.ulValueLen == len)
		show_hex(value, len);
}

static CK_RV list_hmac(void)
{
	CK_MECHANISM_TYPE types[512];
	CK_ULONG count = 512;
	CK_RV rv = p11->C_GetMechanismList(slot, types, &count);

	for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
		if (types[i] == CKM_SHA256_HMAC)
			return CKR_OK;
	}
	return CKR_MECHANISM_INVALID;
}

static CK_RV know_hmac(void)
{
	CK_MECHANISM_INFO info;

	return p11->C_GetMechanismInfo(slot, CKM_SHA256_HMAC, &info);
}

static CK_RV random_bytes(void)
{
	CK_BYTE bytes[16];

	return p11->C_GenerateRandom(session, bytes, sizeof(bytes));
}

static CK_RV replace_rules(const char *text)
{
	const char *path = getenv("FAULTY_RULES");
	char fresh[256];

	snprintf(fresh, sizeof(fresh), "%s.probe", path);
	FILE *file = fopen(fresh, "w");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0 || rename(fresh, path) != 0)
		return CKR_GENERAL_ERROR;
	return CKR_OK;
}

static CK_RV use_threads(void)
{
	return probe_threads(p11, slot) == 0 ? CKR_OK : CKR_FUNCTION_FAILED;
}

static bool say_more(const char *word)
{
	if (strcmp(word, "hmac") == 0)
		sign(word);
	else if (strcmp(word, "find") == 0)
		find(word);
	else if (strcmp(word, "label") == 0)
		show_label(word);
	else if (strcmp(word, "token") == 0)
		show_token(word);
	else if (strcmp(word, "local") == 0)
		show_local(word);
	else if (strcmp(word, "point") == 0)
		show_attribute(word, CKA_EC_POINT);
	else if (strcmp(word, "params") == 0)
		show_attribute(word, CKA_EC_PARAMS);
	else
		return false;
	return true;
}

static CK_RV log_out(void)
{
	return p11->C_Logout(session);
}

static CK_RV finalize(void)
{
	return p11->C_Finalize(NULL);
}

static CK_RV initialize_unlocked(void)
{
	return initialize(NULL, 0);
}

static CK_RV use_every_function(void)
{
	probe_every_function(p11);
	return CKR_OK;
}

static const struct {
	const char *word;
	CK_RV (*run)(void);
} words[] = {
	{ "init-unlocked", initialize_unlocked },
	{ "open", open_session },
	{ "logout", log_out },
	{ "finalize", finalize },
	{ "random", random_bytes },
	{ "copy", copy },
	{ "secret", generate_secret },
	{ "pair", generate_pair },
	{ "listed", list_hmac },
	{ "known", know_hmac },
	{ "every", use_every_function },
	{ "threads", use_threads },
};

static bool run_with(char *word, const char *argument)
{
	if (strcmp(word, "init") == 0)
		show(word, initialize(argument, CKF_OS_LOCKING_OK));
	else if (strcmp(word, "login") == 0)
		show(word, log_in(argument ? argument : SOFT_TOKEN_PIN));
	else if (strcmp(word, "rules") == 0 && argument)
		show(word, replace_rules(argument));
	else
		return false;
	return true;
}

static bool run(char *word)
{
	char *argument = strchr(word, '=');

	if (argument)
		*argument++ = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, word) != 0)
			continue;
		show(word, words[i].run());
		return true;
	}
	return say_more(word) || run_with(word, argument);
}

int main(int argc, char **argv)
{
	CK_RV rv = argc > 1 ? load(argv[1]) : CKR_ARGUMENTS_BAD;

	if (rv != CKR_OK) {
		show("load", rv);
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 2; i < argc; i++) {
		if (!run(argv[i]))
			return 2;
		putchar('\n');
	}
	return 0;
}
