# For the stories of what platforms promise their merchants about API keys: one rule after the other,
# each named by its number in the README's table.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# rule NUMBERS SENTENCE
rule()
{
	echo "* rule $1: $2"
}

# roles_are ROLE...: of this user, the vault's only caller, from now on.
roles_are()
{
	sed -i "s/^roles =.*/roles = $*/" "$dir/peppermintd.conf"
	reloads=$((${reloads:-0} + 1))
	kill -HUP "$(vault_pid)"
	eventually 10 reloaded
}

reloaded()
{
	[ "$(grep -c 'reload: .* callers from' "$dir/peppermintd.log")" -ge "$reloads" ]
}

# policy ENVIRONMENT NAME VALUE: a setting of the environment, from the next start on.
policy()
{
	sed -i "/^\[environment $1\]/,/^\$/{/^$2 *=/d}" "$dir/peppermintd.conf"
	sed -i "s|^\[environment $1\]|&\n$2 = $3|" "$dir/peppermintd.conf"
}

restart_vault()
{
	stop_vault
	reloads=0
	start_vault
}

# refused ERROR CALL: a call that changes something and is refused with that error. asked likewise, for
# one that changes nothing.
refused()
{
	change "$2"
	[ "$(field error)" = "$1" ] || fail "not $1: $2"
}

asked()
{
	call "$2"
	[ "$(field error)" = "$1" ] || fail "not $1: $2"
}

# done_ CALL: a call that changes something and works. read_ likewise.
done_()
{
	change "$1"
	[ -z "$(field error)" ] || fail "refused: $1"
}

read_()
{
	call "$1"
	[ -z "$(field error)" ] || fail "refused: $1"
}

# presented EXPECTED ENVIRONMENT FIELDS: the verdict on what a request brought.
presented()
{
	call "verify_keys { environment: \"$2\" presented { $3 } }"
	if [ "$(field valid)" = true ]; then
		verdict=VALID
	else
		verdict=$(field error)
		verdict=${verdict:-$(field reason)}
	fi
	[ "$verdict" = "$1" ] || fail "the verdict is $verdict, not $1: $3"
}

# account ENVIRONMENT ID [FIELDS]: approved, with product `payments`, if the fields do not say otherwise.
account()
{
	local ready='status: ACCOUNT_APPROVED products { name: "payments" enabled: true }'
	done_ "create_account { environment: \"$1\" id: \"$2\" ${3:-$ready} }"
}

# changed_account ENVIRONMENT ID FIELDS
changed_account()
{
	done_ "update_account { environment: \"$1\" id: \"$2\" $3 }"
}

# mint_for ENVIRONMENT ACCOUNT [FIELDS]: a new key for its product payments, in $key and $key_id.
mint_for()
{
	done_ "mint_key { environment: \"$1\" account: \"$2\" product: \"payments\" ${3:-} }"
	key=$(field api_key) key_id=$(field id)
}

base64_of()
{
	printf %s "$1" | base64 -w 0
}

# confirmed ENVIRONMENT ACT SUBJECT [ENVELOPE]: a confirmation for that, in $confirmation.
confirmed()
{
	read_ "${4:-} confirm { environment: \"$1\" act: $2 subject: \"$3\" }"
	confirmation=$(field confirmation)
	[ -n "$confirmation" ] || fail "no confirmation: $output"
}

# judged EXPECTED ENVIRONMENT KEY: for `eventually`.
judged()
{
	verdict "$2" "$3"
	[ "$verdict" = "$1" ]
}
