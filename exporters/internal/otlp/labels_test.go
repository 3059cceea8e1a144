// SPDX-License-Identifier: Apache-2.0

package otlp_test

import (
	"slices"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
)

// labels returns attributes in one line, sorted.
func labels(attributes []*commonpb.KeyValue) string {
	pairs := make([]string, 0, len(attributes))
	for _, kv := range attributes {
		pairs = append(pairs, kv.GetKey()+"="+kv.GetValue().GetStringValue())
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}
