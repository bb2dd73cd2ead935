#!/bin/bash
# nanomsg's req socket sends a request again by itself when the answer is late. The same bytes, once
# or ten times, in turn or at once, are one change and one answer.
. "$(dirname "$0")/lib.sh"
start_vault

keys_in()
{
	call "list_keys { environment: \"live\" account: \"$1\" }"
	field total
}

tell "sent again, a mint gives the first answer, secret included"
encode 'request_id: "twice" mint_key { environment: "live" account: "twice" }' >"$story_dir/mint"
send_nanocat "$story_dir/mint" >"$story_dir/first"
send_nanocat "$story_dir/mint" >"$story_dir/second"
cmp "$story_dir/first" "$story_dir/second"
first_id=$(decode <"$story_dir/first" | sed -nE 's/^ *id: "(.*)"/\1/p')
[ "$(keys_in twice)" = 1 ] || fail "the resent mint made another key"

tell "sent ten times at once it is one key too"
encode 'request_id: "ten" mint_key { environment: "live" account: "ten" }' >"$story_dir/ten"
pids=()
for n in 0 1 2 3 4 5 6 7 8 9; do
	send_nanocat "$story_dir/ten" >"$story_dir/ten.$n" &
	pids+=($!)
done
wait "${pids[@]}"
for n in 1 2 3 4 5 6 7 8 9; do
	cmp "$story_dir/ten.0" "$story_dir/ten.$n"
done
decode <"$story_dir/ten.0" | grep -q api_key
[ "$(keys_in ten)" = 1 ] || fail "ten copies made $(keys_in ten) keys"

tell "the same id with another content is a conflict"
call 'request_id: "twice" mint_key { environment: "live" account: "other" }'
says 'error: CONFLICT'
[ "$(keys_in other)" = "" ] || fail "the conflicting mint made a key"

tell "a change without a request id is refused"
call 'mint_key { environment: "live" account: "none" }'
says 'error: BAD_REQUEST'

tell "a rotate that is sent twice changes the secret once"
mint live
encode "request_id: \"turn\" rotate_key { environment: \"live\" key_id: \"$key_id\" }" >"$story_dir/turn"
send_nanocat "$story_dir/turn" >"$story_dir/first"
send_nanocat "$story_dir/turn" >"$story_dir/second"
cmp "$story_dir/first" "$story_dir/second"
decode <"$story_dir/second" | grep -q 'secret_version: 2'

tell "a restart forgets the answer and not that it was done, and to what"
stop_vault
sed -i 's/^\[limits\]/&\nreplay_seconds = 1/' "$dir/peppermintd.conf"
start_vault
output=$(send_nanocat "$story_dir/mint" | decode)
says 'error: ALREADY_DONE' "subject: \"$first_id\""
silent_on api_key
output=$(send_nanocat "$story_dir/ten" | decode)
says 'error: ALREADY_DONE'
[ "$(keys_in twice)" = 1 ] && [ "$(keys_in ten)" = 1 ] || fail "a mint was executed again"

tell "and so does time"
encode 'request_id: "late" mint_key { environment: "live" account: "late" }' >"$story_dir/late"
send_nanocat "$story_dir/late" | decode | grep -q api_key
forgotten()
{
	output=$(send_nanocat "$story_dir/late" | decode) && [[ $output == *"error: ALREADY_DONE"* ]]
}
eventually 30 forgotten
[ "$(keys_in late)" = 1 ] || fail "the mint was executed again"
