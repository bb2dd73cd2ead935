/*
 * The n-th call of every function that a signer makes into its module fails, for every n, in every
 * way, while others use the vault: what is answered must be right, and in time, and the service must
 * come back by itself.
 *
 * The module is tests/support/faulty-pkcs11, told by its rules file. For each fault and function,
 * n = 1, 2, …: the fault is armed for the n-th call from now on; the environment is sealed and
 * unsealed, so that a fresh signer starts, logs in and is checked; one of each operation is done;
 * and when the fault did not fire in all that, there is no n-th call, and the next function is due.
 * Functions that the load calls as well would never run out of calls: they end at MOST.
 *
 * Threads of load verify good, wrong and revoked keys, mint and hash all the while; a bystander
 * verifies in the other environment, whose token is well. A wrong verdict, a wrong hash, an answer
 * that is late, a key that was minted and does not verify, or an error for the bystander ends it with 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "peppermint/client.h"

#define KEYS 4
#define LOAD_THREADS 3
#define CALL_TIMEOUT_MS 3000
#define LATE_MS (CALL_TIMEOUT_MS + 1500) /* the machine is shared */
#define BACK_WITHIN_MS 30000
#define MINTED_MAX 32
#define SAMPLES_MAX 200000
#define ERRORS_MAX 64
#define PIN_MAX 256

/* X(name in the table, what the rule does) */
#define FAULTS(X)                                                                                  \
	X("DEVICE_ERROR", "return CKR_DEVICE_ERROR")                                               \
	X("DEVICE_REMOVED", "return CKR_DEVICE_REMOVED")                                           \
	X("TOKEN_NOT_PRESENT", "return CKR_TOKEN_NOT_PRESENT")                                     \
	X("SESSION_HANDLE_INVALID", "return CKR_SESSION_HANDLE_INVALID")                           \
	X("SESSION_CLOSED", "return CKR_SESSION_CLOSED")                                           \
	X("USER_NOT_LOGGED_IN", "return CKR_USER_NOT_LOGGED_IN")                                   \
	X("OBJECT_HANDLE_INVALID", "return CKR_OBJECT_HANDLE_INVALID")                             \
	X("KEY_HANDLE_INVALID", "return CKR_KEY_HANDLE_INVALID")                                   \
	X("OPERATION_ACTIVE", "return CKR_OPERATION_ACTIVE")                                       \
	X("HOST_MEMORY", "return CKR_HOST_MEMORY")                                                 \
	X("GENERAL_ERROR", "return CKR_GENERAL_ERROR")                                             \
	X("hang", "hang")                                                                          \
	X("crash", "crash")                                                                        \
	X("bit flip", "flip")                                                                      \
	X("sessions dropped", "drop-sessions")                                                     \
	X("login lost", "drop-login")

static const struct fault {
	const char *name, *action;
} faults[] = {
#define ROW(name, action) { name, action },
	FAULTS(ROW)
#undef ROW
};
#define FAULT_COUNT (sizeof(faults) / sizeof(faults[0]))

/* Every function that a signer calls. */
static const char *const functions[] = {
	"C_Initialize",
	"C_GetSlotList",
	"C_GetTokenInfo",
	"C_GetMechanismInfo",
	"C_OpenSession",
	"C_CloseSession",
	"C_GetSessionInfo",
	"C_Login",
	"C_CreateObject",
	"C_CopyObject",
	"C_DestroyObject",
	"C_FindObjectsInit",
	"C_FindObjects",
	"C_FindObjectsFinal",
	"C_GetAttributeValue",
	"C_GenerateKey",
	"C_GenerateKeyPair",
	"C_SignInit",
	"C_Sign",
	"C_GenerateRandom",
	"C_SetPIN",
};
#define FUNCTION_COUNT (sizeof(functions) / sizeof(functions[0]))

struct tally {
	_Atomic unsigned long ok, refused_by[ERRORS_MAX], wrong, late;
};

