#!/bin/bash
# What the security officer does without a vault: look at slots, initialise a token, set and change
# its PINs, take its inventory, prove what it computes. PINs come in on standard input and stand
# nowhere else; and a token that a running vault uses is left alone.
. "$(dirname "$0")/lib.sh"
export PATH=$PEPPERMINT_BUILD/bin:$PATH

# offline VERB [OPTION...]: PINs are in $pins, lines.
offline()
{
	peppermint hsm "$1" --module "${module:-$softhsm}" "${@:2}" <<<"$pins"
}

# json FILTER: of the last output.
json()
{
	jq -er "$1" <<<"$output" || fail "no $1 in: $output"
}

officer=sopin-$RANDOM$RANDOM user=pin-$RANDOM$RANDOM other=pin-$RANDOM$RANDOM
wrong=pin-of-nobody pins=

tell "a fresh module has a slot that waits to be initialised"
mkdir "$story_dir/tokens"
printf '%s\n' "directories.tokendir = $story_dir/tokens" 'objectstore.backend = file' \
	'log.level = ERROR' >"$story_dir/softhsm2.conf"
export SOFTHSM2_CONF=$story_dir/softhsm2.conf
expect 0 offline slots
says 'not initialised' 'NOT CERTIFIED: SoftHSM is a program for tests'
expect 0 offline slots --json
[ "$(json length)" -eq 1 ] || fail "not one slot: $output"

tell "init-token, set-pin, change-pin"
pins=$officer
expect 0 offline init-token --label fresh --json
serial=$(json .serial)
uri="pkcs11:token=fresh;serial=$serial"
expect 0 offline slots --token "$uri"
says 'initialised; login required; no user PIN yet'
pins=$officer$'\n'$user
expect 0 offline set-pin --token "$uri"
says "user PIN set: token fresh, serial $serial"
pins=$user$'\n'$other
expect 0 offline change-pin --token "$uri"
says 'user PIN changed'

tell "a wrong PIN is tried once, and shown"
pins=$wrong$'\n'$user
expect 3 offline change-pin --token "$uri"
says 'it was tried once'
expect 0 offline slots --token "$uri"
says 'COUNT LOW, a wrong one was given since the last login'
pins=$other
expect 0 offline inventory --token "$uri"
expect 0 offline slots --token "$uri"
silent_on 'COUNT LOW'

tell "other tools find the token as it was made"
expect 0 env USER_PIN="$other" pkcs11-tool --module "$softhsm" --token-label fresh --login \
	--pin env:USER_PIN --list-objects

tell "self-test proves what the token computes"
expect 0 offline self-test --token "$uri" --json
json '.hmac_proven' >/dev/null
echo "$output" | jq -r '.rows[] | "  \(.test): announced \(.announced), proven \(.proven): \(.detail)"'
for test in HMAC-SHA-256 Ed25519 'ECDSA P-256' 'RSA-2048 PKCS#1 v1.5 with SHA-256' \
	'CKA_ALLOWED_MECHANISMS is enforced' 'CopyObject to a session object'; do
	[ "$(json ".rows[] | select(.test == \"$test\") | .proven")" = true ] || fail "$test: $output"
done

tell "the same through p11-kit's proxy"
proxy=$(pkg-config --variable=proxy_module p11-kit-1 2>/dev/null || true)
if [ -n "$proxy" ] && module=$proxy offline slots --token "$uri" --json 2>/dev/null |
	jq -e 'length == 1' >/dev/null; then
	module=$proxy
	expect 0 offline self-test --token "$uri"
	pins=$other$'\n'$user
	expect 0 offline change-pin --token "$uri"
	pins=$user
	expect 0 offline inventory --token "$uri"
	other=$user module=
else
	echo "  (there is no p11-kit-proxy that shows SoftHSM: not tried)"
fi

tell "a PIN stands in no argument and no environment, while the module has it"
printf 'C_Login hang\n' >"$story_dir/rules"
faulty=$PEPPERMINT_BUILD/tests/support/faulty-pkcs11/faulty-pkcs11.so
pins=$other
FAULTY_RULES=$story_dir/rules FAULTY_LOG=$story_dir/calls module=$faulty \
	offline inventory --token "$uri" --timeout 5 >"$story_dir/hung" 2>&1 &
hung=$!
eventually 5 grep -q C_Login "$story_dir/calls"
program=$(children_of "$hung" | tr -d ' ')
worker=$(children_of "$program" | tr -d ' ')
for pid in "$program" "$worker"; do
	[ "$(tr '\0' '\n' <"/proc/$pid/cmdline" | head -n 1)" = peppermint ] || fail "what is $pid?"
	for file in cmdline environ; do
		[ ! -r "/proc/$pid/$file" ] || ! tr '\0' '\n' <"/proc/$pid/$file" | grep -qF "$other" ||
			fail "the PIN stands in /proc/$pid/$file"
	done
done
status=0
wait "$hung" || status=$?
[ $status -eq 3 ] || fail "exit status $status, not 3, of a command that hung"
grep -q 'did not answer for 5 seconds' "$story_dir/hung"
! grep -qF "$other" "$story_dir/hung" "$story_dir/calls" || fail "the PIN was printed"

tell "an initialised token is erased only by its serial number"
pins=$officer
expect 3 offline init-token --label again --token "$uri"
says 'all keys in it would be destroyed'
expect 3 offline init-token --label again --token "$uri" --erase --serial 0123456789abcdef
expect 0 offline init-token --label again --token "$uri" --erase --serial "$serial"
says 'initialised: token again'

tell "a token that a running vault uses is not touched"
start_vault
export SOFTHSM2_CONF=$dir/softhsm2.conf
uri=pkcs11:token=peppermint-test pins=$(<"$dir/test.pin")
for verb in inventory self-test; do
	expect 3 offline $verb --token "$uri"
	says 'a running vault uses token peppermint-test'
done
pins+=$'\n'$user
for verb in set-pin change-pin; do
	expect 3 offline $verb --token "$uri"
	says 'a running vault uses token peppermint-test'
done
expect 0 offline slots
says 'peppermint-test' 'peppermint-live'
mint test

tell "once it has stopped, its keys are all as they must be"
stop_vault
pins=$(<"$dir/test.pin")
expect 0 offline inventory --token "$uri" --json
[ "$(json '.faulty == 0 and .keys_of_vaults >= 3 and .complete')" = true ]
keys=$(json .keys_of_vaults)
[ "$(json '.token.certified')" = 'NOT CERTIFIED' ]
[ "$(json '[.rows[] | select(.class != "public key") |
	.sensitive and .always_sensitive and (.extractable | not) and .never_extractable and .local and
	.sign and .private] | all')" = true ]
[ "$(json '[.rows[] | select(.class == "secret key") | .enforced] | all')" = true ]
[ "$(json '[.rows[] | select(.class == "secret key") | .allowed_mechanisms == ["CKM_SHA256_HMAC"]] | all')" = true ]
expect 0 offline inventory --token "$uri"
says 'peppermint/test/pepper/api-keys/v1' "0 of $keys keys of vaults are not as they must be"
silent_on "$pins"
grep -E '^(CLASS|secret|private|public)' <<<"$output"

tell "and it serves again, with another PIN"
expect 0 offline self-test --token "$uri"
pins=$(<"$dir/test.pin")$'\n'$user
expect 0 offline change-pin --token "$uri"
printf '%s' "$user" >"$dir/test.pin"
start_vault
verdict_is VALID test "$key"
