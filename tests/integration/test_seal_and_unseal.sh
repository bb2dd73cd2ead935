#!/bin/bash
# Without a PIN the vault starts sealed; a PIN comes in by hand, outlives a signer and no seal; nothing
# of it is in any process's memory, arguments or environment, nor in a log.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faulty.sh"
start_vault
mint live
stop_vault
pin=$(<"$dir/live.pin")
rm "$dir/live.pin"
unset_in_section live pin_file
start_vault

tell "without a PIN the environment is sealed, answers nothing but Status, and the other serves"
expect 0 environment_is HSM_SEALED live
expect 0 environment_is SERVING test
verdict_is SEALED live "$key"
expect 0 peppermint status
says 'peppermint unseal'

tell "an empty PIN, or one that is too long, is no PIN"
expect 2 peppermint unseal --env live <<<""
expect 2 peppermint unseal --env live <<<"$(printf 'x%.0s' {1..300})"

tell "peppermint unseal reads the PIN from standard input"
expect 0 peppermint unseal --env live <<<"$pin"
eventually 10 environment_is SERVING live
verdict_is VALID live "$key"
expect 3 peppermint unseal --env live <<<"$pin"
says CONFLICT

tell "it is in no process's memory, and on no command line"
victim=$(signer_pid live)
for pid in "$(vault_pid)" "$victim"; do
	! tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qF "$pin" || fail "on the command line of $pid"
	! tr '\0' '\n' <"/proc/$pid/environ" | grep -qF "$pin" || fail "in the environment of $pid"
done
forgotten()
{
	"$tools/memscan" "$1" <<<"$pin"
}
# What was asked is kept for nobody; the sanitizers' own quarantine is another matter.
if [ -z "${PM_SANITIZE:-}" ]; then
	eventually 30 forgotten "$(vault_pid)"
	eventually 30 forgotten "$victim"
fi

tell "a signer that dies comes back without another PIN"
kill -KILL "$victim"
signer_is_new()
{
	local new
	new=$(signer_pid live)
	[ -n "$new" ] && [ "$new" != "$victim" ]
}
eventually 30 signer_is_new
eventually 30 environment_is SERVING live
verdict_is VALID live "$key"

tell "seal locks at once, and for good"
expect 0 peppermint seal --env live
verdict_is SEALED live "$key"
[ -z "$(signer_pid live)" ] || fail "a signer still runs"
sleep 2
verdict_is SEALED live "$key"
expect 0 environment_is SERVING test

tell "change-pin changes it on the token while the vault serves"
expect 0 peppermint unseal --env live <<<"$pin"
eventually 10 environment_is SERVING live
expect 3 peppermint hsm change-pin --env live <<<$'not it\n778899aabb'
says DENIED
expect 0 peppermint hsm change-pin --env live <<<"$pin"$'\n778899aabb'
eventually 10 environment_is SERVING live
verdict_is VALID live "$key"
kill -KILL "$(signer_pid live)"
eventually 30 environment_is SERVING live
eventually 10 verifies live "$key"
expect 0 peppermint seal --env live
expect 3 peppermint unseal --env live <<<"$pin"
expect 0 peppermint unseal --env live <<<778899aabb
eventually 10 environment_is SERVING live
verdict_is VALID live "$key"

tell "who did it is in the audit log, and no PIN is in any log"
for type in hsm.unseal hsm.seal hsm.change-pin; do
	expect 0 peppermint audit search --type "$type"
	says '"env":"live"' '"caller":"developer"'
done
! grep -qF -e "$pin" -e 778899aabb "$dir/peppermintd.log" "$dir/state/"* ||
	fail "a PIN is in a file"
