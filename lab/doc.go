// Package lab builds small internets on one machine: hosts with addresses of their own, behind NATs that they do not know of, over links
// that delay and lose packets. Real processes run in them. It is for tests with the build tag "lab" (.ci/run lab), on
// Linux, as root, with iproute2 and nftables; without the tag this package is empty.
//
// # How it is built
//
// A [Topology] is data: hosts and NATs, and what each is behind. [New] makes a network namespace for each of them and
// one for the internet, which is a bridge with the addresses 203.0.113.0/24. NATs are nftables rules, links are veth
// pairs, with netem where the kernel has it and else a pair of TAPs between which the test process moves the frames.
//
// # What it leaves behind
//
// Nothing, however it ends: [Main] runs the tests in a child with mount, network and process namespaces of its own. When
// that child dies, also by SIGKILL, and also when its parent does, the kernel ends all processes in it and removes all
// networks. Labs do not see each other, so tests may run in parallel.
//
// # What it does not show
//
// IPv6 (there is none in it), home routers' own ideas about timeouts and UPnP, and how fast anything is.
package lab
