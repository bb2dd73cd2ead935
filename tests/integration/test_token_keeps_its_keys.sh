#!/bin/bash
# No master key leaves the token, and no secret or PIN stays anywhere else: not in the database, the
# logs, the arguments or the environment of a process, and not in its memory once the answer that
# showed it is forgotten.
. "$(dirname "$0")/lib.sh"
start_vault --limit replay_seconds=2

token()
{
	SOFTHSM2_CONF=$dir/softhsm2.conf USER_PIN=$(<"$dir/$1.pin") pkcs11-tool --module "$softhsm" \
		--token-label "peppermint-$1" --login --pin env:USER_PIN "${@:2}"
}

tell "a day's work: keys minted, verified, rotated, revoked, values hashed"
secrets=$story_dir/secrets
for env in test live; do
	mint $env
	echo "$key" >>"$secrets"
	verdict_is VALID $env "$key"
	wrong=${key%???????}
	verdict $env "${wrong}0000000"
	change "rotate_key { environment: \"$env\" key_id: \"$key_id\" overlap_seconds: 60 }"
	field api_key >>"$secrets"
	change "revoke_key { environment: \"$env\" key_id: \"$key_id\" }"
	change "create_pepper { environment: \"$env\" name: \"pan\" }"
	call "hash { environment: \"$env\" pepper: \"pan\" values: \"4111-1111-1111-1234-$env\" }"
	hash=$(field hashes)
	call "verify_hash { environment: \"$env\" pepper: \"pan\"
		items { value: \"4111-1111-1111-1234-$env\" hash: \"$hash\" } }"
	says 'match: true'
	echo "4111-1111-1111-1234-$env" >>"$secrets"
	change "rotate_pepper { environment: \"$env\" name: \"api-keys\" }"
	cat "$dir/$env.pin" >>"$secrets"
	echo >>"$secrets"
done
sed -nE 's/^ak_[a-z]+_[^_]*_(.{43}).*/\1/p' "$secrets" >"$story_dir/bare"
cat "$story_dir/bare" >>"$secrets"

tell "pkcs11-tool sees every key of the vault sensitive, never extractable, made in the token"
for env in test live; do
	expect 0 token $env --list-objects
	says "peppermint/$env/pepper/api-keys/v1" "peppermint/$env/pepper/api-keys/v2" \
		"peppermint/$env/pepper/pan/v1" "peppermint/$env/integrity"
	keys=$(grep -cE '^(Secret|Private) Key Object' <<<"$output")
	safe=$(grep -c 'Access: *sensitive, always sensitive, never extractable, local' <<<"$output")
	[ "$keys" -ge 4 ] && [ "$keys" -eq "$safe" ] || fail "$safe of $keys keys are as they must be"
	grep -E 'label|Access' <<<"$output"
	tell "and nobody can read their values, with the PIN either"
	for id in $(sed -nE 's/^ *ID: *([0-9a-f]+).*/\1/p' <<<"$output"); do
		expect 1 token $env --read-object --type secrkey --id "$id" --output-file "$story_dir/value"
		[ ! -s "$story_dir/value" ] || fail "the value of $id was read"
	done
done

# absent_from FILE...: none of the secrets stands there. A file that cannot be read fails.
absent_from()
{
	local file
	for file; do
		! tr '\0' '\n' <"$file" | grep -qaFf <(grep . "$secrets") || fail "a secret stands in $file"
	done
}

tell "no secret and no PIN in the database, the logs and the configuration"
absent_from "$dir"/state/* "$dir/peppermintd.log" "$dir/peppermintd.conf"
[ -s "$dir/state/peppermint.db" ] && [ -s "$dir/peppermintd.log" ] || fail "looked in the wrong place"

pids="$(vault_pid) $(children_of "$(vault_pid)")"
[ "$(wc -w <<<"$pids")" -eq 3 ] || fail "not a vault and two signers: $pids"

tell "nor in the arguments of its processes"
for pid in $pids; do
	absent_from "/proc/$pid/cmdline"
done

if [ "$(id -u)" -ne 0 ]; then
	echo "  (their environment and memory are root's to read: not looked at)"
	exit 0
fi
tell "nor in their environment"
for pid in $pids; do
	absent_from "/proc/$pid/environ"
done

if [ -n "${PM_SANITIZE:-}" ]; then
	echo "  (sanitizers keep freed memory: not looked at)"
	exit 0
fi
tell "nor, once the answers are forgotten, in their memory"
memory_is_clean()
{
	# shellcheck disable=SC2086 # one word for each process
	"$tools/memscan" $pids <"$secrets" >"$story_dir/found"
}
for ((tries = 0; tries < 20; tries++)); do
	! memory_is_clean || break
	sleep 1
done
cat "$story_dir/found"
memory_is_clean

tell "(and that search finds what is there)"
! "$tools/memscan" $$ <"$secrets" >/dev/null || fail "memscan does not find $key in this shell"