struct key {
	char id[PEPPERMINT_KEY_ID_LEN + 1];
	struct peppermint_secret secret;
};

struct sweep {
	struct peppermint *vault, *bystander;
	const char *environment, *other, *rules, *state, *pin_file;
	struct key good[KEYS], revoked;
	char wrong[PEPPERMINT_KEY_TEXT_MAX + 1]; /* well-formed, of another secret */
	char hash[PEPPERMINT_HASH_TEXT_MAX + 1];
	struct key minted[MINTED_MAX];
	size_t minted_count;
	pthread_mutex_t minted_lock;
	_Atomic(struct tally *) tally; /* of the present fault */
	_Atomic bool stop;
	_Atomic unsigned long bystander_calls, bystander_errors;
	_Atomic bool under_fault; /* some fault is armed */
	uint32_t
		samples[2]
		       [SAMPLES_MAX]; /* microseconds of the bystander, in peace and under faults */
	size_t sample_count[2];
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void nap(unsigned int ms)
{
	const struct timespec time = { .tv_sec = ms / 1000,
				       .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("sweep: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	_exit(1);
}

/* Counts how a call ended; true when there is a result to look at. */
static bool counted(struct sweep *sweep, enum pm_err err, int64_t began)
{
	if (now_us() - began > LATE_MS * INT64_C(1000)) {
		sweep->tally->late++;
		fprintf(stderr, "late: %lld ms\n", (long long)(now_us() - began) / 1000);
	}
	if (err == PM_OK)
		sweep->tally->ok++;
	else
		sweep->tally->refused_by[(unsigned int)err % ERRORS_MAX]++;
	return err == PM_OK;
}

static void is_wrong(struct sweep *sweep, const char *what, const char *got)
{
	sweep->tally->wrong++;
	fprintf(stderr, "WRONG: %s: %s\n", what, got);
}

/* Whether there was a verdict; if so it must be `reason`. */
static bool must_say(struct sweep *sweep, const char *text, enum pm_reason reason)
{
	struct peppermint_call call = { .timeout_ms = CALL_TIMEOUT_MS };
	struct peppermint_verdict verdict;
	int64_t began = now_us();
	enum pm_err err =
		peppermint_verify_key(sweep->vault, sweep->environment, text, &verdict, &call);

	if (!counted(sweep, err == PM_OK ? verdict.error : err, began))
		return false;
	if (verdict.reason != reason || verdict.valid != (reason == PM_REASON_NONE))
		is_wrong(sweep, peppermint_reason_name(reason),
			 peppermint_reason_name(verdict.reason));
	return true;
}

static void remember(struct sweep *sweep, const struct key *key)
{
	pthread_mutex_lock(&sweep->minted_lock);
	sweep->minted[sweep->minted_count++ % MINTED_MAX] = *key;
	pthread_mutex_unlock(&sweep->minted_lock);
}

static bool mint(struct sweep *sweep, struct key *out)
{
	struct peppermint_mint params = { .environment = sweep->environment, .account = "sweep" };
	struct peppermint_call call = { .timeout_ms = CALL_TIMEOUT_MS };
	struct peppermint_key record;
	int64_t began = now_us();

	if (!counted(sweep,
		     peppermint_mint_key(sweep->vault, &params, &record, &out->secret, &call),
		     began))
		return false;
	memcpy(out->id, record.id, sizeof(out->id));
	return true;
}

/* A key's life, but its end: what was minted must verify, now and whenever there is a verdict. */
static void mint_one(struct sweep *sweep)
{
	struct key key;

	if (!mint(sweep, &key))
		return;
	remember(sweep, &key);
	must_say(sweep, key.secret.text, PM_REASON_NONE);
}

static bool end_key(struct sweep *sweep, const struct key *key)
{
	struct peppermint_call call = { .timeout_ms = CALL_TIMEOUT_MS };
	struct peppermint_key record;
	int64_t began = now_us();

	return counted(
		sweep,
		peppermint_revoke_key(sweep->vault, sweep->environment, key->id, &record, &call),
		began);
}

static void revoke_one(struct sweep *sweep)
{
	struct key key;

	if (mint(sweep, &key) && end_key(sweep, &key))
		must_say(sweep, key.secret.text, PM_REASON_REVOKED);
}

static void rotate_one(struct sweep *sweep)
{
	struct peppermint_call call = { .timeout_ms = CALL_TIMEOUT_MS };
	struct peppermint_rotation rotation = { .environment = sweep->environment };
	struct peppermint_secret secret;
	struct peppermint_key record;
	struct key key;

	if (!mint(sweep, &key))
		return;
	rotation.key_id = key.id;
	int64_t began = now_us();
	if (!counted(sweep, peppermint_rotate_key(sweep->vault, &rotation, &record, &secret, &call),
		     began))
		return;
	key.secret = secret;
	remember(sweep, &key);
	must_say(sweep, secret.text, PM_REASON_NONE);
}

static void hash_one(struct sweep *sweep)
{
	const struct peppermint_value value = { .data = "4111111111111111", .len = 16 };
	struct peppermint_call call = { .timeout_ms = CALL_TIMEOUT_MS };
	struct peppermint_value_hash hash;
	int64_t began = now_us();

	if (counted(sweep,
		    peppermint_hash_values(sweep->vault, sweep->environment, "sweep", &value, 1,
					   &hash, &call),
		    began) &&
	    strcmp(hash.text, sweep->hash) != 0)
		is_wrong(sweep, "hash", hash.text);
}

static void *load(void *arg)
{
	struct sweep *sweep = arg;

	for (unsigned int i = 0; !sweep->stop; i++) {
		must_say(sweep, sweep->good[i % KEYS].secret.text, PM_REASON_NONE);
		must_say(sweep, sweep->wrong, PM_REASON_WRONG_SECRET);
		must_say(sweep, sweep->revoked.secret.text, PM_REASON_REVOKED);
		if (i % 8 == 0)
			hash_one(sweep);
		if (i % 16 == 0)
			mint_one(sweep);
		nap(10);
	}
	return NULL;
}

/* The other environment: it must not notice. */
static void *stand_by(void *arg)
{
	struct sweep *sweep = arg;
	struct peppermint_mint params = { .environment = sweep->other, .account = "bystander" };
	struct peppermint_verdict verdict;
	struct peppermint_secret secret;
	struct peppermint_key record;

	if (peppermint_mint_key(sweep->bystander, &params, &record, &secret, NULL) != PM_OK)
		die("no key for the bystander");
	while (!sweep->stop) {
		struct peppermint_call call = { .timeout_ms = CALL_TIMEOUT_MS };
		const size_t phase = sweep->under_fault;
		int64_t began = now_us();
		enum pm_err err = peppermint_verify_key(sweep->bystander, sweep->other, secret.text,
							&verdict, &call);
		size_t at = sweep->sample_count[phase];

		if (at < SAMPLES_MAX) {
			sweep->samples[phase][at] = (uint32_t)(now_us() - began);
			sweep->sample_count[phase]++;
		}
		sweep->bystander_calls++;
		if (err != PM_OK || !verdict.valid) {
			sweep->bystander_errors++;
			fprintf(stderr, "bystander: %s\n",
				peppermint_error_name(err == PM_OK ? verdict.error : err));
		}
		nap(2);
	}
	return NULL;
}

/* A new file with another name in its place, so that the module never reads half of one. */
static void write_rule(const struct sweep *sweep, const char *rule)
{
	char next[512];

	snprintf(next, sizeof(next), "%s.next", sweep->rules);
	FILE *file = fopen(next, "w");
	if (!file || fprintf(file, "%s\n", rule) < 0 || fclose(file) != 0 ||
	    rename(next, sweep->rules) != 0)
		die("cannot write %s: %s", sweep->rules, strerror(errno));
}

static void read_pin(const struct sweep *sweep, char pin[PIN_MAX])
{
	FILE *file = fopen(sweep->pin_file, "r");

	if (!file || !fgets(pin, PIN_MAX, file))
		die("cannot read %s", sweep->pin_file);
	fclose(file);
	pin[strcspn(pin, "\n")] = '\0';
}

static void seal_and_unseal(struct sweep *sweep)
{
	struct peppermint_call call = { .timeout_ms = CALL_TIMEOUT_MS };
	char pin[PIN_MAX];

	read_pin(sweep, pin);
	enum pm_err err = peppermint_seal(sweep->vault, sweep->environment, &call);
	if (err != PM_OK)
		die("seal: %s %s", peppermint_error_name(err), call.message);
	call = (struct peppermint_call){ .timeout_ms = CALL_TIMEOUT_MS };
	/* It may well fail: the fault may be in the start. */
	const struct peppermint_value value = { .data = pin, .len = strlen(pin) };
	err = peppermint_unseal(sweep->vault, sweep->environment, &value, &call);
	if (err == PM_SEALED)
		die("the right PIN was refused: %s", call.message);
}

/* It makes pairs and other passing keys, to say what the token can do. */
static void inspect_one(struct sweep *sweep)
{
	struct peppermint_call call = { .timeout_ms = CALL_TIMEOUT_MS };
	static struct peppermint_token token;
	int64_t began = now_us();

	counted(sweep, peppermint_inspect_token(sweep->vault, sweep->environment, 0, &token, &call),
		began);
}

/* The token's PIN becomes what it was. */
static void change_pin_once(struct sweep *sweep)
{
	struct peppermint_call call = { .timeout_ms = CALL_TIMEOUT_MS };
	char pin[PIN_MAX];
	int64_t began = now_us();

	read_pin(sweep, pin);
	const struct peppermint_value value = { .data = pin, .len = strlen(pin) };
	counted(sweep,
		peppermint_change_pin(sweep->vault, sweep->environment, &value, &value, &call),
		began);
}

/* One of everything, on top of the load. */
static void do_one_of_each(struct sweep *sweep)
{
	for (size_t i = 0; i < KEYS; i++)
		must_say(sweep, sweep->good[i].secret.text, PM_REASON_NONE);
	must_say(sweep, sweep->wrong, PM_REASON_WRONG_SECRET);
	mint_one(sweep);
	revoke_one(sweep);
	rotate_one(sweep);
	hash_one(sweep);
}

/* What was minted while something failed must verify afterwards. */
static void check_minted(struct sweep *sweep)
{
	for (size_t i = 0; i < MINTED_MAX; i++) {
		pthread_mutex_lock(&sweep->minted_lock);
		struct key key = sweep->minted[i];
		pthread_mutex_unlock(&sweep->minted_lock);
		if (key.id[0] != '\0')
			must_say(sweep, key.secret.text, PM_REASON_NONE);
	}
}

/* Milliseconds until the service was there again. */
static unsigned int come_back(struct sweep *sweep, const char *rule)
{
	int64_t began = now_us();

	while (!must_say(sweep, sweep->good[0].secret.text, PM_REASON_NONE)) {
		if (now_us() - began > BACK_WITHIN_MS * INT64_C(1000))
			die("no service within %d ms after: %s", BACK_WITHIN_MS, rule);
		nap(20);
	}
	return (unsigned int)((now_us() - began) / 1000);
}

/* How often the one rule has fired, as the module's state file says. */
static unsigned long fired(const struct sweep *sweep)
{
	FILE *file = fopen(sweep->state, "r");
	unsigned long seen = 0, count = 0;
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "rule %*u seen=%lu fired=%lu", &seen, &count) == 2)
			break;
	}
	if (file)
		fclose(file);
	return count;
}

