// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// startTimeout is how long Prometheus may take to be ready.
const startTimeout = 30 * time.Second

// A run is a tieredcache under load, and a Prometheus server that scrapes it.
type run struct {
	url       string
	processes []*exec.Cmd
	dir       string
}

// start builds and starts the programs. The caller stops the run.
func start(ctx context.Context, prometheus, root string) (_ *run, err error) {
	r := &run{}
	defer func() {
		if err != nil {
			r.stop()
		}
	}()
	if r.dir, err = os.MkdirTemp("", "pictures-"); err != nil {
		return nil, err
	}
	service, err := freeAddress()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	configuration := filepath.Join(r.dir, "prometheus.yaml")
	text := fmt.Sprintf("global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: otelkv\n    static_configs: [{targets: [%q]}]\n", service)
	if err := os.WriteFile(configuration, []byte(text), 0o600); err != nil {
		return nil, err
	}
	program := filepath.Join(r.dir, "tieredcache")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./examples/tieredcache")
	build.Dir, build.Stderr = root, os.Stderr
	if err := build.Run(); err != nil {
		return nil, err
	}
	if err := r.execute(program, "-listen="+service); err != nil {
		return nil, err
	}
	err = r.execute(prometheus, "--config.file="+configuration, "--storage.tsdb.path="+filepath.Join(r.dir, "data"),
		"--web.listen-address="+address, "--log.level=error")
	if err != nil {
		return nil, err
	}
	r.url = "http://" + address
	return r, r.await(ctx)
}

func (r *run) execute(program string, arguments ...string) error {
	process := exec.Command(program, arguments...)
	process.Stderr = os.Stderr
	if err := process.Start(); err != nil {
		return err
	}
	r.processes = append(r.processes, process)
	return nil
}

// await waits until Prometheus answers.
func (r *run) await(ctx context.Context) error {
	client := &http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		response, err := client.Get(r.url + "/-/ready")
		if err != nil {
			continue
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
	}
	return errors.Join(errors.New("prometheus was not ready in time"), ctx.Err())
}

// stop ends both programs and removes what they wrote.
func (r *run) stop() {
	for _, process := range r.processes {
		if err := process.Process.Signal(syscall.SIGTERM); err == nil {
			// The signal is the reason for their status.
			_ = process.Wait()
		}
	}
	if err := os.RemoveAll(r.dir); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
	}
}

// freeAddress returns a free address on loopback.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
