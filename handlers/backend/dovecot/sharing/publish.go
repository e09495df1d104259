package sharing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// The variables from which dovecot.conf gets the namespaces of folders without an address: for each UUID its name, the place of
// its mail and, when it has a quota, that in megabytes, a blank and the name again.
const (
	prefixPublic = "mail/dovecot/public/"
	prefixName   = prefixPublic + "name/"
	prefixPath   = prefixPublic + "path/"
	prefixQuota  = prefixPublic + "quota/"
	// usedKey says that there has been a folder.
	usedKey = "mail/dovecot/sharedfolders"
)

// variables returns what these variables are to be.
func variables(all []backend.Shared, place func(backend.Folder) (string, error)) (map[string]string, error) {
	want := map[string]string{}
	for _, f := range all {
		want[usedKey] = "yes"
		if !f.Primary.IsZero() {
			continue
		}
		path, err := place(f.Folder)
		if err != nil {
			return nil, err
		}
		want[prefixName+f.UUID.String()] = f.Name
		want[prefixPath+f.UUID.String()] = path
		if f.Quota > 0 && !strings.Contains(f.Name, ":") { // Dovecot 2.3 has no way to write such a name there
			want[prefixQuota+f.UUID.String()] = strconv.FormatInt(f.Quota, 10) + " " + f.Name
		}
	}
	return want, nil
}

// difference returns what makes the variables of a view what they are to be.
func difference(view *registry.View, want map[string]string) registry.Edit {
	edit := registry.Edit{Layer: registry.Normal, Internal: true}
	have := map[string]string{usedKey: view.String(usedKey)}
	for _, pair := range view.Prefix(prefixPublic) {
		have[pair.Key] = pair.Value
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if have[key] != want[key] {
			edit.Set = append(edit.Set, registry.Assignment{Key: key, Value: want[key]})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if _, stays := want[key]; !stays && key != usedKey {
			edit.Unset = append(edit.Unset, key)
		}
	}
	return edit
}

// publish gives folders without an address their namespaces. All that a burst changes is one reload of Dovecot.
func (k *Keeper) publish(ctx context.Context, all []backend.Shared) error {
	view, err := k.cfg.Registry.View()
	if err != nil {
		return &schema.TargetDown{Target: "registry", Err: err}
	}
	want, err := variables(all, k.mailPath)
	if err != nil {
		return err
	}
	edit := difference(view, want)
	if len(edit.Set) == 0 && len(edit.Unset) == 0 {
		return nil
	}
	_, err = k.cfg.Registry.Change(ctx, edit)
	if errors.Is(err, registry.ErrPending) {
		return nil // the registry tries again, and shows it
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", strings.TrimSuffix(prefixPublic, "/"), err)
	}
	return nil
}

// inspectPublished compares the variables of a folder without an address.
func (k *Keeper) inspectPublished(f backend.Shared) (found []schema.Difference, err error) {
	if !f.Primary.IsZero() {
		return nil, nil
	}
	view, err := k.cfg.Registry.View()
	if err != nil {
		return nil, &schema.TargetDown{Target: "registry", Err: err}
	}
	want, err := variables([]backend.Shared{f}, k.mailPath)
	if err != nil {
		return nil, err
	}
	for _, prefix := range []string{prefixName, prefixPath, prefixQuota} {
		key := prefix + f.UUID.String()
		if have := view.String(key); have != want[key] {
			found = append(found, schema.Difference{What: key, Want: want[key], Have: have})
		}
	}
	return found, nil
}

// mailPath returns the Maildir of a folder.
func (k *Keeper) mailPath(f backend.Folder) (string, error) {
	o, err := owner(f)
	if err != nil {
		return "", err
	}
	return k.cfg.Stores.Wanted(o) + "/" + mailName, nil
}
