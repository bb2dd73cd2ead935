#!/bin/bash
# The copy of the audit log in syslog: a real datagram socket gets every entry as it is; one that
# hangs, or is not there, slows nobody down and is counted.
. "$(dirname "$0")/lib.sh"

syslog=$story_dir/syslog copy=$story_dir/copy
: >"$copy"

listen()
{
	rm -f "$syslog"
	"$tools/datagrams" "$syslog" >>"$copy" &
	listener=$!
	eventually 10 test -S "$syslog"
}

# copied TEXT: some entry in the copy has it.
copied()
{
	grep -qF -- "$1" "$copy"
}

# dropped: how many entries Status says the socket did not take.
dropped()
{
	call 'status { }'
	field sink_dropped | grep . || echo 0
}

dropped_more_than()
{
	[ "$(dropped)" -gt "$1" ]
}

listen
start_vault --audit sink=syslog --audit "sink_socket=$syslog"

tell "what is in the log is in the copy, byte by byte, in order, and nothing else is"
mint live
change "revoke_key { environment: \"live\" key_id: \"$key_id\" }"
change "rotate_key { environment: \"live\" key_id: \"$key_id\" }"
says CONFLICT
eventually 20 copied '"err":"CONFLICT"'
copied '"type":"config.read"' || fail "the reading of the configuration is not in the copy"
sed -E 's/^<[0-9]+>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} peppermintd\[[0-9]+\]: //' "$copy" \
	>"$story_dir/entries"
peppermint audit tail --lines 1000 >"$story_dir/log"
grep -n -F -x -f "$story_dir/entries" "$story_dir/log" | cut -d: -f2- >"$story_dir/found"
cmp "$story_dir/entries" "$story_dir/found"

tell "an act has the priority authpriv.info, a failure authpriv.notice"
! grep '"ok":true' "$copy" | grep -qv '^<86>' || fail "an act has another"
! grep '"ok":false' "$copy" | grep -qv '^<85>' || fail "a failure has another"
copied '<85>' || fail "no failure is there"
[ "$(dropped)" -eq 0 ]

tell "while the socket hangs everybody is answered, and what it does not take is counted"
kill -STOP "$listener"
held=$(</proc/sys/net/unix/max_dgram_qlen)
for ((i = 0; i < held + 20; i++)); do
	mint live
done
eventually 20 dropped_more_than 0
verdict_is VALID live "$key"

tell "when it reads again it gets what comes then"
kill -CONT "$listener"
reads_again()
{
	mint live
	sleep 1
	copied "$key_id"
}
eventually 20 reads_again

tell "a socket that is not there holds up nobody either, and one that comes back is found"
kill "$listener"
wait "$listener" 2>/dev/null || true
rm "$syslog"
before=$(dropped)
mint live
eventually 20 dropped_more_than "$before"
lost=$key_id
listen
eventually 20 reads_again
! copied "$lost" || fail "what was counted as left out is there"

tell "and all of it is in the log"
expect 0 peppermint audit search --key "$lost"
says key.mint
