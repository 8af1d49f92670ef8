package identity_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/peer-exchange/exchange/identity"
)

// A key is made once, kept in a file, and what it signs is checked with the ID
// alone.
func Example() {
	dir, err := os.MkdirTemp("", "identity")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "key")

	made, err := identity.NewKey()
	if err == nil {
		err = made.Save(file)
	}
	if err != nil {
		fmt.Println(err)
		return
	}

	key, err := identity.LoadKey(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := identity.ParseID(key.ID().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	message := []byte("example: hello")
	fmt.Println(id.Verify(message, key.Sign(message)), len(id.String()))
	// Output: true 52
}
