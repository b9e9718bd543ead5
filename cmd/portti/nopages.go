//go:build !pages

package main

import "io/fs"

// extra are verbs that only the build with pages has: see pages.go.
func extra(fs.FS) []verb { return nil }
