#!/bin/bash
# A pepper version is rotated away, wrapped, retired and destroyed while clients verify the keys under
# it: not one false refusal. Dormant keys are wrapped at once, and keep the old version alive until
# they are used once more. PM_KEYS is how many keys there are.
. "$(dirname "$0")/lib.sh"
: "${PM_KEYS:=1500}" "${PM_CLIENTS:=8}"
start_vault
mint test
dormant=$key

# version_field VERSION FIELD
version_field()
{
	peppermint pepper usage --env test api-keys --json |
		jq -r ".[] | select(.version == $1) | .$2"
}
field_is()
{
	[ "$(version_field "$1" "$2")" = "$3" ]
}

tell "$PM_KEYS keys, and $PM_CLIENTS clients that verify all of them, again and again"
"$tools/rotation" "$socket" test "$PM_KEYS" "$PM_CLIENTS" "$story_dir/end" \
	>"$story_dir/rotation" 2>&1 &
load=$!
minted()
{
	grep -q ^minted "$story_dir/rotation" || ! kill -0 $load
}
eventually 580 minted
cat "$story_dir/rotation"
began=$SECONDS

tell "v1 -> v2"
expect 0 peppermint pepper rotate --env test api-keys --dry-run
expect 0 peppermint pepper rotate --env test api-keys
expect 3 peppermint pepper destroy --env test api-keys --version 1
says CONFLICT

tell "rewrap moves what is dormant at once"
expect 0 peppermint pepper rewrap --env test api-keys
echo "$output" | tail -n 3
echo "  $((SECONDS - began)) s after the rotation"
field_is 2 rewrapping false
expect 3 peppermint pepper destroy --env test api-keys --version 1
says CONFLICT

tell "the dormant key verifies once, and then nothing needs v1"
verdict_is VALID test "$dormant"
eventually 580 field_is 1 needed 0
echo "  $((SECONDS - began)) s after the rotation"

tell "v1 is scheduled, cancelled, scheduled again and destroyed"
# Not before the requests from before the rotation are over.
eventually 60 peppermint pepper destroy --env test api-keys --version 1 --after 7d
eventually 5 field_is 1 state DESTROY_SCHEDULED
expect 0 peppermint pepper cancel --env test api-keys --version 1
eventually 5 field_is 1 state VERIFY_ONLY
expect 0 peppermint pepper destroy --env test api-keys --version 1 --after 1s
eventually 60 field_is 1 state DESTROYED
echo "  $((SECONDS - began)) s after the rotation"
sleep 1
touch "$story_dir/end"
wait $load || fail "$(tail -n 5 "$story_dir/rotation")"
tail -n 3 "$story_dir/rotation"

tell "its object is gone from the token, and no other"
SOFTHSM2_CONF=$dir/softhsm2.conf USER_PIN=$(<"$dir/test.pin") expect 0 pkcs11-tool \
	--module "$softhsm" --token-label peppermint-test --login --pin env:USER_PIN --list-objects
silent_on 'pepper/api-keys/v1'
says 'pepper/api-keys/v2' integrity/records/v1
verdict_is VALID test "$dormant"

tell "each step is in the audit log"
for type in pepper.rotate key.rewrap master.schedule master.cancel master.destroy; do
	expect 0 peppermint audit search --type $type
	says "\"type\":\"$type\""
done
