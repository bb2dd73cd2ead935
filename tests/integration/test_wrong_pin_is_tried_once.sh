#!/bin/bash
# A wrong PIN in the configuration is tried exactly once, however long the vault runs and whatever is
# asked of it; the other environments serve; and one wrong PIN before the token locks, none is tried.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faulty.sh"
start_vault
mint test
right_pin=$(<"$dir/test.pin")
use_faulty_module test

tell "with a wrong PIN in its file the environment is sealed, and says so"
rule 'pin-tries 3'
printf 'not the pin\n' >"$dir/test.pin"
start_vault
eventually 10 environment_is HSM_SEALED test
verdict_is SEALED test "$key"
expect 0 peppermint status
says PIN
expect 0 environment_is SERVING live

tell "it was tried exactly once, and is not tried again"
for _ in 1 2 3 4 5 6; do
	verdict_is SEALED test "$key"
	sleep 0.5
done
[ "$(calls_of C_Login)" -eq 1 ] || fail "C_Login was called $(calls_of C_Login) times"
expect 0 peppermint audit search --type hsm.pin
says '"env":"test"'
silent_on 'not the pin'

tell "a request that is sent twice does not try a wrong PIN twice"
encode 'request_id: "unseal-1" unseal { environment: "test" pin: "wrong again" }' \
	>"$story_dir/unseal"
output=$(send_nanocat "$story_dir/unseal" | decode)
says SEALED
output=$(send_nanocat "$story_dir/unseal" | decode)
says SEALED
[ "$(calls_of C_Login)" -eq 2 ] || fail "C_Login was called $(calls_of C_Login) times"

tell "the next wrong one would lock the token: none is tried, not even the right one"
expect 3 peppermint unseal --env test <<<"$right_pin"
[ "$(calls_of C_Login)" -eq 2 ] || fail "the last try was used"
says 'locks'

tell "when its counter was reset by hand, the right PIN unseals it"
rule ''
expect 0 peppermint unseal --env test <<<"$right_pin"
eventually 10 environment_is SERVING test
verdict_is VALID test "$key"
[ "$(calls_of C_Login)" -eq 3 ] || fail "C_Login was called $(calls_of C_Login) times"

tell "a seal lets the module finish its login: a token that is killed while it writes may be none"
expect 0 peppermint seal --env test
rule 'C_Login delay 500'
before=$(calls_of 'C_Login CKR_OK')
peppermint unseal --env test <<<"$right_pin" >"$story_dir/unseal.log" 2>&1 &
sleep 0.3
expect 0 peppermint seal --env test
wait $! || true
[ "$(calls_of 'C_Login CKR_OK')" -eq $((before + 1)) ] || fail "the login was cut off"
