// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

// Variables of the process that runs the test in namespaces: that it does, and the paths of
// the programs.
const (
	inNamespace   = "PROCESSES_IN_NAMESPACE"
	sidecarInside = "PROCESSES_SIDECAR"
	fleetInside   = "PROCESSES_FLEET"
)

// makeNetworks makes two network namespaces with a cable between them.
const makeNetworks = `set -e
mount -t tmpfs none /run
mkdir /run/netns
ip netns add a
ip netns add b
ip link add va netns a type veth peer name vb netns b
ip -n a addr add 10.9.0.1/24 dev va
ip -n b addr add 10.9.0.2/24 dev vb
for n in a b; do ip -n $n link set v$n up; ip -n $n link set lo up; done
`

// TestFleetAcrossNamespaces is TestFleetCountsOnce with the sidecar in a network
// namespace of its own, and a cable that is pulled.
func TestFleetAcrossNamespaces(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		link := func(state string) {
			if output, err := exec.Command("ip", "-n", "a", "link", "set", "va", state).CombinedOutput(); err != nil {
				t.Errorf("ip: %v: %s", err, output)
			}
		}
		ip, err := exec.LookPath("ip")
		if err != nil {
			t.Fatal(err)
		}
		countOnce(t, os.Getenv(sidecarInside), os.Getenv(fleetInside), network{
			listen:  []string{"10.9.0.1:7000", "10.9.0.1:7001"},
			to:      "10.9.0.1:7000",
			command: []string{ip, "netns", "exec", "a"},
			partition: func() func() {
				link("down")
				return func() { link("up") }
			},
		})
		return
	}
	path, err := exec.LookPath("unshare")
	if err != nil {
		t.Skipf("needs unshare: %v", err)
	}
	if output, err := exec.Command(path, "-rmn", "sh", "-c", makeNetworks).CombinedOutput(); err != nil {
		t.Skipf("cannot make network namespaces here: %v: %s", err, output)
	}
	command := exec.CommandContext(t.Context(), path, "-rmn", "sh", "-c", makeNetworks+`exec ip netns exec b "$@"`, "sh",
		os.Args[0], "-test.run=^TestFleetAcrossNamespaces$", "-test.v", "-test.timeout=2m")
	command.Env = append(os.Environ(), inNamespace+"=1",
		sidecarInside+"="+servers.BuildProgram(t, "cmd/otelkv"), fleetInside+"="+servers.BuildProgram(t, "examples/fleet"))
	command.Dir = filepath.Dir(os.Args[0])
	output, err := command.CombinedOutput()
	text := string(output)
	if err != nil || !strings.Contains(text, "--- PASS: TestFleetAcrossNamespaces") {
		t.Errorf("%v:\n%s", err, text)
	}
	if i := strings.Index(text, "batches in"); i > 0 {
		t.Log(text[max(0, i-10):min(len(text), i+120)])
	}
}
