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

bool is_key_id(const char *text);

/* The record on the wire; its texts are borrowed from `info`. PM_NO_MEMORY. */
enum pm_err reply_with_key(struct call *call, struct key_info *info,
			   Peppermint__V1__Key **out) NODISCARD;

/* The status of each environment whose bit is in `which`. */
enum pm_err reply_with_environments(struct call *call, uint32_t which,
				    Peppermint__V1__EnvironmentStatus ***out,
				    size_t *count) NODISCARD;

#endif
