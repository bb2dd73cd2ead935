# What the stories of the audit log share, beside lib.sh.

# The first log's verifier key, in $vkey.
read_vkey()
{
	call 'list_logs { }'
	vkey=$(field vkey)
	[ -n "$vkey" ] || fail "the log has no key: $output"
}

audit_state()
{
	call 'status { }'
	sed -nE '/^  audit \{/,/^  \}/s/^ *state: (.*)$/\1/p' <<<"$output"
}

audit_is()
{
	[ "$(audit_state)" = "$1" ]
}

# Every entry that is there now is under a signed checkpoint.
all_is_signed()
{
	call 'status { }'
	[[ $output == *"state: AUDIT_GOOD"* && $output != *"unsigned:"* ]]
}

# export_and_verify [DIR]: the whole log, in $export; it must be good.
export_and_verify()
{
	export=${1:-$story_dir/export}
	eventually 30 all_is_signed
	expect 0 peppermint audit export "$export"
	expect 0 peppermint audit verify "$export" --key "$vkey"
}

# log_and_state_agree: of a stopped vault. Every revision of every key has one entry that tells of
# it, no entry tells of a key or a change that is not there, and so for the request ids of mints. Read
# with sqlite3 and its JSON, not with our code.
log_and_state_agree()
{
	local wrong
	wrong=$(database "
		CREATE TEMP TABLE told AS
			SELECT entry ->> '\$.type' AS type, entry ->> '\$.ok' AS ok,
			       entry ->> '\$.key' AS key, entry ->> '\$.env' AS env
			FROM (SELECT CAST(entry AS TEXT) AS entry FROM audit_leaf);
		CREATE TEMP TABLE changes (env, key, told, PRIMARY KEY (key, env));
		INSERT INTO changes SELECT env, key, count(*) FROM told
			WHERE ok = 1 AND type IN ('key.mint', 'key.rotate', 'key.revoke', 'key.move')
			GROUP BY env, key;
		SELECT 'key ' || coalesce(id, key) || ': revision ' || coalesce(revision, 'none') ||
		       ', entries ' || coalesce(told, 'none')
		FROM api_key FULL JOIN changes ON changes.key = api_key.id
		     AND changes.env = api_key.environment
		WHERE revision IS NOT told
		LIMIT 5")
	[ -z "$wrong" ] || fail "state and log differ: $wrong"
	[ "$(database "SELECT count(*) FROM executed WHERE rpc = 17")" = "$(database "
		SELECT count(*) FROM audit_leaf WHERE CAST(entry AS TEXT) ->> '\$.type' = 'key.mint'
		AND CAST(entry AS TEXT) ->> '\$.ok' = 1")" ] ||
		fail "request ids and entries of mints differ"
}
