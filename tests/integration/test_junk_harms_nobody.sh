#!/bin/bash
# Whatever arrives at the socket, the vault is the same process afterwards and serves others
# meanwhile. PM_JUNK is how many junk frames and connections are thrown at it.
. "$(dirname "$0")/lib.sh"
start_vault
pid=$(vault_pid)
mint live
: "${PM_JUNK:=20000}"

# hold OUTPUT COMMAND...: runs in the background until `release`, and is ready when this returns.
hold()
{
	local said=$story_dir/$1
	shift
	mkfifo "$said.stdin"
	"$@" <"$said.stdin" >"$said" &
	holder=$!
	exec 7>"$said.stdin"
	eventually 120 grep -q ready "$said"
}

release()
{
	exec 7>&-
	wait "$holder"
}

# The junk comes from the same uid, so its share of requests may be used up for a moment.
still_serves()
{
	verdict live "$key"
	for ((tries = 0; tries < 50; tries++)); do
		[ "$verdict" = BUSY ] || break
		sleep 0.1
		verdict live "$key"
	done
	[ "$verdict" = VALID ] || fail "the verdict is $verdict, not VALID"
	[ "$(vault_pid)" = "$pid" ] && process_runs "$pid" peppermintd || fail "the vault is another process"
}

tell "$PM_JUNK junk frames and connections, while another client is served"
"$tools/junk" "$socket" storm "$PM_JUNK" 2026 >"$story_dir/storm" &
storm=$!
served=0
while kill -0 "$storm" 2>/dev/null; do
	still_serves
	served=$((served + 1))
done
wait "$storm"
cat "$story_dir/storm"
[ $served -gt 0 ] || fail "the storm was over before another client asked"
still_serves
echo "  served $served times meanwhile"

tell "a thousand connections that do nothing"
hold idle "$tools/junk" "$socket" idle 1000
still_serves
release
still_serves

tell "a client that asks and asks and never reads"
hold flood "$tools/junk" "$socket" flood
still_serves
cat "$story_dir/flood"
release
still_serves

tell "clients that are cut off in the middle leave nothing behind"
for n in 1 2 3 4 5 6 7 8; do
	"$tools/junk" "$socket" storm 1000000 "$n" >/dev/null 2>&1 &
	storm=$!
	sleep 0.2
	kill -KILL "$storm"
	wait "$storm" 2>/dev/null || true
done
still_serves

tell "what is well-framed and wrong gets a clear answer"
call ''
says 'error: UNKNOWN_RPC'
call 'verify_keys { environment: "nowhere" api_keys: "x" }'
says 'error: NOT_FOUND'
call 'verify_keys { environment: "live" }'
says 'error: BAD_REQUEST'
call "verify_keys { environment: \"live\" $(printf 'api_keys: "x" %.0s' {1..513}) }"
says 'error: TOO_LARGE'
printf '\x08\x02\x82\x01\x00' >"$story_dir/request"
output=$(send_nanocat "$story_dir/request" | decode)
says 'error: VERSION_UNSUPPORTED'
printf '\x08\x01\x08\x01\x82\x01\x00' >"$story_dir/request" # a field twice
output=$(send_nanocat "$story_dir/request" | decode)
says 'error: BAD_REQUEST'
printf '\x08\x01\xca\x3e\x00' >"$story_dir/request"
output=$(send_nanocat "$story_dir/request" | decode)
says 'error: UNKNOWN_RPC'
printf '\x08\x01\x12\x02\xff\xfe\x82\x01\x00' >"$story_dir/request"
output=$(send_nanocat "$story_dir/request" | decode)
says 'error: BAD_REQUEST'
still_serves
