package model_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/tests/harness"
)

// person is one of those in the directory of a story; the zero value is not in it.
type person struct {
	dn, address string
	// mail is set while the entry has the class of a mail user.
	mail bool
}

// people writes a story's directory. Addresses are a1 to a6; there are as many people.
type people struct {
	dir   *harness.Slapd
	list  [6]person
	count int
	// folder is the name of the folder that is ou=a at first, and above where it lies.
	folder string
}

func newPeople(dir *harness.Slapd) *people { return &people{dir: dir, folder: "ou=a," + inside} }

func address(n int) string { return fmt.Sprintf("a%d@%s", n, harness.MailDomain) }

// clear empties the directory but for the folders and one person that stays: a refresh without any is not believed, which
// is a story of its own.
func (p *people) clear() {
	request := ldap.NewSearchRequest(harness.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(|(objectClass=inetOrgPerson)(&(objectClass=organizationalUnit)(|(ou=a)(ou=b)(ou=c))))", []string{"1.1"}, nil)
	result, err := p.dir.Conn.Search(request)
	if err != nil {
		panic(err)
	}
	slices.SortFunc(result.Entries, func(a, b *ldap.Entry) int { // what is below a folder goes first
		return strings.Count(b.DN, ",") - strings.Count(a.DN, ",")
	})
	for _, e := range result.Entries {
		p.dir.Delete(e.DN)
	}
	for _, name := range []string{"a", "b"} {
		p.dir.Add("ou="+name+","+inside, map[string][]string{"objectClass": {"organizationalUnit"}, "ou": {name}})
	}
	p.create("uid=stays,"+inside, "stays@"+harness.MailDomain)
}

func (p *people) create(dn, address string) {
	uid, _, _ := strings.Cut(strings.TrimPrefix(dn, "uid="), ",")
	attrs := map[string][]string{
		"objectClass": {"inetOrgPerson", "univentionMail"}, "uid": {uid}, "cn": {uid}, "sn": {uid},
	}
	if address != "" {
		attrs["mailPrimaryAddress"] = []string{address}
	}
	p.dir.Add(dn, attrs)
}

// set adds a person or gives one another address.
func (p *people) set(n int, to string) {
	q := &p.list[n]
	switch {
	case q.dn == "":
		*q = person{dn: fmt.Sprintf("uid=u%d,%s", n, p.folder), address: to, mail: true}
		p.create(q.dn, to)
	case !q.mail:
		p.dir.AddMailClass(q.dn, address(n))
		q.mail, q.address = true, address(n)
		p.set(n, to)
	default:
		p.dir.SetMail(q.dn, to)
		q.address = to
	}
}

func (p *people) remove(n int) {
	if p.list[n].dn != "" {
		p.dir.Delete(p.list[n].dn)
		p.list[n] = person{}
	}
}

// recreate replaces an entry by one that looks the same.
func (p *people) recreate(n int) {
	if q := p.list[n]; q.mail {
		p.dir.Delete(q.dn)
		p.create(q.dn, q.address)
	}
}

// move gives an entry another superior, rename another name.
func (p *people) move(n int, superior string) {
	q := &p.list[n]
	if q.dn != "" && !strings.HasSuffix(q.dn, ","+superior) {
		rdn, _, _ := strings.Cut(q.dn, ",")
		q.dn = p.dir.Rename(q.dn, rdn, superior)
	}
}

func (p *people) rename(n int) {
	if q := &p.list[n]; q.dn != "" {
		p.count++
		q.dn = p.dir.Rename(q.dn, fmt.Sprintf("uid=r%d", p.count), "")
	}
}

// leave takes the class of a mail user away.
func (p *people) leave(n int) {
	if q := &p.list[n]; q.mail {
		p.dir.RemoveMailClass(q.dn)
		q.mail, q.address = false, ""
	}
}

// swap exchanges two addresses; in between both have the same.
func (p *people) swap(a, b int) {
	if p.list[a].mail && p.list[b].mail {
		to, from := p.list[b].address, p.list[a].address
		p.set(a, to)
		p.set(b, from)
	}
}

// rotate lets each of three have the address of the next one.
func (p *people) rotate(a, b, c int) {
	if p.list[a].mail && p.list[b].mail && p.list[c].mail {
		first := p.list[a].address
		p.set(a, p.list[b].address)
		p.set(b, p.list[c].address)
		p.set(c, first)
	}
}

// moveFolder renames the folder with all that is in it, to a new name or superior.
func (p *people) moveFolder(rdn, superior string) {
	to := rdn + "," + superior
	if p.folder == to {
		return
	}
	p.dir.Rename(p.folder, rdn, superior)
	for n := range p.list {
		if name, below := strings.CutSuffix(p.list[n].dn, ","+p.folder); below {
			p.list[n].dn = name + "," + to
		}
	}
	p.folder = to
}

// mend brings everybody back and gives everyone an address of their own, so that nothing is left to wait for.
func (p *people) mend() {
	for n := range p.list {
		if n > 0 && p.list[n].dn != "" {
			p.move(n, inside)
			p.set(n, fmt.Sprintf("mended%d.%d@%s", n, p.count, harness.MailDomain))
		}
	}
}
