package sharing

import (
	"bytes"
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/confine"
)

// SetGroups writes who is in which groups, and ends the sessions of those who have left one: what a session may do was
// settled when it began.
func (k *Keeper) SetGroups(ctx context.Context, members map[string][]string) error {
	dir, err := k.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	have, err := readFile(dir, groupsName)
	want := groupsFile(members)
	if err != nil {
		return err
	}
	if have == nil || !bytes.Equal(have, want) {
		if err := k.writeGroups(dir, have, want); err != nil {
			return err
		}
	}
	return k.dismiss(ctx, dir)
}

// writeGroups writes the user database, after a list of who is to be kicked for it.
func (k *Keeper) writeGroups(dir *confine.Dir, have, want []byte) error {
	gone, err := readFile(dir, leavingName)
	if err != nil {
		return err
	}
	for _, address := range left(have, want) {
		gone = append(gone, address+"\n"...)
	}
	if len(gone) > 0 {
		if err := dir.Replace(leavingName, gone, confine.Caller()); err != nil {
			return err
		}
	}
	former, _, err := dir.Stat(groupsName)
	if err != nil {
		return err
	}
	if err := dir.Replace(groupsName, want, confine.Caller()); err != nil {
		return err
	}
	return age(dir, former.Mtim.Sec)
}

// dismiss ends the sessions of those who have left a group, once nobody can log in by the former user database.
func (k *Keeper) dismiss(ctx context.Context, dir *confine.Dir) error {
	gone, err := readFile(dir, leavingName)
	if err != nil || gone == nil {
		return err
	}
	select {
	case <-time.After(noticed):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := k.cfg.Stores.Kick(ctx, strings.Fields(string(gone))...); err != nil {
		return err
	}
	return dir.Remove(leavingName)
}

// noticed is after how long every login goes by a new user database: Dovecot looks at it once in a second.
const noticed = 1100 * time.Millisecond

// age gives the user database a time that is later than that of the former one, in seconds, by one at least: Dovecot tells two
// of the same size by these.
func age(dir *confine.Dir, former int64) error {
	st, _, err := dir.Stat(groupsName)
	if err != nil || st.Mtim.Sec > former {
		return err
	}
	later := time.Unix(former+1, 0)
	return os.Chtimes(dir.Path(groupsName), later, later)
}

// groupsFile returns the user database that tells who is in which groups.
func groupsFile(members map[string][]string) []byte {
	var b bytes.Buffer
	for _, address := range slices.Sorted(maps.Keys(members)) {
		ids := make([]string, len(members[address]))
		for i, name := range members[address] {
			ids[i] = GroupID(name)
		}
		slices.Sort(ids)
		b.WriteString(address + ":::::::userdb_acl_groups=" + strings.Join(slices.Compact(ids), ",") + "\n")
	}
	return b.Bytes()
}

// left returns who was in a group by an earlier database and is not by a later one.
func left(before, after []byte) (addresses []string) {
	now := parseGroups(after)
	for address, groups := range parseGroups(before) {
		gone := func(id string) bool { return !slices.Contains(now[address], id) }
		if slices.ContainsFunc(groups, gone) {
			addresses = append(addresses, address)
		}
	}
	slices.Sort(addresses)
	return addresses
}

func parseGroups(data []byte) map[string][]string {
	found := map[string][]string{}
	for line := range strings.Lines(string(data)) {
		address, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		_, ids, ok2 := strings.Cut(rest, "userdb_acl_groups=")
		if ok && ok2 {
			found[address] = strings.Split(ids, ",")
		}
	}
	return found
}