struct outcome {
	unsigned long points, most; /* n that fired; the largest of them */
	unsigned int slowest_ms;    /* to be back */
};

/* False: there is no such call. */
static bool try_one(struct sweep *sweep, const struct fault *fault, const char *function,
		    unsigned long n, struct outcome *outcome)
{
	char rule[128];

	snprintf(rule, sizeof(rule), "%s nth=%lu %s", function, n, fault->action);
	sweep->under_fault = true;
	write_rule(sweep, rule);
	seal_and_unseal(sweep);
	come_back(sweep, rule);
	do_one_of_each(sweep);
	if (strcmp(function, "C_GenerateKeyPair") == 0)
		inspect_one(sweep);
	if (strcmp(function, "C_SetPIN") == 0)
		change_pin_once(sweep);
	bool did_fire = fired(sweep) > 0;
	unsigned int ms = come_back(sweep, rule);
	write_rule(sweep, "# nothing");
	sweep->under_fault = false;
	if (!did_fire)
		return false;
	if (outcome->points++ % 4 == 0)
		check_minted(sweep);
	outcome->most = n;
	if (ms > outcome->slowest_ms)
		outcome->slowest_ms = ms;
	return true;
}

static unsigned long sum_refused(const struct tally *tally)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < ERRORS_MAX; i++)
		sum += tally->refused_by[i];
	return sum;
}

