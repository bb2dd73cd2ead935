#!/bin/bash
# Somebody who can write the database, and not use the token, gains nothing: each edited row is
# noticed and refused, none is removed.
. "$(dirname "$0")/lib.sh"
start_vault

# edit SQL: as somebody does while nobody looks.
edit()
{
	stop_vault
	database "$1"
	start_vault
}

columns=$(database "SELECT group_concat(name) FROM pragma_table_info('api_key')")
mint live 'product: "p"'
other=$key other_id=$key_id
mint test
elsewhere=$key

# Each edit has a key of its own, minted before and named in the SQL as @.
quarantined_by()
{
	tell "$1"
	edit "${2//@/\'$key_id\'}"
	verdict_is QUARANTINED live "$key"
	call "get_key { environment: \"live\" key_id: \"$key_id\" }"
	says 'state: KEY_QUARANTINED'
	change "rotate_key { environment: \"live\" key_id: \"$key_id\" }"
	says 'error: RECORD_QUARANTINED'
	change "revoke_key { environment: \"live\" key_id: \"$key_id\" }"
	says 'error: RECORD_QUARANTINED'
	call 'status { }'
	says 'quarantined: '
	verdict_is VALID live "$other"
	grep -q "$key_id" "$dir/peppermintd.log" || fail "the log does not name the row"
	[ "$(database "SELECT count(*) FROM api_key WHERE id = '$key_id'")" = 1 ] || fail "the row is gone"
}

mint live
change "revoke_key { environment: \"live\" key_id: \"$key_id\" }"
quarantined_by "a revoked key made valid again" 'UPDATE api_key SET revoked_at = 0 WHERE id = @'

mint live "expires_at: $(($(date +%s) + 3600))"
quarantined_by "a key made to live longer" 'UPDATE api_key SET expires_at = 0 WHERE id = @'

mint live
quarantined_by "a key given to another account" "UPDATE api_key SET account = 'evil' WHERE id = @"

mint live 'disabled: true'
quarantined_by "a disabled key enabled" 'UPDATE api_key SET disabled_at = 0 WHERE id = @'

mint live 'networks: "192.0.2.0/24" scopes: "payments.read"'
quarantined_by "a key freed of its networks" "UPDATE api_key SET networks = '' WHERE id = @"

mint live 'scopes: "payments.read"'
quarantined_by "a key given more scopes" "UPDATE api_key SET scopes = 'payments.read payments.write' WHERE id = @"

mint live
quarantined_by "another key's hash put into a row" "UPDATE api_key SET current_mac =
	(SELECT current_mac FROM api_key WHERE id = '$other_id') WHERE id = @"

mint live
quarantined_by "another row put under a key's id, seal and all" "
	CREATE TEMP TABLE copy AS SELECT * FROM api_key WHERE id = '$other_id';
	UPDATE copy SET id = @;
	DELETE FROM api_key WHERE id = @;
	INSERT INTO api_key ($columns) SELECT $columns FROM copy"

tell "a test key's row copied to live does not make it a live key"
edit "CREATE TEMP TABLE copy AS SELECT * FROM api_key WHERE environment = 'test';
	UPDATE copy SET environment = 'live';
	INSERT INTO api_key ($columns) SELECT $columns FROM copy"
verdict_is WRONG_ENVIRONMENT live "$elsewhere"
verdict_is VALID test "$elsewhere"

tell "a suspended account that was approved by an editor's hand, or removed, is of no use to its keys"
change 'create_account { environment: "live" id: "acme" status: ACCOUNT_SUSPENDED
	products { name: "p" enabled: true } }'
verdict_is ACCOUNT_INACTIVE live "$other"
edit "UPDATE account SET status = 3 WHERE id = 'acme'"
verdict_is QUARANTINED live "$other"
edit "UPDATE account SET status = 4 WHERE id = 'acme'"
verdict_is ACCOUNT_INACTIVE live "$other"
change 'update_account { environment: "live" id: "acme" status: ACCOUNT_APPROVED }'
verdict_is VALID live "$other"
change 'create_account { environment: "live" id: "registered" status: ACCOUNT_APPROVED
	products { name: "p" enabled: true } }'
change 'mint_key { environment: "live" account: "registered" product: "p" }'
key=$(field api_key)
verdict_is VALID live "$key"
edit "DELETE FROM account WHERE id = 'registered'"
verdict_is QUARANTINED live "$key"

tell "an operator who made himself superadmin is nobody"
change 'create_operator { environment: "live" id: "mallory" new_pin: "2718" grants { account: "acme" role: VIEWER } }'
edit "UPDATE operator SET roles = '*=SUPERADMIN' || char(10) WHERE id = 'mallory'"
sed -i 's/^roles =.*/roles = portal verifier/' "$dir/peppermintd.conf"
stop_vault
start_vault
call "operator: \"mallory\" get_key { environment: \"live\" key_id: \"$other_id\" }"
[[ $(field error) =~ ^(NOT_FOUND|RECORD_QUARANTINED)$ ]] || fail "it was told: $output"
sed -i 's/^roles =.*/roles = verifier issuer staff custodian auditor/' "$dir/peppermintd.conf"
stop_vault
start_vault

tell "a row that was removed is an unknown key"
mint live 'product: "p"'
edit "DELETE FROM api_key WHERE id = '$key_id'"
verdict_is UNKNOWN_KEY live "$key"

# An environment whose master keys were tampered with serves nobody; the other one does.
refused_by()
{
	tell "$1"

	stop_vault
	cp -a "$dir/state" "$story_dir/state"
	database "$2"
	start_vault
	verdict live "$other"
	[[ ! $verdict =~ ^(VALID|)$ ]] || fail "live still serves: $verdict"
	change 'mint_key { environment: "live" account: "acme" product: "p" }'
	[ -n "$(field error)" ] || fail "live still mints"
	call 'status { }'
	says 'state: REFUSING' 'detail: '
	verdict_is VALID test "$elsewhere"
	stop_vault
	rm -rf "$dir/state"
	mv "$story_dir/state" "$dir/state"
	start_vault
	verdict_is VALID live "$other"
}

refused_by "a pepper's row that names another key of the token" "UPDATE master_key SET key_id =
	(SELECT key_id FROM master_key WHERE environment = 'live' AND purpose = 'integrity')
	WHERE environment = 'live' AND purpose = 'pepper'"
refused_by "a pepper's check value" "UPDATE master_key SET check_value = zeroblob(8)
	WHERE environment = 'live' AND purpose = 'pepper'"
refused_by "the integrity key's row" "UPDATE master_key SET key_id = randomblob(16)
	WHERE environment = 'live' AND purpose = 'integrity'"
refused_by "the token's serial number" "UPDATE environment SET token_serial = 'ffffffffffffffff'
	WHERE name = 'live'"
refused_by "the pepper's row removed" "DELETE FROM master_key
	WHERE environment = 'live' AND purpose = 'pepper'"
change 'rotate_pepper { environment: "live" name: "api-keys" }'
verdict_is VALID live "$other"
refused_by "the newest version's row removed" "DELETE FROM master_key
	WHERE environment = 'live' AND purpose = 'pepper' AND version = 2"
