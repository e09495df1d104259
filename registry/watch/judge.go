package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/mailreg/mailreg/registry"
)

// judge looks at what was edited, commits it or says why not. It reports whether to try again by itself.
func (w *Watcher) judge(ctx context.Context) (again bool) {
	view, err := w.cfg.Registry.View()
	if err != nil {
		w.report(fmt.Sprintf("an edit cannot be read, the last good settings stay in force: %v", err))
		return systemic(err)
	}
	edits, err := w.cfg.Registry.Edited(ctx)
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		w.report(fmt.Sprintf("edits cannot be looked for: %v", err))
		return true
	case len(edits.Files) == 0:
		w.report("")
		return false
	case view.Bool("mailreg/autocommit"):
		return w.commit(ctx, edits)
	default:
		w.wait(ctx, edits)
		return false
	}
}

// commit brings edits into force. What was refused is left alone until something else is edited: a server that does not
// work with it would be reloaded back and forth.
func (w *Watcher) commit(ctx context.Context, edits registry.Edits) (again bool) {
	if edits.Mark == w.refused.mark {
		w.report(w.refused.note)
		return false
	}
	files := strings.Join(edits.Files, ", ")
	out, err := w.cfg.Registry.Commit(ctx, registry.CommitOptions{Typed: true})
	for _, warning := range out.Warnings {
		w.cfg.Logger.Warn(warning, "op", "autocommit")
	}
	switch {
	case ctx.Err() != nil:
		return false
	case errors.Is(err, registry.ErrPending):
		w.cfg.Logger.Warn("edits are in force, a service action is pending", "op", "autocommit", "edited", files, "err", err)
	case err != nil:
		note := fmt.Sprintf("%s was edited and is refused, the last good files stay in force: %v", files, err)
		w.report(note)
		if systemic(err) {
			return true
		}
		w.refused = verdict{edits.Mark, note}
		return false
	default:
		w.cfg.Logger.Info("edits are in force", "op", "autocommit", "edited", files, "files", strings.Join(out.Files, ", "))
	}
	w.refused = verdict{}
	w.report("")
	return false
}

// systemic reports whether a disk or the like is at fault, and not the edit. Others must not be tried again: that nobody
// listens at a port is an error of the system, too, and tells of a server that dies of its new settings.
func systemic(err error) bool {
	return slices.ContainsFunc([]syscall.Errno{
		syscall.EDQUOT, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOSPC, syscall.EROFS,
	}, func(e syscall.Errno) bool { return errors.Is(err, e) })
}

// wait says what a commit would do, without autocommit.
func (w *Watcher) wait(ctx context.Context, edits registry.Edits) {
	if edits.Mark != w.waiting.mark {
		out, err := w.cfg.Registry.Commit(ctx, registry.CommitOptions{Typed: true, DryRun: true})
		if ctx.Err() != nil {
			return
		}
		effect := "would change no file"
		switch {
		case err != nil:
			effect = fmt.Sprintf("would be refused: %v", err)
		case len(out.Files) > 0:
			effect = "would write " + strings.Join(out.Files, ", ")
		}
		w.waiting = verdict{edits.Mark, fmt.Sprintf("%s was edited and waits, for mailreg/autocommit is no: mailreg commit %s",
			strings.Join(edits.Files, ", "), effect)}
	}
	w.report(w.waiting.note)
}
