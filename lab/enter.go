//go:build lab

package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Set in the process that runs the tests. It has the pxp command as its file 3.
const insideVariable = "EXCHANGE_LAB_INSIDE"

// command is where the pxp command is inside. /run is private there.
const command = "/run/pxp"

// Main runs the tests of a package that uses the lab; its TestMain calls it with what it would do otherwise. In the
// first process Main builds the pxp command, begins this program again in namespaces of its own and exits with its status;
// there it calls run.
func Main(m *testing.M, run func(m *testing.M)) {
	if os.Getenv(insideVariable) != "" {
		if err := inside(); err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
			os.Exit(1)
		}
		run(m)
		return
	}
	code, err := enter()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		code = 1
	}
	os.Exit(code)
}

// enter runs this program again, inside.
func enter() (code int, err error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("needs root: it makes network namespaces and TAP devices")
	}
	for _, tool := range []string{"ip", "nft", "tc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return 0, fmt.Errorf("%w (Debian: apt-get install iproute2 nftables)", err)
		}
	}
	pxp, err := build()
	if err != nil {
		return 0, fmt.Errorf("building pxp: %w", err)
	}
	defer pxp.Close()
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.ExtraFiles = []*os.File{pxp}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	// The signal comes at the death of the thread that began it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(cmd.ProcessState.ExitCode(), 1), nil
	}
	return 0, err
}

// build returns the pxp command as a file that has no name any more, so that nobody has to remove it.
func build() (pxp *os.File, err error) {
	dir, err := os.MkdirTemp("", "lab")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	name := filepath.Join(dir, "pxp")
	cmd := exec.Command("go", "build", "-o", name, "github.com/peer-exchange/exchange/cmd/pxp")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.Open(name)
}

// inside makes what ip and the processes see as private as the namespaces are.
func inside() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil { // the names of network namespaces are files there
		return fmt.Errorf("mounting /run: %w", err)
	}
	from := os.NewFile(3, "pxp")
	defer from.Close()
	to, err := os.OpenFile(command, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}
