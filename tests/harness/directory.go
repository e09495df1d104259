package harness

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/schema"
)

// The test directory's names.
const (
	BaseDN        = "dc=example,dc=test"
	AdminDN       = "cn=admin," + BaseDN
	AdminPassword = "secret"
	PeopleDN      = "ou=people," + BaseDN
	StaffDN       = "ou=staff," + BaseDN
	DomainsDN     = "ou=domains," + BaseDN
	MailDomain    = "example.test"
	HostName      = "mail1.example.test"
	// Password is every person's password.
	Password = "geheim"
)

// Directory writes the test directory as its administrator.
type Directory struct {
	t    T
	Conn *ldap.Conn
	// identity is the attribute that identifies entries; entryUUID when empty.
	identity schema.Identity
}

// NewDirectory binds as the administrator at a URI.
func NewDirectory(t T, uri string) *Directory {
	t.Helper()
	d := &Directory{t: t}
	if err := d.connect(uri, AdminDN, AdminPassword); err != nil {
		t.Fatalf("connecting to the directory: %v", err)
	}
	t.Cleanup(d.disconnect)
	return d
}

// connect binds as the administrator who has this name.
func (d *Directory) connect(uri, dn, password string) error {
	conn, err := ldap.DialURL(uri)
	if err != nil {
		return err
	}
	if err := conn.Bind(dn, password); err != nil {
		_ = conn.Close() // the error that counts is the bind's
		return err
	}
	d.Conn = conn
	return nil
}

// disconnect closes the administrator's connection; that the server did so before is as good.
func (d *Directory) disconnect() { _ = d.Conn.Close() }

// Person is a mail user to add.
type Person struct {
	// UID names the person; the entry is uid=UID below ou=people.
	UID string
	// Mail is the primary address, none when empty; Home the mail home server, none when empty.
	Mail, Home string
	// Aliases are alternative addresses.
	Aliases []string
}

// DN returns the DN of a person below ou=people.
func DN(uid string) string { return "uid=" + uid + "," + PeopleDN }

// AddPerson adds a mail user and returns its entryUUID.
func (d *Directory) AddPerson(p Person) string {
	d.t.Helper()
	attrs := map[string][]string{
		"objectClass": {"inetOrgPerson", "univentionMail"},
		"uid":         {p.UID}, "cn": {p.UID}, "sn": {p.UID},
		"userPassword": {Password},
	}
	if p.Mail != "" {
		attrs["mailPrimaryAddress"] = []string{p.Mail}
	}
	if p.Home != "" {
		attrs["univentionMailHomeServer"] = []string{p.Home}
	}
	if len(p.Aliases) > 0 {
		attrs["mailAlternativeAddress"] = p.Aliases
	}
	return d.Add(DN(p.UID), attrs)
}

// AddDomain adds a mail domain.
func (d *Directory) AddDomain(name string) {
	d.t.Helper()
	d.Add("cn="+name+","+DomainsDN, map[string][]string{
		"objectClass": {"univentionMailDomainname"}, "cn": {name},
	})
}

// Add adds an entry and returns its entryUUID.
func (d *Directory) Add(dn string, attrs map[string][]string) string {
	d.t.Helper()
	req := ldap.NewAddRequest(dn, nil)
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		req.Attribute(name, attrs[name])
	}
	if err := d.Conn.Add(req); err != nil {
		d.t.Fatalf("adding %s: %v", dn, err)
	}
	return d.UUID(dn)
}

// Set replaces the values of an attribute; without values it is removed.
func (d *Directory) Set(dn, attr string, values ...string) {
	d.t.Helper()
	req := ldap.NewModifyRequest(dn, nil)
	req.Replace(attr, values)
	if err := d.Conn.Modify(req); err != nil {
		d.t.Fatalf("setting %s of %s: %v", attr, dn, err)
	}
}

// SetMail replaces the primary address; "" removes it.
func (d *Directory) SetMail(dn, address string) {
	d.t.Helper()
	if address == "" {
		d.Set(dn, "mailPrimaryAddress")
		return
	}
	d.Set(dn, "mailPrimaryAddress", address)
}

// SetHome replaces the mail home server; "" removes it.
func (d *Directory) SetHome(dn, host string) {
	d.t.Helper()
	if host == "" {
		d.Set(dn, "univentionMailHomeServer")
		return
	}
	d.Set(dn, "univentionMailHomeServer", host)
}

// Move replaces primary address and mail home server in one operation; "" for the latter removes it.
func (d *Directory) Move(dn, address, host string) {
	d.t.Helper()
	req := ldap.NewModifyRequest(dn, nil)
	req.Replace("mailPrimaryAddress", []string{address})
	req.Replace("univentionMailHomeServer", slices.DeleteFunc([]string{host}, func(h string) bool { return h == "" }))
	if err := d.Conn.Modify(req); err != nil {
		d.t.Fatalf("moving %s to %s on %s: %v", dn, address, host, err)
	}
}

