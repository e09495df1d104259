package folder_test

import (
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestGroups gives rights to a group with a name that needs care, through a group in it, and takes members away.
func TestGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const outer, inner = `Büro: $o "x" 10% a=b`, "inner"
	w.group(inner, harness.DN("b"), dn("outer"))
	w.Slapd.Add(dn("outer"), map[string][]string{
		"objectClass": {"groupOfNames"}, "cn": {"outer", outer}, "member": {dn(inner), harness.DN("nobody")},
	})
	w.Slapd.Rename(dn("outer"), "cn="+escape(outer), "")
	w.Wait()
	w.add("Team", mail("team"), mail("a")+" all", outer+" read")
	w.add("Board", "", outer+" write")
	w.Wait()
	shared, public := "shared/"+mail("team"), "Board@"+domain+"/INBOX"
	w.soonRights("b", shared, read)
	w.soonRights("b", public, write)
	w.soonRights("c", public, "")
	w.wantList("b", shared, public)

	w.Slapd.Set(dn(inner), "member", harness.DN("c"))
	w.Wait()
	w.wantRights("b", public, "") // Wait ends when what was taken away is
	w.soonRights("c", public, write)
	w.wantList("c", shared, public)

	w.Slapd.Add(dn("posix"), map[string][]string{"objectClass": {"posixGroup"}, "cn": {"posix"}, "gidNumber": {"7"}, "memberUid": {"b"}})
	w.Slapd.Set(dn("Board@"+domain), "univentionMailACL", "posix read", "nobody read")
	w.Wait()
	w.soonRights("b", public, read)
	w.soonRights("c", public, "")
}
