package docs

// The part of Grafana's dashboard model that the dashboard uses. The names of the
// fields are Grafana's.
type (
	grafanaDashboard struct {
		UID           string          `json:"uid"`
		Title         string          `json:"title"`
		Description   string          `json:"description"`
		Tags          []string        `json:"tags"`
		Editable      bool            `json:"editable"`
		GraphTooltip  int             `json:"graphTooltip"`
		SchemaVersion int             `json:"schemaVersion"`
		Version       int             `json:"version"`
		Timezone      string          `json:"timezone"`
		Refresh       string          `json:"refresh"`
		Time          grafanaTime     `json:"time"`
		Templating    grafanaTemplate `json:"templating"`
		Panels        []grafanaPanel  `json:"panels"`
	}
	grafanaTime struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	grafanaTemplate struct {
		List []grafanaVariable `json:"list"`
	}
	grafanaVariable struct {
		Name       string             `json:"name"`
		Label      string             `json:"label"`
		Type       string             `json:"type"`
		Datasource *grafanaDatasource `json:"datasource,omitempty"`
		Query      string             `json:"query"`
		Refresh    int                `json:"refresh"`
		Sort       int                `json:"sort,omitempty"`
		Multi      bool               `json:"multi,omitempty"`
		IncludeAll bool               `json:"includeAll,omitempty"`
		Current    *grafanaCurrent    `json:"current,omitempty"`
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
		Panels          []grafanaPanel          `json:"panels,omitempty"`
		Datasource      *grafanaDatasource      `json:"datasource,omitempty"`
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
		Unit   string         `json:"unit"`
		Min    *float64       `json:"min,omitempty"`
		Max    *float64       `json:"max,omitempty"`
		Custom map[string]any `json:"custom,omitempty"`
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
