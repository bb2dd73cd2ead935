/*
 * What handlers check of a request's fields: form only, what they mean is the vault's business. A
 * refusal names the field in the reply's message. And replies' parts that several calls share.
 */
#ifndef RPC_FIELDS_H
#define RPC_FIELDS_H

#include <stddef.h>

#include "base/err.h"
#include "call.h"
#include "peppermint/v1/vault.pb-c.h"
#include "vault/vault.h"

/* At least one byte, at most `max`. */
enum pm_err field_required(struct call *call, const char *field, const char *text,
			   size_t max) NODISCARD;
enum pm_err field_optional(struct call *call, const char *field, const char *text,
			   size_t max) NODISCARD;

/* PM_NOT_FOUND for what cannot be a key's id. */
enum pm_err field_key_id(struct call *call, const char *text) NODISCARD;

/* At most `max` bytes; PM_TOO_LARGE. */
enum pm_err field_bytes(struct call *call, const char *field, ProtobufCBinaryData bytes,
			size_t max) NODISCARD;

/* A PIN: 1 to 255 bytes, whatever they are. */
enum pm_err field_pin(struct call *call, const char *field, ProtobufCBinaryData pin) NODISCARD;

/* One that we know: the audit log names it. */
enum pm_err field_report(struct call *call, Peppermint__V1__Report report) NODISCARD;

/* 1 to 32 of a-z 0-9 -, beginning with a letter. */
enum pm_err field_pepper_name(struct call *call, const char *field, const char *text) NODISCARD;

/* Likewise, at most 16 of them: what a master key is for. */
enum pm_err field_purpose(struct call *call, const char *text) NODISCARD;

/* Of a list: each at most `max` bytes and not empty. */
enum pm_err field_texts(struct call *call, const char *field, char *const *items, size_t count,
			size_t max) NODISCARD;

/* A public key's text: `*out` is "" if there is none. PM_NO_MEMORY. */
enum pm_err field_recipient(struct call *call, ProtobufCBinaryData pem, const char **out) NODISCARD;

/* An operator's new PIN: none, or 4 to 64 bytes. */
enum pm_err field_new_pin(struct call *call, ProtobufCBinaryData pin) NODISCARD;

/* Keys and values of labels, side by side, in the arena. PM_NO_MEMORY. */
enum pm_err field_labels(struct call *call, Peppermint__V1__Label *const *labels, size_t count,
			 struct label_texts *out) NODISCARD;

bool is_key_id(const char *text);

/* The words of `text`, which is cut up for that. PM_NO_MEMORY. */
enum pm_err reply_with_words(struct call *call, char *text, char ***out, size_t *count) NODISCARD;

/* Its lines `key=value`, likewise. */
enum pm_err reply_with_labels(struct call *call, char *text, Peppermint__V1__Label ***out,
			      size_t *count) NODISCARD;

/* The record on the wire; its texts are borrowed from `info`, whose lists are cut up. PM_NO_MEMORY. */
enum pm_err reply_with_key(struct call *call, struct key_info *info,
			   Peppermint__V1__Key **out) NODISCARD;

/* A version of a master key; its texts are borrowed from `from`. */
void fill_version(struct master_info *from, Peppermint__V1__MasterVersion *to);

/* The status of each environment whose bit is in `which`. */
enum pm_err reply_with_environments(struct call *call, uint32_t which,
				    Peppermint__V1__EnvironmentStatus ***out,
				    size_t *count) NODISCARD;

#endif