// RemoveMailClass takes the class of a mail user away, and the attributes that only it allows.
func (d *Directory) RemoveMailClass(dn string) {
	d.t.Helper()
	req := ldap.NewModifyRequest(dn, nil)
	req.Replace("mailPrimaryAddress", nil)
	req.Replace("univentionMailHomeServer", nil)
	req.Replace("mailAlternativeAddress", nil)
	req.Delete("objectClass", []string{"univentionMail"})
	if err := d.Conn.Modify(req); err != nil {
		d.t.Fatalf("removing the mail class of %s: %v", dn, err)
	}
}

// AddMailClass makes an entry a mail user again.
func (d *Directory) AddMailClass(dn, address string) {
	d.t.Helper()
	req := ldap.NewModifyRequest(dn, nil)
	req.Add("objectClass", []string{"univentionMail"})
	req.Replace("mailPrimaryAddress", []string{address})
	if err := d.Conn.Modify(req); err != nil {
		d.t.Fatalf("adding the mail class to %s: %v", dn, err)
	}
}

// Rename gives an entry a new RDN, and a new superior unless that is empty. It returns the new DN.
func (d *Directory) Rename(dn, rdn, superior string) string {
	d.t.Helper()
	if err := d.Conn.ModifyDN(ldap.NewModifyDNRequest(dn, rdn, true, superior)); err != nil {
		d.t.Fatalf("renaming %s: %v", dn, err)
	}
	if superior == "" {
		_, superior, _ = strings.Cut(dn, ",")
	}
	return rdn + "," + superior
}

// Delete deletes an entry.
func (d *Directory) Delete(dn string) {
	d.t.Helper()
	if err := d.Conn.Del(ldap.NewDelRequest(dn, nil)); err != nil {
		d.t.Fatalf("deleting %s: %v", dn, err)
	}
}

func (d *Directory) id() schema.Identity {
	return schema.Identity(or(string(d.identity), string(schema.EntryUUID)))
}

// UUID returns an entry's UUID.
func (d *Directory) UUID(dn string) string {
	d.t.Helper()
	identity := d.id()
	req := ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{string(identity)}, nil)
	result, err := d.Conn.Search(req)
	if err != nil {
		d.t.Fatalf("reading the %s of %s: %v", identity, dn, err)
	}
	uuid, err := identity.Parse(string(result.Entries[0].GetRawAttributeValue(string(identity))))
	if err != nil {
		d.t.Fatalf("reading %s: %v", dn, err)
	}
	return uuid.String()
}

// Mailboxes returns the primary address in lower case by entryUUID, of each mail user whose home is this host or any.
func (d *Directory) Mailboxes() map[string]string {
	d.t.Helper()
	req := ldap.NewSearchRequest(BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(&(objectClass=univentionMail)(mailPrimaryAddress=*)"+
			"(|(!(univentionMailHomeServer=*))(univentionMailHomeServer="+HostName+")))", []string{"entryUUID", "mailPrimaryAddress"}, nil)
	result, err := d.Conn.Search(req)
	if err != nil {
		d.t.Fatalf("searching the mail users: %v", err)
	}
	mailboxes := map[string]string{}
	for _, e := range result.Entries {
		mailboxes[e.GetAttributeValue("entryUUID")] = strings.ToLower(e.GetAttributeValue("mailPrimaryAddress"))
	}
	return mailboxes
}

// Entries returns the entries below the base that match, with the attributes asked for, in the form of the replica.
func (d *Directory) Entries(filter string, names ...string) []*schema.Entry {
	d.t.Helper()
	req := ldap.NewSearchRequest(BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter,
		append([]string{string(d.id())}, names...), nil)
	result, err := d.Conn.Search(req)
	if err != nil {
		d.t.Fatalf("searching %s: %v", filter, err)
	}
	entries := make([]*schema.Entry, 0, len(result.Entries))
	for _, found := range result.Entries {
		uuid, err := d.id().Parse(string(found.GetEqualFoldRawAttributeValue(string(d.id()))))
		if err != nil {
			d.t.Fatalf("reading %s: %v", found.DN, err)
		}
		var attrs []schema.Attribute
		for _, a := range found.Attributes {
			attrs = append(attrs, schema.Attribute{Name: a.Name, Values: a.Values})
		}
		entries = append(entries, schema.NewEntry(uuid, found.DN, attrs...))
	}
	return entries
}

// Values returns the values of an attribute.
func (d *Directory) Values(dn, attr string) []string {
	d.t.Helper()
	req := ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{attr}, nil)
	result, err := d.Conn.Search(req)
	if err != nil {
		d.t.Fatalf("reading %s of %s: %v", attr, dn, err)
	}
	return result.Entries[0].GetEqualFoldAttributeValues(attr)
}
