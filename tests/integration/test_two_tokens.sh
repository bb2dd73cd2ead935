#!/bin/bash
# Two tokens for one environment: when the active one fails, its clone takes over, and it goes back
# when the first is well again; in between nobody gets a wrong answer. A clone with other keys never
# takes over, and a rotation waits until both have the new key.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faulty.sh"
start_vault
mint test
call 'status { }'
serial=$(field token_serial)
stop_vault

# SoftHSM's means of cloning: its files. A clone has a serial of its own, as a vendor's would.
clone()
{
	rm -rf "$dir/clones"
	cp -r "$dir/tokens" "$dir/clones"
	LC_ALL=C sed -i "s/$serial/${serial//[0-9]/7}/g" "$dir/clones/"*/token.object
}
printf '%s\n' "directories.tokendir = $dir/clones" 'objectstore.backend = file' \
	'log.level = ERROR' 'slots.removable = false' >"$dir/clones.conf"
clone
start_vault
use_faulty_module test
set_in_section test reload_seconds 0
set_in_section test standby_token pkcs11:token=peppermint-test
set_in_section test standby_module "$softhsm"
set_in_section test standby_module_env "SOFTHSM2_CONF=$dir/clones.conf"
start_vault

token_state()
{
	peppermint hsm status --json |
		jq -r "[.[] | select(.environment == \"test\")][$1].state"
}
token_is()
{
	[ "$(token_state "$1")" = "$2" ]
}
active_is()
{
	output=$(peppermint hsm status --json) &&
		[ "$(jq "[.[] | select(.environment == \"test\")][$1].active" <<<"$output")" = true ]
}

tell "both are ready, and the first is the active one"
eventually 15 token_is 0 TOKEN_READY
eventually 15 token_is 1 TOKEN_READY
active_is 0

tell "under load, the active one fails for good: the standby takes over"
"$tools/hammer" "$socket" test a 4 20 >"$story_dir/load" &
hammer=$!
sleep 1
rule 'any return CKR_DEVICE_ERROR'
eventually 15 active_is 1
eventually 15 verifies test "$key"
expect 0 environment_is SERVING test

tell "it is well again: after a while it is the active one again"
rule ''
eventually 90 active_is 0
eventually 15 verifies test "$key"
wait $hammer || fail "a wrong verdict"
grep -E '^(error|done)' "$story_dir/load"
! grep '^error' "$story_dir/load" | grep -v HSM_UNAVAILABLE || fail "other errors"
"$tools/reckon" "$socket" test <"$story_dir/load"
expect 0 peppermint audit search --type hsm.switch
[ "$(grep -c '"env":"test"' <<<"$output")" -ge 2 ] || fail "the switches are not in the log"

tell "a rotation stages the new key, and it is activated when both have it"
expect 0 peppermint pepper rotate --env test api-keys
expect 0 peppermint pepper usage --env test api-keys
says STAGED
expect 3 peppermint pepper activate --env test api-keys --version 2
says 'not in it'
stop_vault
clone
start_vault
eventually 15 token_is 1 TOKEN_READY
expect 0 peppermint pepper activate --env test api-keys --version 2
verdict_is VALID test "$key"
rule 'any return CKR_DEVICE_REMOVED'
eventually 15 active_is 1
eventually 15 verifies test "$key"
rule ''
eventually 90 active_is 0

tell "a clone whose keys are others is unfit, and does not take over"
stop_vault
rm -rf "$dir/clones"
mkdir "$dir/clones"
SOFTHSM2_CONF=$dir/clones.conf SO_PIN=12345678 USER_PIN=$(<"$dir/test.pin")
export SOFTHSM2_CONF SO_PIN USER_PIN
pkcs11-tool --module "$softhsm" --init-token --slot-index 0 --label peppermint-test \
	--so-pin env:SO_PIN >/dev/null 2>&1
pkcs11-tool --module "$softhsm" --token-label peppermint-test --login --login-type so \
	--so-pin env:SO_PIN --init-pin --new-pin env:USER_PIN >/dev/null 2>&1
unset SOFTHSM2_CONF SO_PIN USER_PIN
start_vault
eventually 15 token_is 1 TOKEN_UNFIT
verdict_is VALID test "$key"
rule 'any return CKR_DEVICE_ERROR'
sleep 2
for _ in 1 2 3 4; do
	verdict test "$key"
	[[ $verdict =~ ^(HSM_UNAVAILABLE|TOKEN_MISMATCH|DEADLINE_EXCEEDED)$ ]] ||
		fail "the verdict is $verdict"
	sleep 0.3
done
rule ''
eventually 60 verifies test "$key"
