#!/bin/bash
# A backup older than a rotation is put back: the version that it lost is found in the token, reported,
# blocks the next rotation, and is adopted (what it hashed verifies again) or destroyed by hand.
. "$(dirname "$0")/lib.sh"
start_vault
expect 0 peppermint pepper create --env test pan
stop_vault
cp -r "$dir/state" "$story_dir/backup"
start_vault
expect 0 peppermint pepper rotate --env test pan
call 'hash { environment: "test" pepper: "pan" values: "4111111111111111" }'
hash=$(field hashes)
[[ $hash == v2:* ]] || fail "not under version 2: $hash"
stop_vault
rm -r "$dir/state"
cp -r "$story_dir/backup" "$dir/state"
start_vault

orphans_are()
{
	output=$(peppermint status --json) &&
		[ "$(jq '.environments[] | select(.name == "test") | .orphaned_objects' <<<"$output")" -eq "$1" ]
}
# The id and the label of each.
orphan_id()
{
	expect 0 peppermint hsm inventory --env test --json
	jq -r '.rows[] | select(.orphan) | .id + " " + .label' <<<"$output"
}

tell "the lost version is an orphan, its hash is of no known version, and no number is given twice"
eventually 10 orphans_are 1
call "verify_hash { environment: \"test\" pepper: \"pan\" items { value: \"4111111111111111\" hash: \"$hash\" } }"
says UNKNOWN_VERSION
expect 3 peppermint pepper rotate --env test pan
says TOKEN_MISMATCH

tell "what a record names is no orphan and cannot be settled"
expect 0 peppermint hsm inventory --env test --json
inventory=$output
known=$(jq -r '[.rows[] | select(.orphan | not)][0].id' <<<"$output")
expect 3 peppermint hsm adopt --env test "$known"
says CONFLICT
expect 3 peppermint hsm destroy-orphan --env test "$known" \
	--label "$(jq -r '[.rows[] | select(.orphan | not)][0].label' <<<"$inventory")"
says CONFLICT
expect 3 peppermint hsm adopt --env test 00112233445566778899aabbccddeeff
says NOT_FOUND

tell "a dry run changes nothing"
read -r id label < <(orphan_id)
expect 0 peppermint hsm adopt --env test "$id" --dry-run
orphans_are 1

tell "adopted, it verifies what it hashed, and the next rotation makes version 3"
expect 0 peppermint hsm adopt --env test "$id"
orphans_are 0
call "verify_hash { environment: \"test\" pepper: \"pan\" items { value: \"4111111111111111\" hash: \"$hash\" } }"
says 'match: true'
expect 0 peppermint pepper rotate --env test pan
call 'hash { environment: "test" pepper: "pan" values: "4111111111111111" }'
[[ $(field hashes) == v3:* ]] || fail "the new version is not 3"

tell "the same again: this time it is destroyed"
stop_vault
rm -r "$dir/state"
cp -r "$story_dir/backup" "$dir/state"
start_vault
eventually 10 orphans_are 2
orphan_id >"$story_dir/orphans"
while read -r id label; do
	expect 0 peppermint hsm destroy-orphan --env test "$id" --label "$label"
done <"$story_dir/orphans"
orphans_are 0
expect 0 peppermint pepper rotate --env test pan