static void print_refused(const struct tally *tally)
{
	for (size_t i = 0; i < ERRORS_MAX; i++) {
		if (tally->refused_by[i] > 0)
			printf(" %s=%lu", peppermint_error_name((enum pm_err)i),
			       tally->refused_by[i]);
	}
	printf("\n");
}

/* What of all that is tried. */
struct choice {
	const char *fault;        /* those that begin with this; "": all */
	unsigned long most, step; /* n = 1, 1 + step, … up to most */
	unsigned long share, of;  /* of all pairs of fault and function, every `of`th */
};

static bool sweep_fault(struct sweep *sweep, const struct fault *fault, const struct choice *choice)
{
	static struct tally tallies[FAULT_COUNT];
	struct tally *tally = &tallies[fault - faults];
	unsigned long points = 0, functions_hit = 0;
	unsigned int slowest = 0;

	sweep->tally = tally;
	for (size_t f = 0; f < FUNCTION_COUNT; f++) {
		struct outcome outcome = { 0 };

		if ((f + (size_t)(fault - faults)) % choice->of != choice->share)
			continue;
		for (unsigned long n = 1; n <= choice->most; n += choice->step) {
			if (!try_one(sweep, fault, functions[f], n, &outcome))
				break;
		}
		points += outcome.points;
		functions_hit += outcome.points > 0;
		if (outcome.slowest_ms > slowest)
			slowest = outcome.slowest_ms;
	}
	printf("%-24s %9lu %6lu %9lu %9lu %6lu %6lu %8u ", fault->name, functions_hit, points,
	       tally->ok, sum_refused(tally), tally->wrong, tally->late, slowest);
	print_refused(tally);
	fflush(stdout);
	return tally->wrong == 0 && tally->late == 0;
}

