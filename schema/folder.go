package schema

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Names of the attributes and classes of shared folders (the names of UCS).
const (
	ClassSharedFolder = "univentionMailSharedFolder"

	AttrFolderACL = "univentionMailACL"
	AttrUserQuota = "univentionMailUserQuota"
)

// FolderRight is one of the rights that UCS knows, from the least to the most (univentionMailACL).
type FolderRight string

// The rights; what each allows in the words of a server, its backend knows.
const (
	RightNone   FolderRight = "none"
	RightRead   FolderRight = "read"
	RightPost   FolderRight = "post"
	RightAppend FolderRight = "append"
	RightWrite  FolderRight = "write"
	RightAll    FolderRight = "all"
)

// folderRights are the rights in their order.
func folderRights() []FolderRight {
	return []FolderRight{RightNone, RightRead, RightPost, RightAppend, RightWrite, RightAll}
}

// Identifiers of an ACL that name no single user or group.
const (
	Anyone        = "anyone"
	Authenticated = "authenticated"
)

// FolderACL says what somebody may do with a shared folder.
type FolderACL struct {
	// Identifier is an address in lower case, the name of a group as it stands, Anyone or Authenticated. A group may be
	// called like an address.
	Identifier string
	Right      FolderRight
}

// SharedFolder is the typed view of a shared IMAP folder (class univentionMailSharedFolder).
type SharedFolder struct {
	// UUID and DN identify the entry.
	UUID UUID
	DN   string
	// Name is the part of the cn before its last @, as it stands: UTF-8 without what has a meaning in names of folders or in
	// patterns for them. Domain is what follows, in lower case.
	Name, Domain string
	// Primary is the address of a folder that takes mail; zero for one that does not.
	Primary Address
	// HomeServer is the lower-case FQDN of the host that holds the folder. "" is no host, as in UCS.
	HomeServer string
	// Quota is in megabytes, 0 for none.
	Quota int64
	// ACL has each identifier once, sorted by it.
	ACL []FolderACL
	// Faults are what of the rights and the quota nobody can make sense of, one text each; it counts as not there.
	Faults []string
}

// IsSharedFolder reports whether the entry is a shared folder.
func IsSharedFolder(e *Entry) bool { return e != nil && e.HasClass(ClassSharedFolder) }

// FullName returns name@domain, the name of a folder without an address to those who read it.
func (f SharedFolder) FullName() string { return f.Name + "@" + f.Domain }

// ParseSharedFolder returns the view of a shared folder. Its errors wrap ErrInvalid and name the DN.
func ParseSharedFolder(e *Entry) (SharedFolder, error) {
	f := SharedFolder{UUID: e.UUID, DN: e.DN, HomeServer: strings.ToLower(e.First(AttrHomeServer))}
	full := commonName(e)
	at := strings.LastIndex(full, "@")
	if at < 0 {
		return SharedFolder{}, Invalidf("%s: cn %q is not name@domain", e.DN, full)
	}
	f.Name, f.Domain = full[:at], strings.ToLower(full[at+1:])
	if err := checkFolderName(f.Name); err != nil {
		return SharedFolder{}, Invalidf("%s: cn %q: %w", e.DN, full, err)
	}
	if err := CheckDomain(f.Domain); err != nil {
		return SharedFolder{}, Invalidf("%s: cn: %w", e.DN, err)
	}
	if primary := e.First(AttrPrimaryAddress); primary != "" {
		address, err := ParseAddress(primary)
		if err != nil {
			return SharedFolder{}, Invalidf("%s: %s: %w", e.DN, AttrPrimaryAddress, err)
		}
		f.Primary = address
	}
	if f.HomeServer != "" {
		if err := CheckDomain(f.HomeServer); err != nil {
			return SharedFolder{}, Invalidf("%s: %s: %w", e.DN, AttrHomeServer, err)
		}
	}
	f.readQuota(e.First(AttrUserQuota))
	f.readACL(e.Values(AttrFolderACL))
	return f, nil
}

// checkFolderName refuses what divides names of folders, is a wildcard in IMAP or in the rights files of a server, or begins a
// variable or an escape in a config file.
func checkFolderName(name string) error {
	switch {
	case name == "" || len(name) > 128:
		return Invalidf("the part before the @ must have 1 to 128 bytes")
	case name == "." || name == "..":
		return Invalidf("a directory is called so")
	case strings.TrimSpace(name) != name:
		return Invalidf("a blank at an end of the name is not allowed")
	}
	return checkText(name, `/*?%\`)
}

// checkText accepts UTF-8 of one line without the characters that are refused.
func checkText(text, refused string) error {
	if !utf8.ValidString(text) {
		return Invalidf("the name is no UTF-8")
	}
	for _, r := range text {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || strings.ContainsRune(refused, r) {
			return Invalidf("character %q is not allowed", r)
		}
	}
	return nil
}

func (f *SharedFolder) readQuota(text string) {
	if text = strings.TrimSpace(text); text == "" {
		return
	}
	quota, err := strconv.ParseInt(text, 10, 32)
	if err != nil || quota < 0 {
		f.fault(AttrUserQuota, text, "is no number of megabytes")
		return
	}
	f.Quota = quota
}

// readACL takes in values such as "team@example.test read", split at the last blank. Of two rights of one identifier the
// lesser counts.
func (f *SharedFolder) readACL(values []string) {
	for _, value := range values {
		at := strings.LastIndex(value, " ")
		if at < 0 {
			f.fault(AttrFolderACL, value, "has no blank before a right")
			continue
		}
		right := FolderRight(strings.ToLower(value[at+1:]))
		if !slices.Contains(folderRights(), right) {
			f.fault(AttrFolderACL, value, "ends in no right")
			continue
		}
		identifier, err := parseIdentifier(value[:at])
		if err != nil {
			f.fault(AttrFolderACL, value, err.Error())
			continue
		}
		f.grant(identifier, right, value)
	}
	slices.SortFunc(f.ACL, func(a, b FolderACL) int { return strings.Compare(a.Identifier, b.Identifier) })
}

func (f *SharedFolder) grant(identifier string, right FolderRight, value string) {
	at := slices.IndexFunc(f.ACL, func(a FolderACL) bool { return a.Identifier == identifier })
	if at < 0 {
		f.ACL = append(f.ACL, FolderACL{Identifier: identifier, Right: right})
		return
	}
	if f.ACL[at].Right == right {
		return
	}
	f.fault(AttrFolderACL, value, "contradicts another value: the lesser right counts")
	if CompareRights(right, f.ACL[at].Right) < 0 {
		f.ACL[at].Right = right
	}
}

// fault notes a value that does not count.
func (f *SharedFolder) fault(attribute, value, why string) {
	if len(value) > 80 {
		value = value[:80] + "..."
	}
	f.Faults = append(f.Faults, attribute+" "+strconv.Quote(value)+": "+why)
}

// parseIdentifier checks who gets a right. Addresses and the two words for everybody ignore case, names of groups do too, but
// stay as they are.
func parseIdentifier(text string) (string, error) {
	text = strings.TrimSpace(text)
	if lower := strings.ToLower(text); lower == Anyone || lower == Authenticated {
		return lower, nil
	}
	if address, err := ParseAddress(text); err == nil {
		return address.String(), nil
	}
	return text, CheckGroupName(text)
}

// CompareRights orders rights from the least to the most.
func CompareRights(a, b FolderRight) int {
	return slices.Index(folderRights(), a) - slices.Index(folderRights(), b)
}
