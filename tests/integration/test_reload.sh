#!/bin/bash
# SIGHUP: a caller's roles change without a restart; a configuration that is wrong changes nothing.
. "$(dirname "$0")/lib.sh"
start_vault
pid=$(vault_pid)
mint live

reload()
{
	kill -HUP "$pid"
}

may_not()
{
	call "$1" && [[ $output == *"error: DENIED"* ]]
}

may()
{
	call "$1" && [[ $output != *"error:"* ]]
}

# revision: of the configuration as it is now, worked out by others.
revision()
{
	sha256sum "$dir/peppermintd.conf" | cut -c1-16
}

# readings: how often the audit log says that a configuration was read, and of those the last.
readings()
{
	expect 0 peppermint audit search --type config.read
	wc -l <<<"$output"
}

last_reading_says()
{
	expect 0 peppermint audit search --type config.read
	output=$(tail -n 1 <<<"$output")
	says "$@"
}

tell "the audit log says with which configuration the vault started"
[ "$(readings)" -eq 1 ] || fail "not once"
last_reading_says '"ok":true' "$(revision)" "$dir/peppermintd.conf"
started_with=$(revision)
expect 0 peppermint audit search --type key.mint
says "\"policy\":\"$started_with\""

tell "an issuer becomes a mere verifier"
cp "$dir/peppermintd.conf" "$story_dir/good.conf"
sed -i 's/^roles =.*/roles = verifier/' "$dir/peppermintd.conf"
reload
eventually 20 may_not 'list_keys { environment: "live" }'
verdict_is VALID live "$key"
change 'mint_key { environment: "live" account: "acme" }'
says 'error: DENIED'
call 'list_peppers { environment: "live" }'
says 'error: DENIED'
call 'hash { environment: "live" pepper: "pan" values: "1" }'
says 'error: DENIED'

tell "a verifier of test only"
sed -i 's/^environments =.*/environments = test/' "$dir/peppermintd.conf"
reload
eventually 20 may_not "verify_keys { environment: \"live\" api_keys: \"$key\" }"
verdict_is WRONG_ENVIRONMENT test "$key"

tell "a configuration that is wrong changes nothing"
sed -i 's/^roles =.*/roles = emperor/' "$dir/peppermintd.conf"
reload
eventually 20 grep -q 'old settings stay' "$dir/peppermintd.log"
verdict_is WRONG_ENVIRONMENT test "$key"
call "verify_keys { environment: \"live\" api_keys: \"$key\" }"
says 'error: DENIED'

tell "a uid that is no longer named gets no answer at all"
sed -i "s/^roles =.*/roles = verifier/; s/^uid =.*/uid = 4242/" "$dir/peppermintd.conf"
reload
unanswered()
{
	encode 'status { }' >"$story_dir/request"
	[ -z "$(nanocat --req --connect-ipc "$socket" --file "$story_dir/request" --raw --recv-timeout 1)" ]
}
eventually 20 unanswered

tell "and everything is as before with the old configuration"
cp "$story_dir/good.conf" "$dir/peppermintd.conf"
reload
eventually 20 may 'list_keys { environment: "live" }'
verdict_is VALID live "$key"
[ "$(vault_pid)" = "$pid" ] && process_runs "$pid" peppermintd || fail "it is another process"

tell "and the audit log has each reading: of the start, four that were taken over, one refused"
[ "$(readings)" -eq 6 ] || fail "$(readings) readings"
last_reading_says '"ok":true' "$started_with"
expect 0 peppermint audit search --type config.read --failures
[ "$(wc -l <<<"$output")" -eq 1 ] || fail "not once"
says CONFIG
mint live
expect 0 peppermint audit search --key "$key_id"
says "\"policy\":\"$started_with\""
