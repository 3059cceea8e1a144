package stats_test

import (
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// TestMergeOfNothingTaken merges what Take returns for an empty payload.
func TestMergeOfNothingTaken(t *testing.T) {
	var into, empty stats.Payload
	if err := into.AddCounter("my_counter", stats.Int64(7)); err != nil {
		t.Fatal(err)
	}
	if err := into.Merge(empty.Take()); err != nil {
		t.Errorf("Merge of a nil payload returned %v", err)
	}
	if got := into.Reduce().String(); got != "my_counter=7" {
		t.Errorf("after it the payload is %q", got)
	}
}
