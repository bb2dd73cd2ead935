#!/bin/bash
# A signer that dies under load costs its own environment refusals for a moment, the other one
# nothing, and nobody has to start anything. PM_KILLS is how often it is killed.
. "$(dirname "$0")/lib.sh"
start_vault
: "${PM_KILLS:=5}"
mint live

serving_again()
{
	local new
	new=$(signer_pid live)
	[ -n "$new" ] && [ "$new" != "$victim" ] && verdict live "$key" && [ "$verdict" = VALID ]
}

tell "the signer of live is killed $PM_KILLS times while both environments mint, verify and revoke"
hammer=$tools/hammer seconds=$((PM_KILLS * 4))
"$hammer" "$socket" live a 4 $seconds >"$story_dir/live" &
live=$!
"$hammer" "$socket" test b 4 $seconds >"$story_dir/test" &
test=$!
for ((n = 0; n < PM_KILLS; n++)); do
	sleep 1
	victim=$(signer_pid live)
	kill -KILL "$victim"
	eventually 60 serving_again
done
wait "$live"
wait "$test"

tell "live answered HSM_UNAVAILABLE then, and nothing else"
grep -E '^(error|done)' "$story_dir/live"
! grep '^error' "$story_dir/live" | grep -v HSM_UNAVAILABLE || fail "live had other errors"

tell "test never failed"
grep -E '^(error|done)' "$story_dir/test"
! grep '^error' "$story_dir/test" || fail "test failed, and its signer was well"

tell "every promise is kept"
"$tools/reckon" "$socket" live <"$story_dir/live"
"$tools/reckon" "$socket" test <"$story_dir/test"

tell "a signer that hangs costs as little as one that dies"
stop_vault
sed -i 's/^\[limits\]/&\nhsm_timeout_ms = 1000/' "$dir/peppermintd.conf"
start_vault
victim=$(signer_pid live)
kill -STOP "$victim"
verdict live "$key"
[[ $verdict =~ ^(HSM_UNAVAILABLE|DEADLINE_EXCEEDED)$ ]] || fail "the verdict is $verdict"
eventually 60 serving_again
! process_runs "$victim" peppermint-sign || fail "the signer that hung still runs"

tell "the audit log tells of every fault, and of every recovery"
expect 0 peppermint audit search --type hsm.fault
[ "$(grep -c '"env":"live"' <<<"$output")" -ge 2 ] || fail "too few faults: $output"
silent_on '"env":"test"'
expect 0 peppermint audit search --type hsm.recover
says '"env":"live"'
expect 0 peppermint report control-failures
says hsm
