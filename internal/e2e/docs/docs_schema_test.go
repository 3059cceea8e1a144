// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// TestDashboardsHaveGrafanasTypes decodes the dashboards strictly into the types that
// Grafana publishes for the dashboard, for the options and fields of each panel, and for
// the queries. An unknown field or a value of another type is an error.
func TestDashboardsHaveGrafanasTypes(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	for _, name := range dashboardFiles() {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(shipped, "dashboards", name))
			if err != nil {
				t.Fatal(err)
			}
			if err := conforms(text); err != nil {
				t.Error(err)
			}
			// The test finds a field of another type.
			var broken map[string]any
			if err := json.Unmarshal(text, &broken); err != nil {
				t.Fatal(err)
			}
			broken["refresh"] = []int{1}
			text, err = json.Marshal(broken)
			if err != nil {
				t.Fatal(err)
			}
			if err := conforms(text); err == nil {
				t.Error("a dashboard with a wrong type is accepted")
			}
		})
	}
}

// conforms returns the errors of a dashboard's JSON.
func conforms(text []byte) error {
	var typed dashboard.Dashboard
	// Without errors the list is empty, not nil.
	var problems cog.BuildErrors
	if err := typed.UnmarshalJSONStrict(text); err != nil && (!errors.As(err, &problems) || len(problems) > 0) {
		return err
	}
	if err := typed.Validate(); err != nil && (!errors.As(err, &problems) || len(problems) > 0) {
		return err
	}
	return nil
}
