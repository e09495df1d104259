package backend

import (
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Folder is a shared folder that is at home on this host.
type Folder struct {
	UUID schema.UUID
	// Name is name@domain, the name of a folder without an address to its readers.
	Name string
	// Primary is the address of a folder that takes mail: then readers know it by that. Zero is a public folder.
	Primary schema.Address
	// Quota is in megabytes, 0 for none.
	Quota int64
	// Changed is when the directory entry changed last; zero when that is not known.
	Changed time.Time
}

// Subject is what kind of reader a right is for.
type Subject string

// The kinds.
const (
	User          Subject = "user"
	Group         Subject = "group"
	Anyone        Subject = "anyone"
	Authenticated Subject = "authenticated"
)

// Grant is a right of somebody to a folder.
type Grant struct {
	Subject Subject `json:"subject"`
	// Name is the address of a user or the name of a group, "" for the others.
	Name string `json:"name,omitempty"`
	// Right is never none.
	Right schema.FolderRight `json:"right"`
}

// Shared is a folder with the rights that count, each reader once, sorted.
type Shared struct {
	Folder
	Grants []Grant
}

// Renaming says that a user has another address or a group another name.
type Renaming struct {
	// Subject is User or Group.
	Subject Subject
	// From is what the rights of others may have; To is "" when nobody is to have them any more.
	From, To string
}
