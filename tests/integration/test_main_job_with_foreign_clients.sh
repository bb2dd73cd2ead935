#!/bin/bash
# The life of a key, with clients that we did not write: protoc makes and reads the messages,
# nanocat (libnanomsg) and nngcat (nng) carry them.
. "$(dirname "$0")/lib.sh"
start_vault

life_of_a_key()
{
	client=$1
	tell "$client: mint, and the key verifies"
	change 'mint_key { environment: "live" account: "acme" product: "payments" name: "till 7" }'
	says 'version: 1' 'account: "acme"' 'product: "payments"' 'name: "till 7"' \
		'state: KEY_ACTIVE' 'secret_version: 1'
	local first second id=$(field id) pepper_version
	first=$(field api_key)
	[[ $first =~ ^ak_live_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}$ ]] || fail "not the documented form"
	call "verify_keys { environment: \"live\" api_keys: \"$first\" }"
	says 'valid: true' "key_id: \"$id\"" 'account: "acme"' 'product: "payments"'

	tell "$client: what is not a valid key is refused, with one public message"
	call "verify_keys { environment: \"live\" api_keys: \"${first}x\" api_keys: \"$first\" api_keys: \"\" }"
	says 'reason: MALFORMED' 'valid: true' 'reason: MISSING' 'message: "Invalid or missing API key"'
	verdict_is WRONG_ENVIRONMENT test "$first"

	tell "$client: rotate with overlap: both secrets verify"
	change "rotate_key { environment: \"live\" key_id: \"$id\" overlap_seconds: 600 }"
	says 'secret_version: 2'
	second=$(field api_key)
	[ "$second" != "$first" ] || fail "the rotated key has the old text"
	call "verify_keys { environment: \"live\" api_keys: \"$first\" }"
	says 'valid: true' 'secret_expires_at:'
	verdict_is VALID live "$second"

	tell "$client: rotate the pepper: both verify still, and the key moves to the new version"
	change 'rotate_pepper { environment: "live" name: "api-keys" }'
	says 'state: ACTIVE' 'state: VERIFY_ONLY'
	pepper_version=$(grep -c 'version:' <<<"$output")
	verdict_is VALID live "$first"
	verdict_is VALID live "$second"
	call "get_key { environment: \"live\" key_id: \"$id\" }"
	says "pepper_version: $((pepper_version - 1))"

	tell "$client: revoke: nothing verifies, and revoking again is fine"
	change "revoke_key { environment: \"live\" key_id: \"$id\" }"
	says 'state: KEY_REVOKED'
	verdict_is REVOKED live "$second"
	verdict_is REVOKED live "$first"
	change "revoke_key { environment: \"live\" key_id: \"$id\" }"
	says 'state: KEY_REVOKED'
}

life_of_a_key send_nanocat
life_of_a_key send_nngcat

tell "hash a value and verify it"
change 'create_pepper { environment: "live" name: "email" }'
call 'hash { environment: "live" pepper: "email" values: "a@example.com" values: "\000\377" }'
hash=$(field hashes)
[[ $hash =~ ^v1:[0-9A-Za-z_-]{43}$ ]] || fail "not the documented form: $hash"
call "verify_hash { environment: \"live\" pepper: \"email\"
	items { value: \"a@example.com\" hash: \"$hash\" }
	items { value: \"b@example.com\" hash: \"$hash\" } }"
says 'match: true' 'reason: MISMATCH'
