#include "products.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARACTERS                                                                            \
	"abcdefghijklmnopqrstuvwxyz"                                                               \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"                                                               \
	"0123456789._-"

struct products {
	size_t count;
	struct product_info list[VAULT_PRODUCTS_MAX];
};

bool product_is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= VAULT_PRODUCT_MAX && strspn(name, NAME_CHARACTERS) == len;
}

size_t products_read(const char *list, struct product_info out[VAULT_PRODUCTS_MAX])
{
	size_t count = 0;

	while (count < VAULT_PRODUCTS_MAX && (*list == '+' || *list == '-')) {
		size_t len = strcspn(list + 1, "\n");

		if (len > VAULT_PRODUCT_MAX || list[1 + len] == '\0')
			break;
		out[count].enabled = *list == '+';
		memcpy(out[count].name, list + 1, len);
		out[count++].name[len] = '\0';
		list += 1 + len + 1;
	}
	return count;
}

static struct product_info *find(struct products *products, const char *name)
{
	for (size_t i = 0; i < products->count; i++) {
		if (strcmp(products->list[i].name, name) == 0)
			return &products->list[i];
	}
	return NULL;
}

bool products_enabled(const char *list, const char *name)
{
	struct products products;

	products.count = products_read(list, products.list);
	const struct product_info *product = find(&products, name);
	return product && product->enabled;
}

static bool are_names(const struct product_info *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!product_is_name(changes[i].name))
			return false;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(changes[i].name, changes[j].name) == 0)
				return false;
		}
	}
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct product_info *one = a, *other = b;

	return strcmp(one->name, other->name);
}

static enum pm_err write_list(struct products *products, char list[STORE_PRODUCTS_MAX + 1])
{
	char text[STORE_PRODUCTS_MAX + 1];
	size_t len = 0;

	qsort(products->list, products->count, sizeof(products->list[0]), by_name);
	text[0] = '\0';
	for (size_t i = 0; i < products->count; i++) {
		const struct product_info *product = &products->list[i];
		int wrote = snprintf(text + len, sizeof(text) - len, "%c%s\n",
				     product->enabled ? '+' : '-', product->name);

		if (wrote < 0 || (size_t)wrote >= sizeof(text) - len)
			return PM_TOO_LARGE;
		len += (size_t)wrote;
	}
	memcpy(list, text, len + 1);
	return PM_OK;
}

enum pm_err products_change(char list[STORE_PRODUCTS_MAX + 1], const struct product_info *changes,
			    size_t count, size_t *changed)
{
	struct products products;

	*changed = 0;
	if (count > VAULT_PRODUCTS_MAX)
		return PM_TOO_LARGE;
	if (!are_names(changes, count))
		return PM_BAD_REQUEST;
	products.count = products_read(list, products.list);
	for (size_t i = 0; i < count; i++) {
		struct product_info *product = find(&products, changes[i].name);

		if (product && product->enabled == changes[i].enabled)
			continue;
		if (!product && products.count == VAULT_PRODUCTS_MAX)
			return PM_TOO_LARGE;
		if (!product)
			product = &products.list[products.count++];
		*product = changes[i];
		(*changed)++;
	}
	return write_list(&products, list);
}
