//go:build !unix

package identity

// hasPermissions tells whether the mode of a file says who may read it. On
// Windows and in js/wasm it says nothing.
const hasPermissions = false
