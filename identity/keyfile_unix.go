//go:build unix

package identity

// hasPermissions tells whether the mode of a file says who may read it.
const hasPermissions = true
