package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Profile is what a directory calls the attributes and classes that this program knows by the names of UCS, the
// canonical ones (ldap/profile, ldap/attribute/NAME). Sources and probes ask with the directory's names and hand out
// canonical ones, so that nothing behind them knows of profiles. The zero value is that of UCS.
type Profile struct {
	name string
	// names are the directory's names by the canonical ones in lower case; those that are not in it are the same. "" is what
	// the directory does not have.
	names map[string]string
}

// Names of operational attributes that every profile has a name for.
const (
	AttrEntryUUID  = "entryUUID"
	AttrEntryDN    = "entryDN"
	AttrCreated    = "createTimestamp"
	AttrModified   = "modifyTimestamp"
	AttrEntryCSN   = "entryCSN"
	AttrDomainName = "cn"
	attrClass      = "objectClass"
)

// proxyAddresses is the attribute of Active Directory whose values name their kind: smtp:alias, SMTP:primary, x400:...
const (
	proxyAddresses = "proxyAddresses"
	proxyPrefix    = "smtp:"
)

// The classes of users and computers of Active Directory, where computers are users, too.
const (
	classUser     = "user"
	classComputer = "computer"
)

// profiles are the tables by the values of ldap/profile. Mail domains have no class that everybody uses; RFC 4524's is in
// the schema of all of these servers. Active Directory knows no home server, and dates entries by attributes of its own.
// Attributes that close accounts are those which the servers of a profile obey; when passwords expire, only UCS says by these.
var profiles = map[string]map[string]string{
	"ucs": {},
	"inetorgperson": {
		ClassMail: "inetOrgPerson", ClassMailDomain: "domainRelatedObject", AttrDomainName: "associatedDomain",
		AttrPrimaryAddress: "mail", AttrAlternativeAddress: "mailLocalAddress", AttrHomeServer: "mailHost",
		AttrForwardAddress:   "mailRoutingAddress",
		AttrShadowLastChange: "", AttrShadowMax: "", AttrSambaFlags: "", AttrSambaKickoff: "", AttrSambaPasswordSet: "", AttrKDCFlags: "",
		AttrValidEnd: "", AttrAccountControl: "", AttrAccountExpires: "", AttrLockoutTime: "",
	},
	"freeipa": {
		ClassMail: "inetOrgPerson", ClassMailDomain: "domainRelatedObject", AttrDomainName: "associatedDomain",
		AttrPrimaryAddress: "mail", AttrAlternativeAddress: "mailAlternateAddress", AttrHomeServer: "mailHost",
		AttrForwardAddress: "mailForwardingAddress", AttrEntryUUID: string(NSUniqueID), AttrEntryCSN: "",
		AttrValidEnd: "krbPrincipalExpiration", AttrPasswordChanged: "krbLastPwdChange",
		AttrShadowExpire: "", AttrShadowLastChange: "", AttrShadowMax: "", AttrSambaFlags: "", AttrSambaKickoff: "", AttrSambaPasswordSet: "",
		AttrKDCFlags: "", AttrLockedTime: "", AttrLoginDisabled: "", AttrAccountControl: "", AttrAccountExpires: "", AttrLockoutTime: "",
	},
	"ad": {
		ClassMail: "user", ClassMailDomain: "domainRelatedObject", AttrDomainName: "associatedDomain",
		AttrPrimaryAddress: "mail", AttrAlternativeAddress: proxyAddresses, AttrHomeServer: "", AttrForwardAddress: "",
		ClassGroup: "group", "uid": "sAMAccountName",
		AttrEntryUUID: string(ObjectGUID), AttrEntryDN: "distinguishedName", AttrCreated: "whenCreated",
		AttrModified: "whenChanged", AttrEntryCSN: "", AttrPasswordChanged: "pwdLastSet",
		AttrShadowExpire: "", AttrShadowLastChange: "", AttrShadowMax: "", AttrSambaFlags: "", AttrSambaKickoff: "", AttrSambaPasswordSet: "",
		AttrKDCFlags: "", AttrValidEnd: "", AttrLockedTime: "", AttrAccountLock: "", AttrLoginDisabled: "",
	},
}

