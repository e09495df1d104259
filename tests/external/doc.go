// Package external proves that programs of a site's own are run on changes of a real directory as handlers.d promises.
package external
