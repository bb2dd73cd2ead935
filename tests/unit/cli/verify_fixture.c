#include "verify_fixture.h"

int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	static const char *const names[] = { NAME "1", NAME "2", NAME "3", NAME "1" };

	if (!f)
		return -1;
	tmpdir_make(f->folder);
	for (size_t i = 0; i < COUNT(f->logs); i++)
		f->logs[i] = signer_from_seed(names[i], TLOG_ED25519, (uint8_t)(40 * i));
	f->witness = signer_from_seed("witness.example/w1", TLOG_COSIGNER, 200);
	f->witness_key = *signer_key(f->witness);
	f->keys[0] = *signer_key(f->logs[0]);
	f->options = (struct verify_options){ .keys = f->keys, .key_count = 1 };
	*state = f;
	return 0;
}

int tear_down(void **state)
{
	struct fixture *f = *state;

	tmpdir_remove(f->folder);
	for (size_t i = 0; i < COUNT(f->logs); i++)
		signer_free(&f->logs[i]);
	signer_free(&f->witness);
	free(f);
	return 0;
}

struct log_export first_log(struct fixture *f, uint64_t size)
{
	return (struct log_export){
		.folder = f->folder, .log = 1, .size = size, .signer = f->logs[0]
	};
}

void write_first(struct fixture *f, uint64_t size)
{
	struct log_export export = first_log(f, size);

	log_export_write(&export, NULL);
}

bool check(struct fixture *f)
{
	return verify_export(f->folder, &f->options, &f->report);
}

void assert_good(struct fixture *f)
{
	bool good = check(f);

	assert_string_equal(f->report.fault, "");
	assert_true(good);
}

void assert_fault(struct fixture *f, const char *fault)
{
	assert_false(check(f));
	assert_string_equal(f->report.fault, fault);
}

void assert_fault_has(struct fixture *f, const char *part)
{
	assert_false(check(f));
	if (!strstr(f->report.fault, part))
		fail_msg("\"%s\" does not say \"%s\"", f->report.fault, part);
}

const char *path_of(const struct fixture *f, const char *name)
{
	static char paths[2][512];
	static int which;

	which = !which;
	snprintf(paths[which], sizeof(paths[0]), "%s/%s", f->folder, name);
	return paths[which];
}

struct content get(const struct fixture *f, const char *name)
{
	FILE *file CLEANUP(close_file) = fopen(path_of(f, name), "rb");
	struct content content;

	assert_non_null(file);
	content.len = fread(content.data, 1, sizeof(content.data), file);
	assert_true(content.len < sizeof(content.data));
	return content;
}

void put(const struct fixture *f, const char *name, const void *data, size_t len)
{
	FILE *file = fopen(path_of(f, name), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

void add(struct fixture *f, const char *name, const char *text)
{
	struct content content = get(f, name);

	memcpy(content.data + content.len, text, strlen(text));
	put(f, name, content.data, content.len + strlen(text));
}

void put_note(struct fixture *f, const char *name, const struct note *note)
{
	put(f, name, note->data, note->len);
}

void restart(struct fixture *f)
{
	tmpdir_remove(f->folder);
	tmpdir_make(f->folder);
}
