package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mailreg/mailreg/registry/stage"
	"github.com/mailreg/mailreg/registry/swap"
)

// check lays the changes over a copy of each service's whole config directory and has the service's own programs look at
// it; indexed maps are built there as well. A dry run stages outside the root.
func (t *transaction) check(ctx context.Context) (err error) {
	affected := t.affected()
	if len(affected) == 0 {
		return nil
	}
	// Beside the state, where nobody else looks; a dry run must not touch the root.
	dir := t.r.path(stageDir)
	if t.job.dryRun {
		if dir, err = os.MkdirTemp("", "mailreg-"); err != nil {
			return err
		}
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// The whole directory, not only what changes: a server reads it as a whole, .local and included files as well.
	for _, s := range affected {
		if err := stage.Copy(t.r.path(s.Dir()), filepath.Join(dir, s.Dir())); err != nil {
			return fmt.Errorf("staging %s: %w", s.Dir(), err)
		}
		if err := t.copyFiles(s, dir); err != nil {
			return err
		}
	}
	for _, o := range t.plan.Outputs {
		if err := stage.Lay(dir, o.Path, o.File); err != nil {
			return fmt.Errorf("staging %s: %w", o.Path, err)
		}
	}
	for _, s := range affected {
		warnings, err := s.Check(ctx, filepath.Join(dir, s.Dir()))
		t.out.Warnings = append(t.out.Warnings, warnings...)
		if err != nil {
			return fmt.Errorf("%s refuses its new files: %w", s.Name(), err)
		}
	}
	return t.build(ctx, dir)
}

// copyFiles copies the config files of a service that lie outside of its directory.
func (t *transaction) copyFiles(s Service, dir string) error {
	beside, ok := s.(scattered)
	if !ok {
		return nil
	}
	for _, path := range beside.Files() {
		live, err := swap.Read(t.r.path(path))
		if err != nil {
			return fmt.Errorf("staging %s: %w", path, err)
		}
		if err := stage.Lay(dir, path, live); err != nil {
			return fmt.Errorf("staging %s: %w", path, err)
		}
	}
	return nil
}

// affected returns the services whose files the transaction touches.
func (t *transaction) affected() []Service {
	touched := map[string]bool{}
	for _, o := range t.plan.Outputs {
		touched[o.Service] = true
	}
	var affected []Service
	for _, s := range t.r.services() {
		if touched[s.Name()] {
			affected = append(affected, s)
		}
	}
	return affected
}

// build makes the indexed maps of changed tables in the stage.
func (t *transaction) build(ctx context.Context, dir string) error {
	for _, o := range t.plan.Outputs {
		if !o.Build || o.File.Remove {
			continue
		}
		s := t.r.service(o.Service)
		warnings, err := s.Build(ctx, filepath.Join(dir, s.Dir()), filepath.Join(dir, o.Path), o.Table)
		t.out.Warnings = append(t.out.Warnings, warnings...)
		if err != nil {
			return fmt.Errorf("building the map of %s: %w", o.Path, err)
		}
		path := s.Map(o.Path, o.Table)
		data, err := os.ReadFile(filepath.Join(dir, path))
		if errors.Is(err, fs.ErrNotExist) && len(warnings) > 0 {
			continue // the program is missing, as the warning says
		}
		if err != nil {
			return fmt.Errorf("building the map of %s: %w", o.Path, err)
		}
		built := o.File
		built.Path, built.Data = t.r.path(path), data
		built.Time = built.Time.Add(time.Second) // whoever compares them wants it newer than its source
		t.maps = append(t.maps, built)
	}
	return nil
}
