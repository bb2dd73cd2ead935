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
