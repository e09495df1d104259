package dovecot

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/letter"
	"github.com/mailreg/mailreg/registry/hook/program"
)

// injectLimit is how long one delivery may take: the store may be large and its index missing.
const injectLimit = 5 * time.Minute

// Inject puts a letter into its user's mailbox whatever the quota says. release is that of the installed Dovecot, such as
// "2.3.19".
func Inject(ctx context.Context, root, release string, l letter.Letter) error {
	lda, err := exec.LookPath("dovecot-lda")
	if err != nil {
		lda = "/usr/lib/dovecot/dovecot-lda"
	}
	unlimited := "quota_enforce=no"
	if strings.HasPrefix(release, "2.3") {
		unlimited = "plugin/quota=maildir:User:noenforcing"
	}
	r, err := program.Call{
		Path: lda, Input: l.Bytes(), Limit: injectLimit, Env: append(os.Environ(), "LC_ALL=C"),
		Args: []string{
			"-c", filepath.Join(root, "etc/dovecot/dovecot.conf"), "-d", l.To.String(), "-f", l.From, "-o", unlimited,
		},
	}.Run(ctx)
	if err != nil {
		return fmt.Errorf("delivering to %s: %w%s", l.To, err, r.Said())
	}
	return nil
}
