package main

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/mailreg/mailreg/handlers/domain"
	"github.com/mailreg/mailreg/handlers/external"
	"github.com/mailreg/mailreg/handlers/fetchmail"
	"github.com/mailreg/mailreg/handlers/folder"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/handlers/policy"
	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/schema"
)

// site are the handlers of the site's own.
type site struct {
	handlers []listener.Handler
	files    []external.File
	// notes say which files are left out, and why. They keep nothing from starting: mail does not wait for a typing error.
	notes []string
}

func loadSite(root string, logger *slog.Logger) (s site, err error) {
	s.files, s.notes, err = external.Load(root, mailbox.Name, folder.Name, domain.Name, policy.Name, fetchmail.Name)
	if err != nil {
		return s, fmt.Errorf("reading the site's handlers: %w", err)
	}
	for _, note := range s.notes {
		logger.Warn(note, "op", "start")
	}
	for _, file := range s.files {
		s.handlers = append(s.handlers, external.New(external.Config{File: file, Root: root, Logger: logger}))
	}
	return s, nil
}

// widen adds what the handlers want to what is followed.
func (s site) widen(scope *schema.Scope) {
	for _, file := range s.files {
		scope.Also = append(scope.Also, file.Filter.String())
		scope.Asked = append(scope.Asked, file.Attributes...)
		scope.Asked = append(scope.Asked, file.Filter.Attributes()...)
	}
}

// selects decides about single entries as the filter does: what the handlers of ours want, and those of the site's own.
func (s site) selects(scope schema.Scope) func(*schema.Entry) bool {
	return func(e *schema.Entry) bool {
		return scope.Selects(e) || slices.ContainsFunc(s.files, func(file external.File) bool { return file.Filter.Match(e) })
	}
}
