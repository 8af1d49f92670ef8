package secure_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/secure"
)

// Two peers meet over any net.Conn. The dialer knows whom it wants; each proves
// to the other that it is in the same network.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, err := identity.NewKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	bob, err := identity.NewKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	network := secure.NetworkKey("my-network", []byte("a secret of sixteen random bytes"))
	preamble := []byte("#PXP2")
	a, b := net.Pipe()

	served := make(chan error, 1)
	go func() { // ends with the connection; waited for below
		got := make([]byte, len(preamble))
		if _, err := io.ReadFull(b, got); err != nil {
			served <- err
			return
		}
		conn, err := secure.Server(ctx, b, &secure.Config{Key: bob, Preamble: preamble})
		if err != nil {
			served <- err
			return
		}
		defer conn.Close()
		proof := make([]byte, 32)
		if _, err = io.ReadFull(conn, proof); err == nil && !secure.Verify(network, secure.Dialer, conn.Binding(), proof) {
			err = fmt.Errorf("%v is not in the network", conn.Peer())
		}
		if err == nil {
			_, err = io.WriteString(conn, "hello, "+conn.Peer().String())
		}
		served <- err
	}()

	conn, err := secure.Client(ctx, a, &secure.Config{Key: alice, Expect: bob.ID(), Preamble: preamble})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	proof := secure.Prove(network, secure.Dialer, conn.Binding())
	if _, err := conn.Write(proof[:]); err != nil {
		fmt.Println(err)
		return
	}
	greeting, err := io.ReadAll(conn)
	fmt.Println(string(greeting) == "hello, "+alice.ID().String(), err, <-served)
	// Output: true <nil> <nil>
}
