// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

const loadBytes = "vllm:kv_offload_load_bytes_total"

// encode returns a batch of one load of n bytes on engine 0, as package ingest
// documents it.
func encode(sender, run string, sequence uint64, n int64) []byte {
	var p stats.Payload
	if err := p.AddCounter(vllm.LoadBytes.PrometheusName, stats.Int64(n)); err != nil {
		panic(err)
	}
	text := func(b []byte, s string) []byte { return append(append(b, 0xd9, byte(len(s))), s...) }
	b := text(text([]byte{0x84}, "sender"), sender)
	b = text(text(b, "run"), run)
	b = binary.BigEndian.AppendUint64(append(text(b, "sequence"), 0xcf), sequence)
	b = append(text(b, "records"), 0x91, 0x94, 0)
	b = append(text(b, "m"), 0)
	return p.AppendMessagePack(b)
}

// deliver delivers a batch, and checks the answer.
func deliver(t *testing.T, url string, body []byte, status int, says string) {
	t.Helper()
	got, answer, err := post(url, body)
	if err != nil || got != status || !strings.Contains(answer, says) {
		t.Errorf("a batch is answered with %d %q, %v; want %d %q", got, answer, err, status, says)
	}
}

func post(url string, body []byte) (status int, answer string, err error) {
	response, err := client.Post(url, "application/vnd.msgpack", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// client uses a new connection for each request, so that none stays open.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: ending}
