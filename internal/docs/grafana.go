// SPDX-License-Identifier: Apache-2.0

package docs

// The part of Grafana's dashboard model that the dashboards use, with Grafana's names of
// the fields. A test of internal/e2e/docs decodes the files into the types that Grafana
// publishes.
type (
	grafanaDashboard struct {
		UID           string             `json:"uid"`
		Title         string             `json:"title"`
		Description   string             `json:"description"`
		Tags          []string           `json:"tags"`
		Editable      bool               `json:"editable"`
		GraphTooltip  int                `json:"graphTooltip"`
		SchemaVersion int                `json:"schemaVersion"`
		Version       int                `json:"version"`
		Timezone      string             `json:"timezone"`
		Refresh       string             `json:"refresh"`
		Time          grafanaTime        `json:"time"`
		Links         []grafanaLink      `json:"links"`
		Annotations   grafanaAnnotations `json:"annotations"`
		Templating    grafanaTemplate    `json:"templating"`
		Panels        []grafanaPanel     `json:"panels"`
	}
	grafanaTime struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	grafanaLink struct {
		Title       string   `json:"title"`
		Type        string   `json:"type"`
		Icon        string   `json:"icon"`
		Tooltip     string   `json:"tooltip"`
		URL         string   `json:"url,omitempty"`
		Tags        []string `json:"tags"`
		AsDropdown  bool     `json:"asDropdown"`
		TargetBlank bool     `json:"targetBlank"`
		IncludeVars bool     `json:"includeVars"`
		KeepTime    bool     `json:"keepTime"`
	}
	grafanaAnnotations struct {
		List []grafanaAnnotation `json:"list"`
	}
	grafanaAnnotation struct {
		Name        string             `json:"name"`
		Type        string             `json:"type,omitempty"`
		BuiltIn     int                `json:"builtIn,omitempty"`
		Datasource  *grafanaDatasource `json:"datasource"`
		Enable      bool               `json:"enable"`
		Hide        bool               `json:"hide,omitempty"`
		IconColor   string             `json:"iconColor"`
		Expr        string             `json:"expr,omitempty"`
		TitleFormat string             `json:"titleFormat,omitempty"`
		TextFormat  string             `json:"textFormat,omitempty"`
		TagKeys     string             `json:"tagKeys,omitempty"`
		// UseValueForTime false puts an event at its sample's time.
		UseValueForTime bool `json:"useValueForTime,omitempty"`
	}
	grafanaTemplate struct {
		List []grafanaVariable `json:"list"`
	}
	grafanaVariable struct {
		Name       string             `json:"name"`
		Label      string             `json:"label"`
		Type       string             `json:"type"`
		Datasource *grafanaDatasource `json:"datasource,omitempty"`
		Query      any                `json:"query"`
		Definition string             `json:"definition,omitempty"`
		Refresh    int                `json:"refresh"`
		Sort       int                `json:"sort,omitempty"`
		Multi      bool               `json:"multi,omitempty"`
		IncludeAll bool               `json:"includeAll,omitempty"`
		AllValue   string             `json:"allValue,omitempty"`
		Current    *grafanaCurrent    `json:"current,omitempty"`
	}
	grafanaQuery struct {
		Query string `json:"query"`
		RefID string `json:"refId"`
	}
	grafanaCurrent struct {
		Text  []string `json:"text"`
		Value []string `json:"value"`
	}
	grafanaDatasource struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	}
	grafanaPanel struct {
		ID              int                     `json:"id"`
		Type            string                  `json:"type"`
		Title           string                  `json:"title"`
		Description     string                  `json:"description,omitempty"`
		GridPos         grafanaGridPos          `json:"gridPos"`
		Collapsed       *bool                   `json:"collapsed,omitempty"`
		Repeat          string                  `json:"repeat,omitempty"`
		Panels          *[]grafanaPanel         `json:"panels,omitempty"`
		Datasource      *grafanaDatasource      `json:"datasource,omitempty"`
		Links           []grafanaLink           `json:"links,omitempty"`
		FieldConfig     *grafanaFieldConfig     `json:"fieldConfig,omitempty"`
		Options         map[string]any          `json:"options,omitempty"`
		Targets         []grafanaTarget         `json:"targets,omitempty"`
		Transformations []grafanaTransformation `json:"transformations,omitempty"`
	}
	grafanaGridPos struct {
		H int `json:"h"`
		W int `json:"w"`
		X int `json:"x"`
		Y int `json:"y"`
	}
	grafanaFieldConfig struct {
		Defaults  grafanaDefaults `json:"defaults"`
		Overrides []any           `json:"overrides"`
	}
	grafanaDefaults struct {
		Unit       string             `json:"unit,omitempty"`
		Min        *float64           `json:"min,omitempty"`
		Max        *float64           `json:"max,omitempty"`
		Color      *grafanaColor      `json:"color,omitempty"`
		Thresholds *grafanaThresholds `json:"thresholds,omitempty"`
		NoValue    string             `json:"noValue,omitempty"`
		Custom     map[string]any     `json:"custom,omitempty"`
	}
	grafanaColor struct {
		Mode string `json:"mode"`
	}
	grafanaThresholds struct {
		Mode  string        `json:"mode"`
		Steps []grafanaStep `json:"steps"`
	}
	grafanaStep struct {
		Value *float64 `json:"value"`
		Color string   `json:"color"`
	}
	grafanaTarget struct {
		RefID        string            `json:"refId"`
		Datasource   grafanaDatasource `json:"datasource"`
		Expr         string            `json:"expr"`
		LegendFormat string            `json:"legendFormat,omitempty"`
		Format       string            `json:"format,omitempty"`
		Instant      bool              `json:"instant,omitempty"`
		Range        bool              `json:"range,omitempty"`
	}
	grafanaTransformation struct {
		ID      string         `json:"id"`
		Options map[string]any `json:"options"`
	}
)
