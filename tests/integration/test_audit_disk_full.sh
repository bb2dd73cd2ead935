#!/bin/bash
# A disk that fills up under load: every request is answered in time, nothing that was acknowledged
# is missing, nothing is answered without its entry, service comes back with the space, and the log
# verifies. Needs a file system of its own: mounted, or in a namespace of its own where that is
# allowed.
if [ -z "${PM_MOUNTS:-}" ]; then
	namespace=(unshare --mount)
	[ "$(id -u)" -eq 0 ] || namespace+=(--map-root-user)
	"${namespace[@]}" mount -t tmpfs tmpfs /mnt 2>/dev/null || {
		echo "this machine lets nobody mount a disk to fill"
		exit 77
	}
	PM_MOUNTS=1 exec "${namespace[@]}" "$0"
fi
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/audit.sh"
start_vault
read_vkey
stop_vault

tell "the database moves to a small disk, and the disk is almost full"
mount -t tmpfs -o size=256m,mode=0700 tmpfs /mnt
cp -a "$dir/state/." /mnt/
rm -rf "$dir/state"
ln -s /mnt "$dir/state"
start_vault
fallocate -l 248M /mnt/ballast

tell "under load it fills up"
"$tools/hammer" "$socket" live full 8 25 >"$story_dir/ledger" 2>"$story_dir/hammer.log" &
hammer=$!
eventually 60 audit_is AUDIT_STUCK

tell "meanwhile everything but status is refused, and says why"
mint_refused()
{
	change 'mint_key { environment: "live" account: "acme" }'
	[ "$(field error)" = AUDIT_BLOCKED ]
}
eventually 10 mint_refused
call 'verify_keys { environment: "live" api_keys: "x" }'
says AUDIT_BLOCKED
expect 0 peppermint status
says STUCK

tell "with space, service returns by itself"
sleep 2
rm /mnt/ballast
eventually 30 audit_is AUDIT_GOOD
mint live
verdict_is VALID live "$key"
wait "$hammer" || fail "$(cat "$story_dir/hammer.log")"
errors=$(grep ^error "$story_dir/ledger" || true)
echo "  $errors; $(grep ^done "$story_dir/ledger")"
[ -z "$(grep -vE '^error (AUDIT_BLOCKED|BUSY) ' <<<"$errors")" ] ||
	fail "the load met something else than AUDIT_BLOCKED"

tell "what was acknowledged is there"
expect 0 "$tools/reckon" "$socket" live <"$story_dir/ledger"
echo "  $output"

tell "the log says when it could not be written, agrees with the state, and verifies"
export_and_verify
expect 0 peppermint audit search --type log.resume
says log.resume
stop_vault
log_and_state_agree
