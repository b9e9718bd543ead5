// Package config loads, checks, shows and makes the configuration.
//
// See the example of Load.
//
// # Promises
//
// Layers are read in this order, and a later one wins key by key: what is built
// in, the image builder's file, the main file, conf.d/*.toml by name, the
// environment. [[device]] tables are joined by their names. Show tells where each
// setting was set.
//
// Everything that is wrong is reported at once, each fault with file, line,
// column and, where there is one, what was probably meant. A configuration that
// Load gives has passed every rule; nothing that it names was opened.
//
// Tokens and keys lie in files of their own; a secret in an address is shown
// replaced.
//
// # Limits
//
// A file has 1 MiB at most. What a device's own keys mean is known by its kind in
// package device; what a dialect allows, by package uplink.
//
// A Config is not changed once it is loaded, and may then be read from any
// goroutine.
package config