static int by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print_bystander(struct sweep *sweep)
{
	static const char *const phases[] = { "in peace", "under faults" };

	printf("the other environment: %lu verifies, %lu errors\n", sweep->bystander_calls,
	       sweep->bystander_errors);
	for (size_t phase = 0; phase < 2; phase++) {
		size_t count = sweep->sample_count[phase];

		if (count == 0)
			continue;
		qsort(sweep->samples[phase], count, sizeof(uint32_t), by_value);
		printf("  %-13s p50 %u us, p99 %u us (%zu verifies)\n", phases[phase],
		       sweep->samples[phase][count / 2], sweep->samples[phase][count * 99 / 100],
		       count);
	}
}

/* A text whose check characters are right and whose secret is not: one that was rotated away, twice. */
static void make_wrong(struct sweep *sweep)
{
	struct key key;
	struct peppermint_rotation rotation = { .environment = sweep->environment,
						.key_id = key.id };
	struct peppermint_secret secret;
	struct peppermint_key record;

	if (!mint(sweep, &key))
		die("cannot mint");
	for (int i = 0; i < 2; i++) {
		if (peppermint_rotate_key(sweep->vault, &rotation, &record, &secret, NULL) != PM_OK)
			die("cannot rotate");
	}
	strcpy(sweep->wrong, key.secret.text);
}