// NewProfile returns a profile by its name (ldap/profile; ucs when empty) with names put in place of its own: by canonical
// name, in any case, the directory's (ldap/attribute/NAME). An unknown profile, and an entryUUID that is none of the
// identities, is an error.
func NewProfile(name string, overrides map[string]string) (Profile, error) {
	table, known := profiles[name]
	if !known && name != "" {
		return Profile{}, fmt.Errorf("ldap/profile %q: want one of %s", name, strings.Join(slices.Sorted(maps.Keys(profiles)), ", "))
	}
	p := Profile{name: name, names: map[string]string{}}
	for _, names := range []map[string]string{table, overrides} {
		for canonical, own := range names {
			if own != "" && !isDescriptor(own) {
				return Profile{}, fmt.Errorf("ldap/attribute/%s: %q is not the name of an attribute or class", canonical, own)
			}
			p.names[strings.ToLower(canonical)] = own
		}
	}
	if _, err := ParseIdentity(p.Attribute(AttrEntryUUID)); err != nil {
		return Profile{}, fmt.Errorf("ldap/attribute/%s: %w", AttrEntryUUID, err)
	}
	return p, nil
}

// isDescriptor reports whether a text has the form of a name (RFC 4512 section 1.4, keystring).
func isDescriptor(text string) bool {
	return strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == "" &&
		strings.IndexAny(text, "0123456789-") != 0
}

// Attribute returns what the directory calls an attribute or a class; options stay. It is "" when it has none.
func (p Profile) Attribute(canonical string) string {
	base, options, _ := strings.Cut(canonical, ";")
	own, named := p.names[strings.ToLower(base)]
	if !named && strings.EqualFold(base, AttrCommonName) {
		own, named = AttrDomainName, true // the attribute, not what the profile calls it
	}
	switch {
	case !named:
		return canonical
	case own == "" || options == "":
		return own
	default:
		return own + ";" + options
	}
}

// ValuePrefix is what stands before the values of an attribute in the directory: "smtp:" in proxyAddresses.
func (p Profile) ValuePrefix(canonical string) string {
	if strings.EqualFold(p.Attribute(canonical), proxyAddresses) {
		return proxyPrefix
	}
	return ""
}

// Identity is the attribute by which the profile expects entries to be identified. What counts is what the source that is
// in use has; the two may differ in layout address only.
func (p Profile) Identity() Identity { return Identity(p.Attribute(AttrEntryUUID)).canonical() }

// Attributes returns what is to be asked of the directory for attributes with these canonical names, each once: among
// them that which identifies entries, and when there is no entryCSN, that which dates them.
func (p Profile) Attributes(canonical []string, id Identity) []string {
	var names []string
	add := func(name string) {
		has := slices.ContainsFunc(names, func(known string) bool { return strings.EqualFold(known, name) })
		if name != "" && !has {
			names = append(names, name)
		}
	}
	for _, name := range canonical {
		if !strings.EqualFold(name, AttrEntryUUID) {
			add(p.Attribute(name))
		}
	}
	add(string(id))
	if id != EntryUUID {
		add(p.Attribute(AttrModified))
	}
	return names
}

// Filter returns an LDAP filter with the directory's names in place of canonical ones. A comparison with an attribute that
// the directory does not have is left as it is: no entry has it.
func (p Profile) Filter(canonical string) string {
	var b strings.Builder
	for rest := canonical; rest != ""; {
		before, item, found := strings.Cut(rest, "(")
		b.WriteString(before)
		if !found {
			break
		}
		b.WriteByte('(')
		end := strings.IndexAny(item, "()")
		if end < 0 {
			end = len(item)
		}
		b.WriteString(p.comparison(item[:end]))
		rest = item[end:]
	}
	return b.String()
}

// comparison translates what stands between parentheses.
func (p Profile) comparison(item string) string {
	end := strings.IndexAny(item, "=~<>:")
	if end <= 0 {
		return item // & | !
	}
	name, rest := item[:end], item[end:]
	if strings.EqualFold(strings.TrimSpace(name), attrClass) {
		class := p.Attribute(strings.TrimPrefix(rest, "="))
		switch {
		case class == "" || !strings.HasPrefix(rest, "="):
		case strings.EqualFold(class, classUser):
			return "&(" + name + "=" + class + ")(!(" + name + "=" + classComputer + "))"
		default:
			return name + "=" + class
		}
		return item
	}
	own := p.Attribute(strings.TrimSpace(name))
	if own == "" {
		return item
	}
	if value, plain := strings.CutPrefix(rest, "="); plain && value != "*" {
		rest = "=" + p.ValuePrefix(name) + value
	}
	return own + rest
}
