#!/bin/bash
# An import that is killed, on either side, goes on where it was: nothing twice, nothing lost. A million
# lines: IMPORT='1000000 1'.
. "$(dirname "$0")/lib.sh"
start_vault
read -r lines accounts <<<"${IMPORT:-6000 7}"
file=$story_dir/keys.jsonl
"$tools/legacy_keys" "$lines" "$accounts" >"$file"

# text_of N: the n-th key's.
text_of()
{
	echo "legacy_$(printf %s "$1" | sha256sum | head -c 32)"
}

imported()
{
	database 'SELECT count(*) FROM api_key WHERE lookup_version > 0'
}

at_least()
{
	[ "$(imported)" -ge "$1" ]
}

tell "the importer is killed in the middle"
peppermint import "$file" --env live >"$story_dir/first.log" 2>&1 &
importer=$!
eventually 120 at_least $((lines / 4))
kill -KILL $importer
wait $importer || true
some=$(imported)
[ "$some" -lt "$lines" ] || fail 'it was too late for the kill'

tell "the vault is killed in the middle ($some so far)"
peppermint import "$file" --env live >"$story_dir/second.log" 2>&1 &
importer=$!
eventually 120 at_least $((lines / 2))
kill -KILL "$(vault_pid)"
status=0
wait $importer || status=$?
[ $status -ne 0 ] || fail 'the importer did not notice that the vault was gone'
rm -f "$dir/peppermintd.pid"
start_vault
some=$(imported)

tell "and goes on to the end ($some so far)"
begin=$SECONDS
expect 0 peppermint import "$file" --env live --report "$story_dir/report.json"
echo "$((lines - some)) lines in $((SECONDS - begin)) s"
[ "$(imported)" = "$lines" ]
[ "$(jq .lines "$story_dir/report.json")" = "$lines" ]

tell "all is there once, verifies, and belongs to its account"
for n in 0 1 $((lines / 3)) $((lines - 1)); do
	verdict_is VALID live "$(text_of "$n")"
	says "account: \"merchant-$((n % accounts))\""
done
verdict_is UNKNOWN_KEY live "$(text_of "$lines")"

tell "once more changes nothing"
rm -f "$file.state"
expect 0 peppermint import "$file" --env live --report "$story_dir/report.json"
[ "$(imported)" = "$lines" ]