static void prepare(struct sweep *sweep)
{
	static struct tally unused;
	const struct peppermint_value value = { .data = "4111111111111111", .len = 16 };
	struct peppermint_value_hash hash;
	struct peppermint_pepper pepper;

	sweep->tally = &unused;
	enum pm_err err =
		peppermint_create_pepper(sweep->vault, sweep->environment, "sweep", &pepper, NULL);
	if (err == PM_OK)
		err = peppermint_hash_values(sweep->vault, sweep->environment, "sweep", &value, 1,
					     &hash, NULL);
	if (err != PM_OK)
		die("no pepper: %s", peppermint_error_name(err));
	strcpy(sweep->hash, hash.text);
	for (size_t i = 0; i < KEYS; i++) {
		if (!mint(sweep, &sweep->good[i]))
			die("cannot mint");
	}
	if (!mint(sweep, &sweep->revoked) || !end_key(sweep, &sweep->revoked))
		die("cannot revoke");
	make_wrong(sweep);
}

static struct peppermint *open_vault(const char *socket)
{
	struct peppermint_options options = { .socket = socket, .connections = 16 };
	struct peppermint *vault = NULL;

	if (peppermint_open(&options, &vault) != PM_OK)
		die("no vault");
	return vault;
}

static bool sweep_all(struct sweep *sweep, const struct choice *choice)
{
	bool good = true;

	printf("%-24s %9s %6s %9s %9s %6s %6s %8s  errors\n", "FAULT", "FUNCTIONS", "FIRED",
	       "ANSWERED", "REFUSED", "WRONG", "LATE", "BACK ms");
	for (size_t i = 0; i < FAULT_COUNT; i++) {
		if (strncmp(faults[i].name, choice->fault, strlen(choice->fault)) == 0)
			good = sweep_fault(sweep, &faults[i], choice) && good;
	}
	return good;
}

/* MOST STEP SHARE OF FAULT */
static bool choose(char **texts, struct choice *choice)
{
	*choice = (struct choice){
		.most = strtoul(texts[0], NULL, 10),
		.step = strtoul(texts[1], NULL, 10),
		.share = strtoul(texts[2], NULL, 10),
		.of = strtoul(texts[3], NULL, 10),
		.fault = texts[4],
	};
	return choice->step > 0 && choice->of > 0;
}

int main(int argc, char **argv)
{
	static struct sweep sweep = { .minted_lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[LOAD_THREADS + 1];

	struct choice choice;

	if (argc != 12 || !choose(argv + 7, &choice)) {
		fputs("usage: sweep SOCKET ENVIRONMENT OTHER RULES STATE PIN-FILE"
		      " MOST STEP SHARE OF FAULT\n",
		      stderr);
		return 2;
	}
	sweep.vault = open_vault(argv[1]);
	sweep.bystander = open_vault(argv[1]);
	sweep.environment = argv[2];
	sweep.other = argv[3];
	sweep.rules = argv[4];
	sweep.state = argv[5];
	sweep.pin_file = argv[6];
	prepare(&sweep);
	for (size_t i = 0; i <= LOAD_THREADS; i++) {
		if (pthread_create(&threads[i], NULL, i < LOAD_THREADS ? load : stand_by, &sweep) !=
		    0)
			die("no thread");
	}
	nap(1000); /* the bystander's peace */
	bool good = sweep_all(&sweep, &choice);
	sweep.stop = true;
	for (size_t i = 0; i <= LOAD_THREADS; i++)
		pthread_join(threads[i], NULL);
	print_bystander(&sweep);
	peppermint_close(sweep.vault);
	peppermint_close(sweep.bystander);
	return good && sweep.bystander_errors == 0 ? 0 : 1;
}
