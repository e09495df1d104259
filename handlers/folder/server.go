package folder

import (
	"context"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Server keeps shared folders. Each call looks at what is there first, so it may be repeated.
type Server interface {
	// Ensure gives a folder its store: the one that it has, of whichever kind and under whichever address it was, with all of
	// its subfolders; one that comes back from where it was moved aside; or an empty one.
	Ensure(ctx context.Context, f backend.Folder) error
	// Remove moves the store of a folder that is gone, or at home elsewhere, to the trash, or leaves it where it is.
	Remove(ctx context.Context, f backend.Folder, trash bool) error
	// SetRights makes the rights to a folder and to what lies below it what they are to be. It is called when they have
	// changed.
	SetRights(ctx context.Context, f backend.Shared) error
	// SetQuota is called when the quota has changed.
	SetQuota(ctx context.Context, f backend.Folder) error
	// Commit is called at the end of a burst in which a folder has changed, with all folders of this host.
	Commit(ctx context.Context, all []backend.Shared) error
	// Inspect tells what is not as the calls above have left it.
	Inspect(ctx context.Context, f backend.Shared) ([]schema.Difference, error)
}
